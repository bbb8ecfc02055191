"""ST[03]: structures made in flight, reported at intervals, on change or once; each request valid and not."""

import math

import pytest

from flight.books.housekeeping import StructureMade
from flight.services.housekeeping import _differs
from mission.definition import DICTIONARY
from mission.housekeeping import STRUCTURES_MAX, Reporting, ReportMode
from mission.words.housekeeping import PREFIXES

SECOND = 1_000_000_000
REPORTS = {"housekeeping": (3, 25), "diagnostics": (3, 26)}
DEFINITIONS = {"housekeeping": (3, 10), "diagnostics": (3, 12)}
SUBTYPES = {
    "create": (1, 2),
    "delete": (3, 4),
    "enable": (5, 7),
    "disable": (6, 8),
    "report": (9, 11),
    "once": (27, 28),
    "append": (29, 30),
    "interval": (31, 32),
}


class Operator:
    """Sends commands by name, and gives the reports and the reason of a refusal."""

    def __init__(self, table, make_telecommand, first=0):
        self.table = table
        self.make = make_telecommand
        self.sequence = first
        table.spacecraft.contact(True, 0)
        table.hear()

    def send(self, name, now_ns=0, **arguments):
        """Give the reason of a refusal, empty if there is none, and keep the other reports."""
        command = DICTIONARY.command(name)
        self.sequence += 1
        data = command.arguments.encode(arguments)
        self.table.send(self.make(command.service, command.subtype, data, sequence=self.sequence), now_ns)
        self.reports = self.table.hear(now_ns)
        failed = [data for service, subtype, data in self.reports if (service, subtype) in ((1, 2), (1, 4), (1, 8))]
        return failed[0][6:].decode() if failed else ""

    def until(self, end_ns, now_ns=0):
        """Do what is due up to a time, and give when each report of a structure came, with its data."""
        found = []
        while (due_ns := self.table.spacecraft.next_deadline()) is not None and due_ns <= end_ns:
            now_ns = max(now_ns, due_ns)
            self.table.spacecraft.advance(now_ns)
            found += [
                (now_ns, data) for service, subtype, data in self.table.hear(now_ns) if (service, subtype) == (3, 25)
            ]
        return found


@pytest.fixture
def operator(table, make_telecommand):
    return Operator(table, make_telecommand)


def test_the_subtypes_are_those_of_the_standard():
    for place, prefix in enumerate(PREFIXES.values()):
        found = {what: DICTIONARY.command(f"{prefix}.{what}").subtype for what in SUBTYPES}
        assert found == {what: subtypes[place] for what, subtypes in SUBTYPES.items()}


@pytest.mark.parametrize("prefix", REPORTS)
def test_a_structure_is_made_reported_enlarged_switched_and_deleted(operator, prefix):
    assert not operator.send(f"{prefix}.create", structure=130, interval=500, parameters=["uptime", "boot_count"])
    assert not operator.send(f"{prefix}.once", structures=[130])
    assert (*REPORTS[prefix], b"\x82\x00\x00\x00\x00\x00\x00\x00\x01") in operator.reports
    assert not operator.send(f"{prefix}.append", structure=130, parameters=["time_status"])
    assert not operator.send(f"{prefix}.report", structures=[130])
    ((_, _, data),) = [each for each in operator.reports if each[:2] == DEFINITIONS[prefix]]
    assert DICTIONARY.reports[f"{prefix}_structure"].fields.decode(data) == {
        "structure": 130,
        "reporting": Reporting.DISABLED,
        "interval": 500,
        "mode": ReportMode.PERIODIC,
        "parameters": [2, 1, 20],
    }
    assert not operator.send(f"{prefix}.enable", structures=[130])
    operator.table.spacecraft.advance(0)
    assert REPORTS[prefix] in [each[:2] for each in operator.table.hear()]
    assert "expected a structure that is disabled, found 130" in operator.send(f"{prefix}.delete", structures=[130])
    assert not operator.send(f"{prefix}.disable", structures=[130])
    assert not operator.send(f"{prefix}.delete", structures=[130])
    assert "structure 130" in operator.send(f"{prefix}.once", structures=[130])
    assert not operator.send(f"{prefix}.create", structure=130, interval=900, parameters=["uptime"])


def test_the_two_kinds_have_numbers_of_their_own(operator):
    assert not operator.send("diagnostics.create", structure=1, interval=500, parameters=["uptime"])
    assert not operator.send("diagnostics.once", structures=[1])
    assert (3, 26, b"\x01\x00\x00\x00\x00") in operator.reports
    assert not operator.send("housekeeping.once", structures=[1])
    assert (3, 25) in [each[:2] for each in operator.reports]


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("create", {"structure": 1, "interval": 500, "parameters": [1]}, "structure: expected a number that no"),
        (
            "create",
            {"structure": 9, "interval": 500, "parameters": [1, 2, 1]},
            "parameters[2]: expected each parameter",
        ),
        ("append", {"structure": 1, "parameters": [20]}, "made in flight, found 1"),
        ("append", {"structure": 77, "parameters": [20]}, "made in flight, found 77"),
        ("append", {"structure": 130, "parameters": [20, 2]}, "parameters[1]: expected each parameter once, found 2"),
        ("delete", {"structures": [130, 1]}, "made in flight, found 1"),
        ("delete", {"structures": [130, 130]}, "structures[1]: expected each structure once"),
        ("enable", {"structures": [1, 99]}, "structures[1]: unknown housekeeping structure 99"),
        ("disable", {"structures": [99]}, "structures[0]: unknown"),
        ("report", {"structures": [1, 99]}, "structures[1]: unknown"),
        ("once", {"structures": [1, 2, 1]}, "structures[2]: expected each structure once"),
        ("interval", {"structures": [99], "interval": 500}, "structures[0]: unknown"),
        ("periodic", {"structures": [99]}, "structures[0]: unknown"),
        ("on_change", {"structure": 99}, "unknown housekeeping structure 99"),
        ("on_change", {"structure": 130, "bands": [{"parameter": 20, "band": 1}]}, "bands[0]: expected a parameter of"),
        ("on_change", {"structure": 130, "bands": [{"parameter": 2, "band": 1}] * 2}, "bands[1]: expected each"),
        ("on_change", {"structure": 130, "bands": [{"parameter": 2, "band": math.inf}]}, "bands[0]: expected a finite"),
    ],
)
def test_what_cannot_be_is_refused_whole_with_the_place_of_the_first_fault(operator, name, arguments, reason):
    operator.send("housekeeping.create", structure=130, interval=500, parameters=["uptime"])
    before = operator.table.spacecraft._ledger.structures
    kept = (dict(before.made), dict(before.switched), dict(before.intervals_ms), dict(before.bands))
    assert reason in operator.send(f"housekeeping.{name}", **arguments)
    assert (before.made, before.switched, before.intervals_ms, before.bands) == kept


@pytest.mark.parametrize(
    ("subtype", "data", "reason"),
    [
        (1, b"\x82\x00\x00\x01\xf4\x00", b"parameters: expected a list of 1 to 64"),
        (1, b"\x82\x00\x00\x01\xf4\x02\x00\x02\x03\xe7", b"parameters[1]: expected a declared parameter, found 999"),
        (1, b"\x82\x00\x00\x00\x05\x01\x00\x02", b"interval: expected 100 to 86400000 ms, found 5"),
        (1, b"\x82\x00\x00\x01\xf4\x02\x00\x02", b"found 8 octets"),
        (3, b"\x00", b"structures: expected a list of 1 to 16"),
        (31, b"\x01\x01\x00\x00\x00\x00", b"interval: expected"),
        (128, b"\x01\x01\x00\x02\xbf\xf0" + bytes(6), b"bands[0].band: expected 0 or more, found -1"),
        (128, b"\x01\x01\x03\xe7" + bytes(8), b"bands[0].parameter: expected a declared parameter, found 999"),
        (25, b"", b"message type [3,25]"),
    ],
)
def test_what_is_malformed_is_refused_at_acceptance(table, make_telecommand, subtype, data, reason):
    table.spacecraft.contact(True, 0)
    table.hear()
    table.send(make_telecommand(3, subtype, data))
    ((service, number, text),) = table.hear()
    assert (service, number) == (1, 2)
    assert reason in text


def test_no_more_structures_are_made_than_the_bound(operator):
    for number in range(STRUCTURES_MAX):
        assert not operator.send("housekeeping.create", structure=100 + number, interval=500, parameters=[1])
    assert "at most 32" in operator.send("housekeeping.create", structure=200, interval=500, parameters=[1])
    assert not operator.send("diagnostics.create", structure=200, interval=500, parameters=[1])


def test_what_was_made_switched_timed_and_watched_survives_a_reboot(
    operator, make_table, make_telecommand, tmp_path, monkeypatch
):
    operator.send("housekeeping.create", structure=130, interval=500, parameters=["boot_count", "uptime"])
    operator.send("housekeeping.on_change", structure=130, bands=[{"parameter": "uptime", "band": 4.0}])
    operator.send("housekeeping.enable", structures=[130])
    operator.send("housekeeping.interval", structures=[1], interval=7_000)
    monkeypatch.setattr("flight.ledger.COMPACTION_OCTETS_MIN", 1)
    operator.send("housekeeping.enable", structures=[3])
    again = Operator(make_table(tmp_path), make_telecommand, first=500)
    again.send("housekeeping.report", structures=[1, 130])
    told = [
        DICTIONARY.reports["housekeeping_structure"].fields.decode(data)
        for service, subtype, data in again.reports
        if (service, subtype) == (3, 10)
    ]
    assert [(each["structure"], each["interval"], each["mode"], each["reporting"]) for each in told] == [
        (1, 7_000, ReportMode.PERIODIC, Reporting.DISABLED),
        (130, 500, ReportMode.ON_CHANGE, Reporting.ENABLED),
    ]


def test_reports_come_at_their_interval_to_the_nanosecond_and_follow_a_new_one(operator):
    operator.send("housekeeping.create", structure=130, interval=700, parameters=["boot_count"])
    operator.send("housekeeping.enable", structures=[130])
    first = operator.until(3 * SECOND)
    assert [now_ns for now_ns, _ in first] == [step * SECOND * 7 // 10 for step in range(5)]
    operator.send("housekeeping.interval", 3 * SECOND, structures=[130], interval=1_000)
    assert [now_ns for now_ns, _ in operator.until(6 * SECOND, 3 * SECOND)] == [4 * SECOND, 5 * SECOND, 6 * SECOND]
    operator.send("housekeeping.disable", 6 * SECOND, structures=[130])
    assert operator.until(20 * SECOND, 6 * SECOND) == []


def test_a_structure_on_change_is_silent_inside_its_dead_band(operator):
    operator.send("housekeeping.create", structure=130, interval=500, parameters=["uptime", "boot_count"])
    operator.send("housekeeping.on_change", structure=130, bands=[{"parameter": "uptime", "band": 4.0}])
    operator.send("housekeeping.enable", structures=[130])
    # The time since the start moves by one a second: beyond the band after five.
    assert [now_ns // SECOND for now_ns, _ in operator.until(16 * SECOND)] == [0, 5, 10, 15]
    operator.send("housekeeping.periodic", 16 * SECOND, structures=[130])
    assert len(operator.until(20 * SECOND, 16 * SECOND)) == 8


@pytest.mark.parametrize(
    ("before", "after", "band", "expected"),
    [
        (1.0, 2.0, 1.0, False),
        (1.0, 2.1, 1.0, True),
        (5, 5, 0.0, False),
        (5, 6, 0.0, True),
        (math.nan, math.nan, 0.0, False),
        (math.nan, 1.0, 9.0, True),
        (1.0, math.nan, 9.0, True),
        (math.inf, math.inf, 0.0, False),
        (b"a", b"b", 9.0, True),
        ("a", "a", 0.0, False),
    ],
)
def test_a_value_differs_when_it_leaves_its_band_or_stops_being_a_number(before, after, band, expected):
    assert _differs(before, after, band) is expected


def test_a_structure_of_parameters_that_new_software_has_not_is_left_aside_and_can_be_deleted(operator):
    operator.send("housekeeping.create", structure=130, interval=500, parameters=["uptime"])
    operator.send("housekeeping.enable", structures=[130])
    operator.table.spacecraft._ledger.commit(StructureMade(1, 130, (2, 60_000)))
    assert operator.until(2 * SECOND) == []
    assert "unknown" in operator.send("housekeeping.once", structures=[130])
    assert not operator.send("housekeeping.delete", structures=[130])
