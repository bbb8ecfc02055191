"""Fields of reports down to the bit: each declared one lies where it was encoded."""

import contextlib

import pytest

from ccsds.errors import MisuseError
from ground.console.parts.octets import fields, value_of
from ground.console.source_data import HEADERS_BITS, source_data
from mission.definition import DICTIONARY
from mission.jobs import JobState


def packet_of(data: bytes) -> bytes:
    return bytes(HEADERS_BITS // 8) + data + bytes(2)


def test_numbers_of_a_report_lie_where_they_were_written():
    report = DICTIONARY.reports["job_progress"]
    values = {
        "job_id": 7,
        "step": 30,
        "steps": 60,
        "loss": 1.5,
        "validation_loss": 2.0,
        "tokens_per_s": 8.0,
        "eta": 4.0,
    }
    data = report.fields.encode(values)
    found = {each.name: value_of(packet_of(data), each) for each in source_data("[128,130]", "job_progress", data)}
    assert (found["job_id"], found["step"], found["steps"]) == (7, 30, 60)
    assert found["loss"] == 0x3FC00000  # 1.5 in single precision


def test_what_bits_stand_for_is_told_by_their_type():
    report = DICTIONARY.reports["job_progress"]
    values = {"job_id": 7, "step": 30, "steps": 60, "loss": 1.5, "validation_loss": float("nan"), "tokens_per_s": 8.25}
    data = report.fields.encode({**values, "eta": -4.0})
    told = {
        name: value for _, name, _, value in fields(packet_of(data), source_data("[128,130]", "job_progress", data))
    }
    assert (told["step"], told["loss"], told["eta"]) == ("30", "1.5  nat", "-4  s")
    assert told["validation_loss"] == "nan  nat"
    event = DICTIONARY.events["job_changed"]
    given = {"job_id": 3, "step": 9, "before": "QUEUED", "after": "RUNNING", "reason": ""}
    data = event.id.to_bytes(2) + event.fields.encode(given)
    told = {name: value for _, name, _, value in fields(packet_of(data), source_data("[5,1]", "job_changed", data))}
    assert told["after"] == f"{int(JobState.RUNNING)} RUNNING"


def test_text_takes_the_length_that_is_written_before_it():
    event = DICTIONARY.events["worker_lost"]
    data = event.id.to_bytes(2) + event.fields.encode({"job_id": 3, "step": 9, "reason": "killed"})
    packet = packet_of(data)
    found = {each.name: value_of(packet, each) for each in source_data("[5,3]", "worker_lost", data)}
    assert (found["event number"], found["job_id"], found["length of reason"]) == (event.id, 3, 6)
    assert found["reason"].to_bytes(6) == b"killed"


@pytest.mark.parametrize("structure", DICTIONARY.structures.values(), ids=lambda each: each.name)
def test_every_structure_is_shown_to_its_last_bit_and_no_bit_twice(structure):
    zero = {each.name: _least(each) for each in structure.layout.fields}
    data = bytes([structure.id]) + structure.layout.encode(zero)
    at = HEADERS_BITS
    for each in source_data("[3,25]", structure.name, data):
        assert each.first == at
        at += each.length
    assert at == HEADERS_BITS + 8 * len(data)


def test_what_is_not_declared_is_one_piece():
    (whole,) = source_data("[200,1]", "nothing", b"abc")
    assert (whole.first, whole.length) == (HEADERS_BITS, 24)


def _least(field):
    for candidate in (field.minimum, 0, 0.0, "", b"", *getattr(field.type, "members", ())):
        with contextlib.suppress(MisuseError):
            return field.check(candidate)
    raise AssertionError(f"expected a value for {field.name}, found none")
