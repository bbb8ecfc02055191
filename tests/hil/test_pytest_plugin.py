"""The pytest plugin as a team meets it: the suite of docs/testing-your-board.md over every wiring, and its reports."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hil.bench.bench import Bench
from hil.bench.setup import BenchSetup
from hil.bench.trace import Standing, Trace
from ports.port import open_port

pytest_plugins = ["pytester"]

GUIDE = Path(__file__).parents[2] / "docs" / "testing-your-board.md"


def suite_of_the_guide():
    """Give the files of the guide by name, as they stand there."""
    blocks = re.findall(r"```python\n# (\S+)\.py\n(.*?)```", GUIDE.read_text(), re.S)
    assert [name for name, _ in blocks] == ["conftest", "test_board"]
    return dict(blocks)


@pytest.fixture
def team(pytester):
    """A team's directory with the suite of the guide."""
    pytester.makepyfile(**suite_of_the_guide())
    rows = (
        f"T={minute} bus={28 + minute % 7 / 10:.1f}V mode={'SUN' if minute % 95 < 58 else 'ECL'}"
        for minute in range(900)
    )
    pytester.path.joinpath("telemetry.txt").write_text("\n".join(rows))
    return pytester


def run(pytester, *options):
    return pytester.runpytest_subprocess("-p", "hil.pytest_plugin", "-p", "no:cacheprovider", *options, timeout=240)


def run_here(pytester, *options):
    """Run in this process, which costs no start of an interpreter; what is imported must not matter."""
    return pytester.runpytest_inprocess("-p", "hil.pytest_plugin", "-p", "no:cacheprovider", *options)


# Two programs in real time need their time: a job over a pty is in `tests/hil/run/test_loop.py`, and over TCP an answer
# shows that the suite has come to another wiring.
@pytest.mark.parametrize(
    ("link", "selected", "passed"), [("loopback", "", 4), ("pty", "not killed", 3), ("tcp", "answers or clock", 1)]
)
def test_the_same_suite_passes_over_every_wiring(team, link, selected, passed):
    result = run(team, f"--hil-link={link}", "--hil-seed=7", "-rs", "-k", selected)
    result.assert_outcomes(passed=passed, skipped=1, deselected=4 - passed)
    result.stdout.fnmatch_lines(
        ["BRD-010 *verified*", "BRD-011 *open*", f"*wants a board: --hil-link=/dev/ttyX, found {link}"]
    )


def test_a_board_is_a_board_by_its_url_alone(team, tmp_path):
    # The other end of a pseudo-terminal is opened as a UART is.
    link = ["--link", f"pty:{tmp_path / 'tty'}", "--insecure", "--store", str(tmp_path / "store")]
    with (tmp_path / "log").open("wb") as log:
        board = subprocess.Popen([sys.executable, "-m", "flight", *link], stderr=log)
    try:
        while not (tmp_path / "tty").is_symlink():
            assert board.poll() is None, "the board did not start"
        options = [f"--hil-link=serial:{tmp_path / 'tty'}", "--hil-insecure"]
        result = run(team, *options, "-k", "answers or clock or killed")
        assert board.poll() is None
    finally:
        board.terminate()
        board.wait()
    # Our job wants a corpus that is not on this board: the board says so.
    result.assert_outcomes(passed=2, failed=1, deselected=2)
    result.stdout.fnmatch_lines(
        ["E *expected command job.submit to be COMPLETED, found *telemetry*", "BRD-011 *verified*"]
    )


def test_what_cannot_be_done_to_a_board_skips_the_test(pytester, tmp_path):
    pytester.makepyfile("def test_it(hil_flight):\n    hil_flight.kill_worker()\n")
    board = open_port(f"pty:{tmp_path / 'tty'}")
    result = run(pytester, f"--hil-link=serial:{tmp_path / 'tty'}", "--hil-insecure", "-rs")
    board.close()
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*expected flight software on this computer to kill its worker, found a board*"])


def test_a_failure_shows_the_line_the_seed_the_capture_and_the_replay(pytester):
    pytester.makepyfile(
        """
        def test_a_worker_is_lost(hil_ground):
            hil_ground.send("test.connection")
            hil_ground.wait_for_event("worker_lost", timeout_s=3)
        """
    )
    result = run_here(pytester, "--hil-seed=11", "--hil-profile=uhf", "--junitxml=junit.xml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '>       hil_ground.wait_for_event("worker_lost", timeout_s=3)',
            "E *expected worker_lost within 3 s, found none; heard booted",
            "*hil: what happened last*",
            "*hil: how to see it again*",
            "seed       11",
            "profile    uhf",
            "capture *downlink.bin",
            "replay     pytest *::test_a_worker_is_lost --hil-profile=uhf --hil-seed=11",
        ]
    )
    assert "hil/bench" not in result.stdout.str()
    capture = Path(re.search(r"capture +(\S+uplink\.bin)", result.stdout.str())[1])
    assert capture.read_bytes().startswith(b"\xeb\x90")
    junit = pytester.path.joinpath("junit.xml").read_text()
    assert '<property name="hil_seed" value="11"' in junit
    assert '<property name="hil_replay" value="pytest ' in junit


def test_equal_seeds_give_equal_octets(tmp_path):
    def octets(name, seed):
        (tmp_path / name).mkdir()
        with Bench(BenchSetup(seed=seed, tables={"link": {"up": {"bit_error_rate": 1e-4}}}), tmp_path / name) as bench:
            bench.ground.send("test.connection")
            bench.link.drop(3)
            bench.ground.send("test.connection")
        return (tmp_path / name / "downlink.bin").read_bytes()

    first = octets("first", 3)
    assert octets("again", 3) == first
    assert octets("other", 4) != first


def test_a_command_that_acts_twice_fails_the_test_that_saw_it(pytester):
    pytester.makepyfile(
        """
        import pytest

        from flight.ledger import Ledger

        @pytest.fixture(autouse=True)
        def forgetful(monkeypatch):
            # It has forgotten every telecommand that it answered.
            monkeypatch.setattr(Ledger, "answers_to", lambda *_: None)

        def test_it(hil_ground, hil_link):
            hil_ground.send("test.connection")
            # So long that the station sends the very octets again.
            hil_link.drop(60, "down")
            assert hil_ground.send("test.connection").tries > 1
        """
    )
    result = run(pytester)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*expected no command to act twice, found *-1"])


def test_the_plugin_is_silent_until_it_is_used(pytester):
    pytester.makepyfile(
        """
        import sys
        import pytest

        @pytest.mark.hardware
        def test_a_marker_of_the_teams_own():
            loaded = {name.partition(".")[0] for name in sys.modules}
            assert not loaded & {"torch", "numpy", "matplotlib", "msgspec", "flight", "ground", "mission", "ccsds"}
        """
    )
    result = run(pytester)
    result.assert_outcomes(passed=1)
    assert "hil" not in result.stdout.str().replace("hil.pytest_plugin", "")


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--hil-link=telepathy", "expected loopback, pty, tcp, a device such as /dev/ttyUSB0, or a link URL"),
        ("--hil-link=/dev/ttyUSB0", "expected either the ground's key file or the word that it has none"),
        ("--hil-profile=laser", "unknown link profile 'laser'"),
        ("--hil-seed=-3", "--hil-seed -3: expected a number of 0 or above"),
        ("--hil-keys=none.keys", "--hil-keys none.keys: expected the ground's key file, found none"),
        ("--hil-trace=trace.xls", "--hil-trace trace.xls: expected a file that ends in .json or .md"),
    ],
)  # fmt: skip
def test_a_wrong_option_gets_one_line(pytester, option, told):
    pytester.makepyfile("def test_it(hil_ground):\n    pass\n")
    result = run_here(pytester, option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    lines = [line for line in result.stderr.lines if line]
    assert len(lines) == 1 and told in lines[0], lines


def test_a_wrong_set_up_gets_one_line(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def hil_setup():
            return {"link": {"up": {"dealy_s": 1}}}

        def test_it(hil_ground):
            pass
        """
    )
    result = run_here(pytester)
    result.stdout.fnmatch_lines(["hil: scenario hil_setup: unknown key link.up.dealy_s: expected one of delay_s*"])


def test_the_trace_is_written_for_programs_and_for_people(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.requirement("R-1", "R-2")
        def test_good():
            pass

        @pytest.mark.requirement("R-2")
        def test_bad():
            assert False

        @pytest.mark.requirement("R-3")
        @pytest.mark.skip(reason="later")
        def test_later():
            pass
        """
    )
    run_here(pytester, "--hil-trace=trace.json")
    run_here(pytester, "--hil-trace=trace.md")
    rows = json.loads(pytester.path.joinpath("trace.json").read_text())["requirements"]
    assert {row["requirement"]: row["standing"] for row in rows} == {"R-1": "verified", "R-2": "failed", "R-3": "open"}
    assert [outcome for row in rows for outcome in row["tests"].values()] == ["passed", "passed", "failed", "skipped"]
    assert "| R-3 | open | `" in pytester.path.joinpath("trace.md").read_text()


def test_a_test_that_did_not_run_leaves_its_requirement_open():
    trace = Trace()
    trace.expect("R", "first")
    trace.note("R", "first", "passed")
    assert trace.standing("R") is Standing.VERIFIED
    trace.expect("R", "second")
    assert trace.standing("R") is Standing.OPEN
    trace.note("R", "second", "failed")
    trace.note("R", "second", "passed")
    assert trace.standing("R") is Standing.FAILED
