"""Every record: one line of text, and JSON without anything that JSON has not."""

import msgspec
import pytest

from ccsds.cfdp.codes import ConditionCode, FileStatus
from ccsds.cop1.fop import Service
from ccsds.errors import MisuseError
from ground import events
from ground.alarms.life_cycle import Level
from ground.events import (
    LinkState,
    Stage,
    StationEvent,
    encode_json,
    encode_values,
    encode_values_of_all,
    one_line,
    plain,
    show,
)
from ground.transfer_events import TransferDirection, TransferEvent
from mission.dictionary import Severity
from mission.housekeeping import StructureKind
from mission.jobs import JobState
from mission.storage import StoreId

VALUES = {"digest": b"\x01\xff", "loss": float("nan"), "state": JobState.RUNNING, "list": [1, 2], "text": "a\u2028b"}
FIELDS = {
    "time_ns": 5,
    "command_id": 1,
    "name": "job.cancel",
    "arguments": VALUES,
    "service": Service.AD,
    "source_id": 9,
    "sequence_count": 3,
    "octets": b"\x18\x42",
    "stage": Stage.REFUSED,
    "attempt": 2,
    "text": "why",
    "tai_ns": 7,
    "virtual_channel": 0,
    "apid": 0x42,
    "subtype": 1,
    "values": VALUES,
    "structure": 1,
    "kind": StructureKind.DIAGNOSTIC,
    "severity": Severity.HIGH,
    "corrected": 3,
    "reason": "because",
    "count": 4,
    "state": LinkState.UP,
    "expected": b"\x01",
    "found": b"\x02",
    "spi": 2,
    "before": "PREACTIVE",
    "after": "ACTIVE",
    "generated_ns": 4,
    "is_automatic": True,
    "stored": None,
    "identity": b"\x05",
    "packet": b"\x06",
    "parameter": "battery_charge",
    "place": "station.toml: line 3",
    "level": Level.WARNING,
    "value": 12.5,
    "actor": "anna",
    "until_ns": 9,
    "reports": ["core"],
    "store": next(iter(StoreId)),
    "here": [(1, 2)],
    "overwritten": [],
    "lost": [(3, 3)],
    "confirmed": 4,
    "first": 1,
    "last": 2,
    "gone": next(iter(events.Gone)),
    "next": 9,
    "cause": events.SegmentCause.DETECTED,
    "step_ns": -5,
    "transaction": "1-7",
    "direction": TransferDirection.UP,
    "source_name": "photo",
    "destination_name": "pictures/photo",
    "size_octets": 100,
    "done_octets": 50,
    "received_octets": 40,
    "requests": ("delete-file old: done",),
    "contact_ns": 8,
    "waited": 3,
    "dropped": 2,
    "file_status": FileStatus.RETAINED,
    "condition": ConditionCode.FILE_SIZE_ERROR,
}


def all_kinds() -> list[type[StationEvent]]:
    kinds = [*StationEvent.__subclasses__(), *TransferEvent.__subclasses__()]
    return [kind for kind in kinds if not kind.__subclasses__()]


@pytest.mark.parametrize("kind", all_kinds(), ids=lambda kind: kind.__name__)
def test_every_record_is_one_line_and_frozen_and_goes_through_json(kind):
    fields = {name: FIELDS[name] for name in kind.__struct_fields__}
    if kind is events.ReportReceived:
        fields["service"] = 128
    event = kind(**fields)
    assert str(event).isprintable()
    assert str(event)
    with pytest.raises(AttributeError):
        event.time_ns = 6  # type: ignore[misc]
    decoded = msgspec.json.decode(encode_json(event))
    assert decoded["type"] == kind.__name__
    assert decoded["time_ns"] == 5
    assert set(decoded) == {"type", *kind.__struct_fields__} - {"packet"}


def test_values_of_a_report_are_the_same_json_by_the_fast_way():
    for values in (VALUES, {"a": 1, "b": float("nan")}, {}):
        assert encode_values(values) == encode_json(values)


@pytest.mark.parametrize(
    "reports",
    [
        [VALUES, VALUES | {"loss": 1.5, "digest": b"\n"}],
        [{"a": 1, "text": "two\nlines\u2028"}, {"a": 2.5, "text": ""}],
        [{"a": 1, "b": b"x"}, {"b": b"y", "a": 2}, {"c": Service.AD}],
        [{}, {}],
    ],
)
def test_values_of_many_reports_are_the_same_json_as_of_each(reports):
    assert encode_values_of_all(reports) == [encode_json(values).decode() for values in reports]


def test_octets_become_hexadecimal_numbers_that_are_none_null_and_members_their_names():
    assert plain(VALUES) == {
        "digest": "01ff",
        "loss": None,
        "state": "RUNNING",
        "list": [1, 2],
        "text": "a\u2028b",
    }
    assert plain(float("inf")) is None
    assert plain(LinkState.DOWN) == "DOWN"
    assert plain({1: (b"", True)}) == {"1": ["", True]}


def test_a_value_that_no_record_holds_is_refused():
    with pytest.raises(MisuseError, match="expected a value that JSON can carry, found object"):
        plain(object())


def test_text_from_outside_is_made_one_line():
    assert one_line("a\nb\x1b[31mc\u2028d ") == "a b [31mc d"


def test_a_long_text_is_shown_cut():
    assert show("x" * 100) == repr("x" * 60) + "..."
    assert show(b"") == "-"
    assert show(0.1 + 0.2) == "0.3"
