"""Every command and report of the dictionary: a valid one does what it is for, and nothing near it is taken for one.

Commands take their whole way, through the router of a real spacecraft. What is new in the dictionary and has no example
here fails.
"""

import hashlib
import itertools
import json
import math

import pytest

from ccsds.errors import MalformedError
from ccsds.pus.telecommand import Telecommand
from flight.disk import RealDisk
from flight.jobs.recipe import load_recipe
from flight.survival.slots import Begun, SlotStore
from hil.tabletop.operator import SOURCE_ID, Operator
from mission.channels import Apid
from mission.definition import DICTIONARY
from mission.failures import FailureCode
from mission.field_types import Enumerated, Float, Int, Octets, Reference, Text, UInt
from mission.fields import Array, Rows, Values
from mission.modes import Mode
from mission.monitoring import CheckKind
from mission.schedule import Switch
from mission.slots import Slot, SlotKind
from mission.storage import StoreId
from packing.exact import pack
from packing.source import Octets as Source

SECOND = 1_000_000_000
TAI_NS = 10**18
CONFIGURATION = b'call_sign = "NEW"\n'
# What only a spacecraft with keys, or with a transfer or something confirmed, can do: it is accepted, and refused then.
REFUSED_ON_THIS_TABLE = {
    "key.activate", "key.deactivate", "key.destroy", "key.report", "transfer.suspend", "transfer.resume",
    "transfer.cancel", "transfer.prompt", "slot.confirm",
}  # fmt: skip


def request(number, name="test.connection", **arguments):
    declared = DICTIONARY.command(name)
    data = declared.arguments.encode(declared.arguments.complete(arguments))
    return Telecommand(Apid.CORE, number, declared.service, declared.subtype, 77, data=data).encode()


IN_SCHEDULE = ("schedule.insert", {"activities": [{"release_time": TAI_NS + 10**15, "request": request(1)}]})
NAMED = {"requests": [{"source_id": 77, "apid": Apid.CORE, "sequence_count": 1}]}
GROUP = ("schedule.create_groups", {"groups": [{"group": 3, "status": Switch.ENABLED}]})
JOB = ("job.submit", {"job_id": 1, "recipe": "tiny", "corpus": "text"})
PROCEDURE = ("procedure.load_direct", {"procedure": "warm", "text": "wait 1h"})
RUN = (PROCEDURE, ("procedure.start", {"procedure": "warm"}))
MONITOR = {"monitor": 1, "parameter": 20, "kind": CheckKind.LIMIT, "low": 0, "high": 9, "interval": 5_000}
WATCH = ("monitoring.add", {"monitors": [MONITOR]})
KEY = {"reactions": [{"event": 40, "about": 0}]}
REACTION = ("reaction.add", {"reactions": [{"event": 40, "about": 0, "request": request(2)}]})
INSTALL = {"kind": SlotKind.CONFIGURATION, "name": "new", "sha256": hashlib.sha256(CONFIGURATION).digest()}
SLOT = {"kind": SlotKind.CONFIGURATION}
SERVED = ("model.activate", {"name": "model.safetensors"})
CONVERSATION = {"conversation": 3}
PROMPT = ("chat.prompt", {**CONVERSATION, "turn": 1, "text": "words"})
STORE = {"store": StoreId.EVENTS}
STORES = {"stores": ["events"]}
TRANSFER = {"source_entity": 1, "sequence": 5}


def armed(*names):
    """Give the arms that hazardous commands need."""
    kinds = ((DICTIONARY.command(name).service, DICTIONARY.command(name).subtype) for name in names)
    return tuple(("command.arm", {"service": service, "subtype": subtype}) for service, subtype in kinds)


# By command: what is to be done before, and its arguments. Hazardous ones are armed besides.
EXAMPLES = {
    "test.connection": ((), {}),
    "time.report_rate": ((), {"exponent": 3}),
    "time.stop_reports": ((), {}),
    "time.set": ((), {"tai": TAI_NS + 10**12}),
    "time.adjust": ((), {"offset": 10**9}),
    "job.submit": ((), JOB[1]),
    "job.cancel": ((JOB,), {"job_id": 1}),
    "job.pause": ((JOB,), {"job_id": 1}),
    "job.resume": ((JOB, ("job.pause", {"job_id": 1})), {"job_id": 1}),
    "job.report": ((JOB,), {"job_id": 1}),
    "job.discard": ((JOB, *armed("job.cancel"), ("job.cancel", {"job_id": 1})), {"job_id": 1}),
    "device.trust": ((), {}),
    "chat.prompt": ((SERVED,), PROMPT[1]),
    "chat.stop": ((SERVED, PROMPT), CONVERSATION),
    "chat.list": ((SERVED, PROMPT), {}),
    "chat.forget": ((SERVED, PROMPT, ("chat.stop", CONVERSATION)), CONVERSATION),
    "chat.repeat": ((SERVED, PROMPT, ("chat.stop", CONVERSATION)), {**CONVERSATION, "turn": 1}),
    "model.activate": ((), SERVED[1]),
    "model.roll_back": ((SERVED,), {}),
    "model.check": ((SERVED,), {}),
    "model.report": ((), {}),
    "model.list": ((), {}),
    "model.pack": ((), {"name": "model.safetensors", "destination": "model.pack"}),
    "model.unpack": ((), {"name": "model.stpk", "destination": "again.safetensors"}),
    "key.activate": ((), {"spi": 1}),
    "key.deactivate": ((), {"spi": 1}),
    "key.destroy": ((), {"spi": 1}),
    "key.report": ((), {"spi": 1}),
    "mode.enter": ((), {"mode": Mode.SAFE}),
    "spacecraft.reset": ((), {}),
    "boot.report": ((), {}),
    "command.arm": ((), {"service": 132, "subtype": 1}),
    "command.inhibit": ((), {"service": 128, "subtype": 0}),
    "command.release": ((("command.inhibit", {"service": 128, "subtype": 0}),), {"service": 128, "subtype": 0}),
    "command.report_inhibits": ((), {}),
    "command.limit_silence": ((), {"seconds": 3_600}),
    "schedule.enable": ((), {}),
    "schedule.disable": ((), {}),
    "schedule.reset": ((IN_SCHEDULE,), {}),
    "schedule.insert": ((), IN_SCHEDULE[1]),
    "schedule.delete": ((IN_SCHEDULE,), NAMED),
    "schedule.delete_filtered": ((IN_SCHEDULE,), {}),
    "schedule.shift": ((IN_SCHEDULE,), {"shift": 1_000, **NAMED}),
    "schedule.shift_filtered": ((IN_SCHEDULE,), {"shift": 1_000}),
    "schedule.detail": ((IN_SCHEDULE,), NAMED),
    "schedule.detail_filtered": ((IN_SCHEDULE,), {}),
    "schedule.summary": ((IN_SCHEDULE,), NAMED),
    "schedule.summary_filtered": ((IN_SCHEDULE,), {}),
    "schedule.shift_all": ((IN_SCHEDULE,), {"shift": 1_000}),
    "schedule.detail_all": ((IN_SCHEDULE,), {}),
    "schedule.summary_all": ((IN_SCHEDULE,), {}),
    "schedule.report_sub_schedules": ((), {}),
    "schedule.enable_sub_schedules": ((), {"sub_schedules": [1]}),
    "schedule.disable_sub_schedules": ((), {"sub_schedules": [1]}),
    "schedule.create_groups": ((), GROUP[1]),
    "schedule.delete_groups": ((GROUP,), {"groups": [3]}),
    "schedule.enable_groups": ((GROUP,), {"groups": [3]}),
    "schedule.disable_groups": ((GROUP,), {"groups": [3]}),
    "schedule.report_groups": ((GROUP,), {}),
    "schedule.insert_relative": ((), {"activities": [{"anchor": 1, "offset": 1_000, "request": request(4)}]}),
    "schedule.set_orbit_events": ((), {"events": [{"orbit_event": 7, "time": TAI_NS + 10**15}]}),
    "schedule.report_fates": ((), {}),
    "file.delete": ((), {"name": "here"}),
    "file.attributes": ((), {"name": "here"}),
    "directory.make": ((), {"name": "mine"}),
    "directory.remove": ((("directory.make", {"name": "mine"}),), {"name": "mine"}),
    "file.list": ((), {}),
    "file.send": ((), {"name": "here"}),
    "file.move": ((), {"name": "here", "destination": "there"}),
    "transfer.suspend": ((), TRANSFER),
    "transfer.resume": ((), TRANSFER),
    "transfer.cancel": ((), TRANSFER),
    "transfer.prompt": ((), TRANSFER),
    "transfer.report": ((), {}),
    "procedure.load_direct": ((), PROCEDURE[1]),
    "procedure.load": ((), {"procedure": "cold"}),
    "procedure.unload": ((PROCEDURE,), {"procedure": "warm"}),
    "procedure.start": ((PROCEDURE,), {"procedure": "warm"}),
    "procedure.abort": (RUN, {"procedure": "warm"}),
    "procedure.report_status": ((PROCEDURE,), {}),
    "procedure.load_and_start": ((), {"procedure": "cold"}),
    "procedure.report_digests": ((PROCEDURE,), {}),
    "procedure.report_text": ((PROCEDURE,), {"procedure": "warm"}),
    "procedure.abort_all": (RUN, {}),
    "monitoring.enable_monitors": ((WATCH,), {"monitors": [1]}),
    "monitoring.disable_monitors": ((WATCH,), {"monitors": [1]}),
    "monitoring.set_delay": ((), {"delay": 1_000}),
    "monitoring.delete_all": ((("monitoring.disable", {}),), {}),
    "monitoring.add": ((), WATCH[1]),
    "monitoring.delete": ((WATCH,), {"monitors": [1]}),
    "monitoring.modify": ((WATCH,), {"monitors": [{**MONITOR, "high": 8}]}),
    "monitoring.report_definitions": ((WATCH,), {}),
    "monitoring.report_out": ((), {}),
    "monitoring.report_status": ((WATCH,), {}),
    "monitoring.enable": ((), {}),
    "monitoring.disable": ((), {}),
    "reaction.add": ((), REACTION[1]),
    "reaction.delete": ((REACTION,), KEY),
    "reaction.delete_all": ((), {}),
    "reaction.enable": ((REACTION,), KEY),
    "reaction.disable": ((REACTION,), KEY),
    "reaction.report_status": ((), {}),
    "reaction.enable_all": ((), {}),
    "reaction.disable_all": ((), {}),
    "reaction.report": ((), {}),
    "storage.enable": ((), STORES),
    "storage.disable": ((), STORES),
    "storage.retrieve_time": ((), STORE),
    "storage.delete": ((), {**STORE, "end": TAI_NS}),
    "storage.summary": ((), {}),
    "storage.open_from": ((), {**STORE, "start": 0}),
    "storage.resume": ((), STORES),
    "storage.suspend": ((), STORES),
    "storage.abort": ((), STORES),
    "storage.retrieve": ((), {**STORE, "first": 0, "last": 1_000}),
    "storage.confirm": ((), {**STORE, "end": 1}),
    "storage.confirm_time": ((), {**STORE, "end": TAI_NS + 10**15}),
    "scrub.start": ((), {}),
    "scrub.report": ((), {}),
    "slot.install": ((), INSTALL),
    "slot.activate": ((("slot.install", INSTALL),), SLOT),
    "slot.confirm": ((), SLOT),
    "slot.revert": ((("slot.install", INSTALL), *armed("slot.activate"), ("slot.activate", SLOT)), SLOT),
    "slot.report": ((), SLOT),
    "parameter.report": ((), {"parameters": ["uptime"]}),
    "parameter.set": ((), {"values": {"beacon_period": 60}}),
    "parameter.reset": ((), {"parameters": ["beacon_period"]}),
    "event.enable": ((), {"events": ["booted"]}),
    "event.disable": ((), {"events": ["booted"]}),
    "event.report_disabled": ((), {}),
}
for _prefix in ("housekeeping", "diagnostics"):
    _made = (f"{_prefix}.create", {"structure": 200, "interval": 1_000, "parameters": ["uptime"]})
    _one = {"structures": [200]}
    EXAMPLES |= {
        f"{_prefix}.create": ((), _made[1]),
        f"{_prefix}.delete": ((_made,), _one),
        f"{_prefix}.enable": ((_made,), _one),
        f"{_prefix}.disable": ((_made,), _one),
        f"{_prefix}.report": ((_made,), _one),
        f"{_prefix}.once": ((_made,), _one),
        f"{_prefix}.append": ((_made,), {"structure": 200, "parameters": ["mode"]}),
        f"{_prefix}.interval": ((_made,), {**_one, "interval": 2_000}),
        f"{_prefix}.on_change": ((_made,), {"structure": 200, "bands": [{"parameter": "uptime", "band": 5.0}]}),
        f"{_prefix}.periodic": ((_made,), _one),
    }

# By command: the report that answers it, as the ground reads it.
ANSWERS = {
    "test.connection": "connection_test",
    "job.report": "job_report",
    "chat.list": "chat_report",
    "model.report": "model_report",
    "model.list": "model_list",
    "boot.report": "boot_report",
    "command.report_inhibits": "inhibit_report",
    "schedule.detail": "schedule_detail",
    "schedule.detail_filtered": "schedule_detail",
    "schedule.detail_all": "schedule_detail",
    "schedule.summary": "schedule_summary",
    "schedule.summary_filtered": "schedule_summary",
    "schedule.summary_all": "schedule_summary",
    "schedule.report_sub_schedules": "schedule_sub_schedules",
    "schedule.report_groups": "schedule_groups",
    "schedule.report_fates": "schedule_fates",
    "file.attributes": "file_attributes",
    "file.list": "file_list",
    "file.send": "transfer_accepted",
    "transfer.report": "transfer_report",
    "procedure.report_status": "procedure_status",
    "procedure.report_digests": "procedure_digests",
    "procedure.report_text": "procedure_text",
    "procedure.abort_all": "procedures_aborted",
    "monitoring.report_definitions": "monitor_definitions",
    "monitoring.report_out": "monitors_out",
    "monitoring.report_status": "monitor_status",
    "reaction.report_status": "reaction_status",
    "reaction.report": "reaction_definitions",
    "storage.summary": "storage_summary",
    "scrub.report": "scrub_report",
    "slot.report": "slot_report",
    "housekeeping.report": "housekeeping_structure",
    "diagnostics.report": "diagnostics_structure",
    "parameter.report": "parameter_values",
    "event.report_disabled": "events_disabled",
}
# What no request is answered with, or not on this table: each has tests of its own.
ANSWERED_ELSEWHERE = {
    "check_transitions", "exception_report", "job_progress", "job_sample", "key_report", "reply_chunk", "reply_end",
    "storage_content", "storage_live", "storage_missing",
}  # fmt: skip


@pytest.fixture
def operator(tmp_path):
    disk = RealDisk(tmp_path)
    disk.append("files/here", b"a file")
    disk.append("files/new", CONFIGURATION)
    disk.append("files/procedures/cold", b"wait 1h\n")
    disk.append("files/model.safetensors", model_octets())
    disk.append("files/model.stpk", b"".join(pack(Source(model_octets()))))
    begun = SlotStore(disk).begin(SlotKind.CONFIGURATION)
    assert begun == Begun(Slot.BUILT_IN)
    operator = Operator(disk, slots={SlotKind.CONFIGURATION: begun})
    operator.spacecraft.advance(SECOND)  # What was said at the start is in the packet stores.
    operator.now_ns = SECOND
    return operator


def model_octets():
    """Give the smallest file that looks like a model of a job from outside."""
    about = {"recipe": load_recipe("tiny").to_toml(), "vocabulary": ["a"], "weights_sha256": ""}
    header = {
        "__metadata__": {"starloop": json.dumps(about)},
        "tokens.weight": {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]},
    }
    head = json.dumps(header).encode()
    return len(head).to_bytes(8, "little") + head + bytes(4)


def packet_of(command, operator, data):
    operator.sequence_count += 1
    return Telecommand(
        Apid.CORE, operator.sequence_count, command.service, command.subtype, SOURCE_ID, data=data
    ).encode()


def test_every_command_has_an_example():
    assert set(EXAMPLES) == set(DICTIONARY.commands)


@pytest.mark.parametrize("name", DICTIONARY.commands)
def test_a_valid_command_is_done_and_nothing_near_it_is_taken_for_one(operator, name):
    command = DICTIONARY.command(name)
    before, arguments = EXAMPLES[name]
    for each, given in before:
        assert operator.command(each, **given) is None, each
    data = command.arguments.encode(command.arguments.complete(arguments))
    assert command.arguments.decode(data) == command.arguments.decode(command.arguments.encode(arguments))

    for wrong in (*(data[:length] for length in range(len(data))), data + b"\0"):
        assert operator.send(packet_of(command, operator, wrong)) is FailureCode.BAD_ARGUMENT, wrong
    wrong = first_invalid(command, data)
    if wrong is not None:
        assert operator.send(packet_of(command, operator, wrong)) is FailureCode.BAD_ARGUMENT

    if command.hazard.value != "none":
        assert operator.send(packet_of(command, operator, data)) is FailureCode.NOT_ARMED
        operator.arm(name)
    expected = FailureCode.REFUSED if name in REFUSED_ON_THIS_TABLE else None
    assert operator.send(packet_of(command, operator, data)) is expected


@pytest.mark.parametrize(("name", "report"), ANSWERS.items())
def test_the_ground_reads_what_a_request_is_answered_with(operator, name, report):
    before, arguments = EXAMPLES[name]
    for each, given in before:
        assert operator.command(each, **given) is None, each
    known = len(operator.heard(report))
    assert operator.command(name, **DICTIONARY.command(name).arguments.complete(arguments)) is None
    operator.run(3)
    assert len(operator.heard(report)) == known + 1


def test_every_report_answers_a_request_or_is_tested_elsewhere():
    assert {*ANSWERS.values(), *ANSWERED_ELSEWHERE} == set(DICTIONARY.reports)
    assert ANSWERED_ELSEWHERE.isdisjoint(ANSWERS.values())


def first_invalid(command, data):
    """Give the arguments with one octet changed so that a value is not as declared; None where every value is."""
    for at, octet in itertools.product(range(len(data)), (0xFF, 0x00, 0x7F)):
        changed = data[:at] + bytes([octet]) + data[at + 1 :]
        try:
            command.arguments.decode(changed)
        except MalformedError:
            return changed
    return None


def test_most_commands_have_arguments_that_can_be_wrong():
    with_arguments = [each for each in DICTIONARY.commands.values() if each.arguments.fields]
    wrong = []
    for each in with_arguments:
        data = each.arguments.encode(each.arguments.complete(EXAMPLES[each.name][1]))
        wrong += [each.name] if first_invalid(each, data) is not None else []
    assert len(wrong) > 0.6 * len(with_arguments)


def example(kind):
    """Give a value of a type, and for a list one of each."""
    match kind:
        case UInt() | Int():
            return 1
        case Float():
            return 0.5
        case Enumerated():
            return next(iter(kind.members))
        case Text():
            return "word"[: kind.octets_max]
        case Octets():
            return bytes(min(8, kind.octets_max))
        case Reference():
            return next(iter(kind.numbers.values()))
        case Array():
            return [example(kind.element)]
        case Rows():
            return [{field.name: value_of(field) for field in kind.layout.fields}]
        case Values():
            number, field = next(iter(kind.fields.items()))
            return {number: value_of(field)}
    raise AssertionError(f"expected a type with an example, found {type(kind).__name__}")


def value_of(field):
    value = example(field.type)
    if isinstance(value, int | float) and field.minimum is not None:
        return type(value)(max(value, math.ceil(field.minimum)))
    return value


LAYOUTS = {
    **{f"report {name}": each.fields for name, each in DICTIONARY.reports.items()},
    **{f"event {name}": each.fields for name, each in DICTIONARY.events.items()},
    **{f"structure {each.name}": each.layout for each in DICTIONARY.structures.values()},
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_report_is_read_as_it_was_written_and_nothing_near_it_is(layout):
    values = layout.complete({field.name: value_of(field) for field in layout.fields})
    data = layout.encode(values)
    assert layout.encode(layout.decode(data)) == data
    assert layout.complete(layout.decode(data)) == values
    for wrong in (*(data[:length] for length in range(len(data))), data + b"\0"):
        with pytest.raises(MalformedError):
            layout.decode(wrong)
