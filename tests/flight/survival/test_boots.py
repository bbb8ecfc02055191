"""Boots: why each was, when they are too many, what the software died of, and a reset by command."""

import json

import pytest

from ccsds.pus.telecommand import Telecommand
from flight.crash import CALLS_MAX, describe_exception
from flight.disk import RealDisk
from flight.ledger import Ledger
from flight.services.boots import RESET_DELAY_NS, BootPolicy, note_crash
from flight.survival.boot_mark import PATH, RESETS_KEPT_MAX, SLOT_OCTETS, BootMark, BootMarks
from flight.survival.survival import SurvivalConfig
from hil.disk.faulty_disk import FaultyDisk
from hil.streams import Streams
from hil.tabletop.operator import NS_PER_S as SECOND
from hil.tabletop.operator import Operator
from mission.boots import EXCEPTION_OCTETS_MAX, ResetReason
from mission.channels import Apid
from mission.definition import DICTIONARY
from mission.failures import FailureCode
from mission.modes import Mode

POLICY = BootPolicy(resets_max=3, short_ns=600 * SECOND, window_resets_max=5, window_ns=7_200 * SECOND)


@pytest.fixture
def operator(tmp_path):
    return Operator(RealDisk(tmp_path), survival=SurvivalConfig(boots=POLICY))


def reason(operator):
    operator.command("boot.report")
    return operator.heard("boot_report")[-1]["reason"]


def test_the_first_start_is_the_first_and_a_kill_is_unknown(operator):
    assert reason(operator) is ResetReason.FIRST
    operator.boot()
    assert reason(operator) is ResetReason.UNKNOWN
    assert operator.heard("reset") == [{"boot_count": 2, "reason": ResetReason.UNKNOWN, "resets": 1}]


def test_an_orderly_stop_is_no_reset(operator):
    operator.spacecraft.stop()
    operator.boot()
    assert reason(operator) is ResetReason.STOPPED
    assert operator.heard("reset") == []


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ({"clock_id": "second"}, ResetReason.POWER),
        ({"clock_id": "first"}, ResetReason.UNKNOWN),
        ({"clock_id": "second", "survival": SurvivalConfig(was_bitten=True)}, ResetReason.WATCHDOG),
    ],
)
def test_what_the_program_knows_of_its_start_tells_a_power_cut_from_a_kill(tmp_path, start, expected):
    Operator(RealDisk(tmp_path), clock_id="first")
    assert reason(Operator(RealDisk(tmp_path), **start)) is expected


def test_an_exception_is_kept_and_reported(operator):
    try:
        raise RuntimeError("a bit flipped")
    except RuntimeError as error:
        note_crash(operator.disk, describe_exception(error))
    operator.boot()
    assert reason(operator) is ResetReason.CRASHED
    (told,) = operator.heard("exception_report")
    assert told["boot_count"] == 1
    assert told["text"].splitlines()[-1] == "RuntimeError: a bit flipped"
    assert told["text"].startswith("test_boots.py:")


def test_an_exception_is_told_without_paths_and_within_its_bound(operator):
    def fall(depth):
        if depth:
            fall(depth - 1)
        raise ValueError("é" * EXCEPTION_OCTETS_MAX)

    with pytest.raises(ValueError) as caught:
        fall(50)
    text = describe_exception(caught.value)
    assert len(text.splitlines()) == CALLS_MAX + 1
    assert "/" not in text
    note_crash(operator.disk, text)
    operator.boot()
    operator.command("boot.report")
    (told,) = operator.heard("exception_report")
    assert 0 < len(told["text"].encode()) <= EXCEPTION_OCTETS_MAX


def test_the_last_exceptions_are_kept_over_a_compaction_and_no_more(operator, monkeypatch):
    monkeypatch.setattr("flight.ledger.COMPACTION_OCTETS_MIN", 1)
    for number in range(12):
        note_crash(operator.disk, f"fault {number}")
    operator.boot()
    operator.command("boot.report")
    assert [told["text"] for told in operator.heard("exception_report")] == [f"fault {n}" for n in range(4, 12)]


def test_resets_after_short_lives_lead_to_safe_and_stay_there(operator):
    operator.command("job.submit", job_id=1, recipe="tiny", corpus="text")
    for count in range(1, POLICY.resets_max):
        operator.run(POLICY.short_ns // SECOND - 1)
        operator.boot()
        assert operator.mode is Mode.COMPUTE, count
    operator.boot()
    assert operator.mode is Mode.SAFE
    assert operator.job(1) == ("PAUSED", "MODE")
    assert operator.heard("safe_entered")[-1]["cause"].name == "RESETS"
    for _ in range(5):
        operator.boot()
    assert operator.mode is Mode.SAFE
    assert operator.command("mode.enter", mode=Mode.NOMINAL) is None
    assert operator.mode is Mode.NOMINAL


def test_a_life_that_was_long_begins_the_count_anew(operator):
    for _ in range((POLICY.window_resets_max - 1) // 2):
        operator.boot()
        operator.boot()
        operator.run(POLICY.short_ns // SECOND)
    assert operator.mode is Mode.NOMINAL


def test_resets_by_command_are_never_too_many(operator):
    for _ in range(2 * POLICY.resets_max):
        operator.arm("spacecraft.reset")
        assert operator.command("spacecraft.reset") is None
        operator.run(RESET_DELAY_NS // SECOND)
        operator.boot()
        assert reason(operator) is ResetReason.COMMANDED
    assert operator.mode is Mode.NOMINAL


def reset_by_itself(operator, wait=""):
    """Have every start answered with a procedure that asks for the next."""
    text = f"{wait}\nsend command.arm service=132 subtype=1\nsend spacecraft.reset"
    assert operator.command("procedure.load_direct", procedure="again", text=text) is None
    declared = DICTIONARY.command("procedure.start")
    data = declared.arguments.encode({"procedure": "again"})
    request = Telecommand(Apid.CORE, 1, declared.service, declared.subtype, 77, data=data).encode()
    key = {"event": DICTIONARY.events["booted"].id, "about": 0}
    assert operator.command("reaction.add", reactions=[{**key, "request": request}]) is None
    assert operator.command("reaction.enable", reactions=[key]) is None


@pytest.mark.parametrize(
    ("wait", "seconds", "resets_max"),
    [("", 10, POLICY.resets_max), ("wait 11min", 700, POLICY.window_resets_max)],
)
def test_a_spacecraft_that_resets_itself_at_each_start_ends_in_safe(operator, wait, seconds, resets_max):
    reset_by_itself(operator, wait)
    operator.spacecraft.stop()
    operator.boot()
    for resets in range(1, resets_max + 1):
        assert operator.mode is Mode.NOMINAL
        operator.run(seconds)
        assert operator.resets == ["RELEASED"] * resets
        operator.boot()
    assert (reason(operator), operator.mode) == (ResetReason.RELEASED, Mode.SAFE)
    operator.run(2 * seconds)
    assert operator.resets == ["RELEASED"] * resets_max


@pytest.mark.parametrize("is_rebooted", [False, True])
@pytest.mark.parametrize("is_by_itself", [False, True])
def test_a_reset_out_of_the_schedule_counts_if_the_spacecraft_put_it_there(tmp_path, is_by_itself, is_rebooted):
    operator = Operator(RealDisk(tmp_path), clock_id="the same")
    at_tai_ns = operator.spacecraft._clock.tai_ns(operator.now_ns) + 100 * SECOND
    rows = []
    for number, (name, arguments) in enumerate(
        [("command.arm", {"service": 132, "subtype": 1}), ("spacecraft.reset", {})], 1
    ):
        declared = DICTIONARY.command(name)
        data = declared.arguments.encode(arguments)
        packet = Telecommand(Apid.CORE, number, declared.service, declared.subtype, 77, data=data).encode()
        rows.append({"release_time": at_tai_ns, "request": packet.hex()})
    assert operator.command("schedule.enable") is None
    if is_by_itself:
        text = f"send schedule.insert 'activities={json.dumps(rows)}'"
        assert operator.command("procedure.load_direct", procedure="later", text=text) is None
        assert operator.command("procedure.start", procedure="later") is None
    else:
        assert operator.command("schedule.insert", activities=rows) is None
    operator.run(10)
    if is_rebooted:
        operator.spacecraft.stop()
        operator.boot()
    operator.run(200)
    assert operator.resets == ["RELEASED" if is_by_itself else "COMMANDED"]


def test_a_reset_by_command_comes_once_after_its_answers_and_never_again(operator):
    assert operator.command("spacecraft.reset") is FailureCode.NOT_ARMED
    operator.arm("spacecraft.reset")
    assert operator.command("spacecraft.reset") is None
    assert operator.resets == []
    operator.run(RESET_DELAY_NS // SECOND)
    assert operator.resets == ["COMMANDED"]
    operator.boot()
    operator.sequence_count -= 1
    operator.arm("test.connection")
    operator.sequence_count = 2
    assert operator.command("spacecraft.reset") is None
    operator.run(10)
    assert operator.resets == ["COMMANDED"]


def test_resets_within_a_window_of_uptime_lead_to_safe_however_long_the_lives_between_them(operator):
    for count in range(1, POLICY.window_resets_max):
        operator.run(1_200)
        operator.boot()
        assert operator.mode is Mode.NOMINAL, count
    operator.run(1_200)
    operator.boot()
    assert operator.mode is Mode.SAFE
    assert operator.heard("reset")[-1]["resets"] == 1


def test_resets_that_lie_further_apart_than_the_window_are_never_too_many(operator):
    for _ in range(3 * POLICY.window_resets_max):
        operator.run(POLICY.window_ns // SECOND / (POLICY.window_resets_max - 1))
        operator.boot()
    assert operator.mode is Mode.NOMINAL


def struck(tmp_path, *, full=False, worn=False):
    disk = FaultyDisk(tmp_path / "store", Streams(1))
    operator = Operator(disk, survival=SurvivalConfig(boots=POLICY))
    operator.command("job.submit", job_id=1, recipe="tiny", corpus="text")
    disk.is_full, disk.is_worn = full, worn
    return operator, disk


def test_a_full_store_stops_neither_the_count_of_boots_nor_the_way_to_safe(tmp_path):
    operator, _ = struck(tmp_path, full=True)
    for count in range(1, POLICY.resets_max):
        operator.run(20)
        operator.boot()
        assert operator.mode is Mode.COMPUTE, count
        assert operator.heard("booted")[-1]["boot_count"] == 1 + count
    operator.run(20)
    operator.boot()
    assert operator.mode is Mode.SAFE
    assert operator.heard("safe_entered")[-1]["cause"].name == "RESETS"
    # And so on: what it could not write down does not lead out again.
    for _ in range(5):
        operator.run(20)
        operator.boot()
        assert operator.mode is Mode.SAFE
    assert operator.command("boot.report") is not FailureCode.SOFTWARE_FAULT
    assert operator.spacecraft._survival.boots.entry.resets == POLICY.resets_max + 5


def test_an_unasked_reset_that_nothing_can_count_durably_leads_to_safe_at_once(tmp_path):
    operator, disk = struck(tmp_path, worn=True)
    operator.run(20)
    operator.boot()
    assert operator.mode is Mode.SAFE
    disk.is_worn = False
    operator.boot()
    assert operator.spacecraft._survival.boots.entry.boot_count == 3


def test_a_store_that_takes_nothing_from_the_first_start_on_leads_to_safe_at_once(tmp_path):
    disk = FaultyDisk(tmp_path / "store", Streams(1))
    disk.is_full = True
    operator = Operator(disk, survival=SurvivalConfig(boots=POLICY))
    assert operator.mode is Mode.SAFE
    operator.boot()
    assert operator.mode is Mode.SAFE


def test_an_orderly_stop_on_a_full_store_is_known_as_one_and_hides_no_reset_after_it(tmp_path):
    operator, _ = struck(tmp_path, full=True)
    operator.spacecraft.stop()
    operator.boot()
    entry = operator.spacecraft._survival.boots.entry
    assert (entry.boot_count, entry.reason, entry.resets) == (2, ResetReason.STOPPED, 0)
    operator.boot()
    entry = operator.spacecraft._survival.boots.entry
    assert (entry.boot_count, entry.reason, entry.resets) == (3, ResetReason.UNKNOWN, 1)


def test_a_start_that_the_store_did_not_take_is_written_down_as_soon_as_it_does(tmp_path):
    operator, disk = struck(tmp_path, full=True)
    operator.boot()
    assert Ledger(disk).boot_count == 1
    disk.is_full = False
    operator.run(POLICY.short_ns // SECOND)
    assert Ledger(disk).boot_count == 2


def test_a_crash_on_a_full_store_is_known_as_one_though_its_text_is_lost(tmp_path):
    operator, disk = struck(tmp_path, full=True)
    with pytest.raises(OSError):
        note_crash(disk, "ValueError: flipped")
    operator.boot()
    assert operator.spacecraft._survival.boots.entry.reason is ResetReason.CRASHED


@pytest.mark.parametrize("at", [3, SLOT_OCTETS - 1, SLOT_OCTETS + 3, 2 * SLOT_OCTETS - 1])
def test_a_damaged_slot_of_the_mark_costs_nothing_that_the_journal_knows(operator, at):
    operator.boot()
    octet = operator.disk.read(PATH, at, 1)[0]
    operator.disk.pwrite(PATH, at, bytes([octet ^ 1]))
    operator.boot()
    assert operator.spacecraft._survival.boots.entry.resets == 2
    assert operator.spacecraft._survival.boots.entry.boot_count == 3


def test_a_mark_that_is_gone_or_nonsense_is_made_anew(operator):
    for data in (b"", b"\xff" * 2 * SLOT_OCTETS, b"short"):
        operator.disk.remove(PATH)
        if data:
            operator.disk.append(PATH, data)
        before = operator.spacecraft._survival.boots.entry.boot_count
        operator.boot()
        assert operator.spacecraft._survival.boots.entry.boot_count == before + 1
        latest = BootMarks(operator.disk).latest
        assert latest is not None and latest.boot_count == before + 1


def test_the_mark_of_the_most_resets_that_are_kept_fits_into_its_slot(operator):
    marks = BootMarks(operator.disk)
    largest = (1 << 32) - 1
    marks.keep(BootMark(0, largest, "f" * 64, largest, ResetReason.WATCHDOG, largest, (largest,) * RESETS_KEPT_MAX))
    kept = BootMarks(operator.disk).latest
    assert kept is not None and kept.resets_at_s == (largest,) * RESETS_KEPT_MAX
    assert operator.disk.size(PATH) == 2 * SLOT_OCTETS
