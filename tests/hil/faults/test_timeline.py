"""Faults on the timeline of a run: each comes when it is to, does what it says, and the run goes on from it."""

import json

import pytest

from flight.jobs.recipe import load_recipe
from flight.jobs.reference import run_reference
from hil.run.corpora import find_corpora
from hil.scenario.scenario import parse_scenario
from hil.world import World

OVERRIDES = "training.steps = 40\\nmodel.layers = 1\\nmodel.width = 16"
QUIET = """
name = "quiet"
duration_s = 400
[link]
profile = "sband"
FAULTS
[[procedure]]
command = "test.connection"
[[procedure]]
wait_s = 100
[[procedure]]
command = "boot.report"
"""
JOB = f"""
name = "job"
duration_s = 1000
[spacecraft]
corpora = ["CORPUS"]
worker = "inline"
work = {{ step_s = 0.25, save_s = 1.0 }}
[link]
profile = "sband"
FAULTS
[[procedure]]
command = "job.submit"
arguments = {{ job_id = 1, recipe = "tiny", corpus = "verses", seed = 5, overrides = "{OVERRIDES}" }}
[[procedure]]
wait_for_job = 1
"""


@pytest.fixture(scope="module")
def corpus_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "verses.txt"
    path.write_text("".join(f"line {number}: {number * 7919 % 1009}\n" for number in range(500)))
    return path


@pytest.fixture
def fly(tmp_path, corpus_path):
    """Fly a scenario with faults and give its log and the world; its procedure must come to its end."""

    def fly(faults, text=QUIET, seed=1, name="run"):
        scenario = parse_scenario(text.replace("FAULTS", faults).replace("CORPUS", str(corpus_path)), "x")
        folder = tmp_path / name
        folder.mkdir()
        corpora = find_corpora(scenario) if scenario.spacecraft.corpora else {}
        world = World(scenario, seed, folder, corpora, lambda source, event: None)
        world.run()
        assert world.procedure.failures == []
        assert world.procedure.is_done
        return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()], world

    return fly


@pytest.fixture(scope="module")
def weights(corpus_path):
    text = JOB.replace("FAULTS", "").replace("CORPUS", str(corpus_path))
    corpus = find_corpora(parse_scenario(text, "x"))["verses"]
    return run_reference(load_recipe("tiny").override(OVERRIDES.replace("\\n", "\n")), corpus, 5).weights_sha256


def struck(log):
    return [(event["time_ns"] / 1e9, event["text"]) for event in log if event["type"] == "FaultStruck"]


def announced(log, name):
    return [event["values"] for event in log if event["type"] == "Announced" and event["name"] == name]


def test_a_fault_comes_with_its_pass(fly):
    faults = """
        passes = [{ at_s = 0, duration_s = 20 }, { at_s = 60, duration_s = 300 }]
        [[faults]]
        kind = "pull_cable"
        down_s = 2
        pass_number = 2
        offset_s = 7
    """
    log, _ = fly(faults)
    assert struck(log) == [(67.0, "the cable is out for 2 s")]


def test_a_fault_comes_at_an_event_when_it_is_announced_for_the_nth_time(fly):
    faults = """
        [[faults]]
        kind = "reset_spacecraft"
        at_s = 10
        [[faults]]
        kind = "pull_cable"
        down_s = 2
        event = "booted"
        count = 2
        offset_s = 1
    """
    log, _ = fly(faults)
    assert struck(log) == [(10.0, "an exception ends the flight software"), (13.0, "the cable is out for 2 s")]


@pytest.mark.parametrize("until_s", [5, 60])
def test_what_waits_for_an_event_waits_until_its_time(fly, until_s):
    faults = f"""
        [[faults]]
        kind = "reset_spacecraft"
        at_s = 10
        [[faults]]
        kind = "pull_cable"
        down_s = 2
        event = "booted"
        count = 2
        until_s = {until_s}
    """
    log, _ = fly(faults)
    assert [text for _, text in struck(log)][1:] == (["the cable is out for 2 s"] if until_s == 60 else [])


@pytest.mark.parametrize("until_s", [4, 300])
def test_a_power_cut_waits_for_its_disk_operation_until_its_time(fly, until_s):
    faults = f"""
        [[faults]]
        kind = "reboot_spacecraft"
        at_s = 3
        down_s = 2
        disk_operation = 3
        until_s = {until_s}
    """
    log, _ = fly(faults)
    assert len(struck(log)) == len(announced(log, "reset")) == (1 if until_s == 300 else 0)


def test_a_hand_that_strikes_a_checkpoint_is_no_operation_of_the_disk(fly, weights):
    """A power cut that waits is the spacecraft's, not that of whoever strikes what lies on its disk."""
    faults = """
        [[faults]]
        kind = "reboot_spacecraft"
        event = "checkpoint_saved"
        down_s = 2
        disk_operation = 1
        [[faults]]
        kind = "corrupt_checkpoint"
        event = "checkpoint_saved"
    """
    log, _ = fly(faults, JOB)
    texts = [text for _, text in struck(log)]
    assert texts[0].startswith("the checkpoint of job 1 is struck")
    assert texts[1].startswith("the spacecraft loses its power for 2 s: power was cut at disk operation")
    assert [e["values"]["weights_sha256"] for e in log if e.get("name") == "job_report"][-1] == weights


def test_faults_by_chance_are_a_poisson_process_of_the_seed(fly):
    faults = '[[faults]]\nkind = "flip_store"\nper_hour = 3600\nfrom_s = 10\nuntil_s = 110\npath = "nowhere"\n'
    first, again, other = (
        struck(fly(faults, seed=seed, name=name)[0]) for seed, name in ((1, "a"), (1, "b"), (2, "c"))
    )
    assert first == again != other
    assert 60 < len(first) < 140  # A hundred in the mean, and ten is one standard deviation.
    assert all(10 < time_s < 110 for time_s, _ in first)


def test_an_exception_of_the_flight_software_is_kept_and_told_after_the_restart(fly):
    log, _ = fly('[[faults]]\nkind = "reset_spacecraft"\nat_s = 10\n')
    (text,) = [e["values"]["text"] for e in log if e["type"] == "ReportReceived" and e["name"] == "exception_report"]
    assert "StruckSoftwareError: expected sense, found none" in text
    assert announced(log, "reset")[0]["reason"] == "CRASHED"


def test_a_bit_of_the_queue_that_flips_in_memory_ends_that_life_and_the_answer_is_the_same(fly, weights):
    faults = '[[faults]]\nkind = "flip_books"\nbook = "jobs"\nevent = "checkpoint_saved"\ncount = 2\noffset_s = 0.1\n'
    log, _ = fly(faults, JOB)
    texts = [text for _, text in struck(log)]
    assert texts[0].startswith("a bit of the flight software's memory flips: the book of jobs, records._records[1].")
    assert texts[1].startswith(
        "an exception ends the flight software: StruckBookError: expected the book of jobs as its"
    )
    assert [each["reason"] for each in announced(log, "reset")] == ["MEMORY"]
    assert job_report(log)["weights_sha256"] == weights


def test_what_was_struck_in_memory_is_found_within_a_minute_though_nothing_is_committed(fly):
    log, _ = fly('[[faults]]\nkind = "flip_books"\nbook = "mode"\nat_s = 41\n')
    (_, _), (time_s, text) = struck(log)
    assert (time_s, "the book of mode" in text) == (60, True)


@pytest.mark.parametrize("seed", [7, 10])
def test_what_is_found_in_memory_when_the_next_deadline_is_asked_for_ends_that_life_too(fly, weights, seed):
    """These seeds strike an activity of the schedule, which is read to tell when it is due."""
    last = "[[procedure]]\nwait_for_job = 1"
    released = f'[[procedure]]\ncommand = "test.connection"\nrelease = "2027-01-01T00:00:00Z"\n{last}'
    faults = '[[faults]]\nkind = "flip_books"\nbook = "schedule"\njob_step = 5\n'
    log, _ = fly(faults, JOB.replace(last, released), seed)
    (struck_s, _), (found_s, text) = struck(log)
    assert text.startswith("an exception ends the flight software: StruckBookError: expected key ")
    assert found_s == struck_s
    assert [each["reason"] for each in announced(log, "reset")] == ["MEMORY"]
    assert job_report(log)["weights_sha256"] == weights


@pytest.mark.parametrize("operation", [1, 2, 3, 5, 8])
def test_power_goes_in_the_middle_of_a_disk_operation(fly, operation):
    faults = f'[[faults]]\nkind = "reboot_spacecraft"\nat_s = 2\ndisk_operation = {operation}\ndown_s = 5\n'
    log, _ = fly(faults)
    ((time_s, text),) = struck(log)
    assert time_s >= 2
    assert text.startswith("the spacecraft loses its power for 5 s: power was cut at disk operation")
    assert len(announced(log, "booted")) == 2


@pytest.mark.parametrize("kind", ["fill_disk", "wear_disk"])
def test_a_disk_that_takes_nothing_for_a_while_is_told_of_and_survived(fly, kind):
    faults = f'[[faults]]\nkind = "{kind}"\nat_s = 20\ndown_s = 60\n[[faults]]\nkind = "reset_spacecraft"\nat_s = 30\n'
    log, world = fly(faults)
    assert announced(log, "store_failed")
    assert not (world.spacecraft.disk.is_full or world.spacecraft.disk.is_worn)


def test_the_ground_finds_out_that_the_on_board_clock_has_jumped(fly):
    text = QUIET.replace('command = "test.connection"', 'command = "time.report_rate"\narguments = { exponent = 2 }')
    log, _ = fly('[[faults]]\nkind = "jump_clock"\nat_s = 40\njump_s = -7\n', text)
    steps = [(e["cause"], round(e["step_ns"] / 1e9)) for e in log if e["type"] == "TimeSegmentBegan"]
    assert steps[-1] == ("DETECTED", -7)


def test_the_ground_sees_how_the_on_board_clock_drifts(fly):
    text = QUIET.replace('command = "test.connection"', 'command = "time.report_rate"\narguments = { exponent = 2 }')
    _, world = fly('[[faults]]\nkind = "drift_clock"\nat_s = 0\ndrift_ppm = 200\n', text)
    found = world.station.core.onboard_time.snapshot(world.now_ns)["drift_ppm"]
    assert found == pytest.approx(200, abs=20)


def test_a_checkpoint_that_is_being_written_is_lost_with_its_worker_and_the_job_goes_on(fly, weights):
    faults = """
        [[faults]]
        kind = "kill_worker"
        event = "checkpoint_begun"
        count = 3
        offset_s = 0.5
    """
    log, _ = fly(faults, JOB)
    ((_, text),) = struck(log)
    assert text.startswith("the worker is killed at ")
    assert [each["step"] for each in announced(log, "checkpoint_saved")][:3] == [10, 20, 30]
    assert announced(log, "job_resumed")[0]["step"] == 20
    assert announced(log, "job_changed")[-1]["after"] == "DONE"
    assert job_report(log)["weights_sha256"] == weights


def test_a_strike_after_which_no_step_came_is_told_to_have_been_idle(fly, weights):
    log, _ = fly('[[faults]]\nkind = "flip"\njob_step = 40\n', JOB)
    ((_, text),) = struck(log)
    (idle,) = [event["text"] for event in log if event["type"] == "StrikeIdle"]
    assert text.partition(", in the work granted")[0] == idle.partition(": no step came")[0] != text
    assert job_report(log)["weights_sha256"] == weights


@pytest.mark.parametrize("kind", ["truncate_checkpoint", "corrupt_checkpoint"])
def test_a_damaged_checkpoint_is_refused_and_the_one_before_gone_on_from(fly, weights, kind):
    trigger = 'event = "checkpoint_saved"\ncount = 2\n'
    faults = f'[[faults]]\nkind = "{kind}"\n{trigger}[[faults]]\nkind = "kill_worker"\n{trigger}'
    log, _ = fly(faults, JOB)
    (refused,) = announced(log, "checkpoint_refused")
    assert (refused["step"], refused["next_step"]) == (20, 10)
    assert job_report(log)["weights_sha256"] == weights


def test_equal_seeds_strike_alike(fly):
    faults = """
        [[faults]]
        kind = "flip"
        per_hour = 900
        [[faults]]
        kind = "flip_store"
        path = "jobs"
        per_hour = 900
        [[faults]]
        kind = "reboot_spacecraft"
        at_s = 8
        disk_operation = 4
        down_s = 3
    """
    first, again = (fly(faults, JOB, name=name)[0] for name in ("first", "again"))
    assert len(struck(first)) > 3
    assert first == again


def job_report(log):
    return [e["values"] for e in log if e["type"] == "ReportReceived" and e["name"] == "job_report"][-1]
