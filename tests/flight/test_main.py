"""How the `flight` program ends: which status a supervisor sees, and what is kept for the ground."""

import pytest
from click.testing import CliRunner

from ccsds.errors import MisuseError
from flight.__main__ import BAD_INPUT_STATUS, CRASH_STATUS, main
from flight.disk import RealDisk
from flight.ledger import Ledger
from flight.spacecraft import Spacecraft


def fly(tmp_path, link="pty:"):
    return CliRunner().invoke(
        main, ["--link", link, "--store", str(tmp_path / "store"), "--insecure", "--corpus", str(corpus(tmp_path))]
    )


def corpus(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("to be or not to be\n" * 100)
    return path


@pytest.mark.parametrize("error", [MisuseError("nothing fits"), OSError(5, "I/O error"), KeyError("lost")])
def test_an_exception_of_the_running_software_is_a_crash_that_the_ground_can_read(tmp_path, monkeypatch, error):
    def fail(self, now_ns):
        raise error

    monkeypatch.setattr(Spacecraft, "advance", fail)
    result = fly(tmp_path)
    assert result.exit_code == CRASH_STATUS
    kept = Ledger(RealDisk(tmp_path / "store")).boots.exceptions[-1].text
    assert kept.endswith(f"{type(error).__name__}: {error}")


def test_a_store_that_is_no_folder_is_bad_input(tmp_path):
    (tmp_path / "store").write_text("a file")
    result = fly(tmp_path)
    assert result.exit_code == BAD_INPUT_STATUS
    assert result.output.count("\n") == 1


def test_a_device_that_cannot_be_is_bad_input(tmp_path):
    (tmp_path / "link").write_text("somebody's file")
    result = fly(tmp_path, f"pty:{tmp_path / 'link'}")
    assert result.exit_code == BAD_INPUT_STATUS
    assert "flight: link URL" in result.output
    assert (tmp_path / "link").read_text() == "somebody's file"
