"""The mission's words in a packet: arguments, reports, housekeeping, events and ST[01] reports, part by part.

Source: ECSS-E-ST-70-41C 8.1 (ST[01]), 8.3.2.25 (housekeeping), 8.5 (events).
"""

from ccsds.pus.telecommand import REQUEST_ID_OCTETS, RequestId
from ccsds.pus.verification import FAILURE_CODE_OCTETS, STEP_OCTETS, VerificationReport
from mission.definition import DICTIONARY
from mission.dictionary import Severity
from mission.failures import FailureCode
from mission.fields import Field, FieldType, Layout
from mission.housekeeping import StructureKind
from tools.decode.node import Node, Walk, plain, words

EVENT_SERVICE = 5
_EVENT_NUMBER_OCTETS = 2


class Requests:
    """The telecommands that were seen, so that a report can be told with what it is about.

    There are at most 2^25 of them: a later one of the same APID and count takes the place of the earlier.
    """

    def __init__(self) -> None:
        self._names: dict[RequestId, str] = {}

    def note(self, request: RequestId, name: str) -> None:
        """Remember a telecommand."""
        self._names[request] = name

    def describe(self, request: RequestId) -> str:
        """Say what a telecommand was."""
        return self._names.get(request, f"request {request}, which is not in what was decoded so far")


def read_layout(walk: Walk, layout: Layout) -> dict:
    """Read declared fields up to the end; give their values.

    Raises:
        MalformedError: They are not as declared.
    """
    octets = walk.unread
    values = layout.decode(octets.data)
    walk.rest()
    at = 0
    for each in layout.fields:
        # A declared value has one encoding, so that writing it again tells how long it was.
        count = len(_alone(each.type).encode({"value": values[each.name]}))
        walk.nodes.append(
            Node(
                each.name,
                octets[at : at + count],
                value=plain(values[each.name]),
                unit=each.unit,
                meaning=each.description,
            )
        )
        at += count
    return values


def read_verification(walk: Walk, subtype: int, requests: Requests) -> str:
    """Read the source data of an ST[01] report; give it in a line."""
    report = VerificationReport.decode(subtype, walk.unread.data)
    about = requests.describe(report.request_id)
    octets = walk.take("request identifier", REQUEST_ID_OCTETS)
    walk.nodes.append(Node("request identifier", octets, value=str(report.request_id), meaning=about))
    said = f"{words(report.stage.name)}: {about}"
    if report.stage.has_step:
        said += f", step {walk.number('step', STEP_OCTETS)}"
    if report.stage.is_failure:
        said += f", {_failure(walk.number('failure code', FAILURE_CODE_OCTETS, _failure))}"
        if walk.left_octets:
            said += f": {walk.text('failure text', walk.left_octets)}"
    return said


def read_event(walk: Walk, subtype: int) -> str:
    """Read the source data of an ST[05] report; give it in a line."""
    number = walk.number("event", _EVENT_NUMBER_OCTETS)
    declared = DICTIONARY.event_of(number)
    walk.nodes[-1].meaning = declared.name
    values = read_layout(walk, declared.fields)
    return f"{words(Severity(subtype).name)} event {declared.name}: {declared.describe(values)}"


def read_housekeeping(walk: Walk, kind: StructureKind) -> str:
    """Read the source data of a housekeeping or diagnostic report; give it in a line.

    What a structure made in flight holds is told by other packets; its octets are shown as they are.
    """
    number = walk.number("structure", 1)
    if kind is not StructureKind.HOUSEKEEPING or number not in DICTIONARY.structures:
        name = f"{kind.name.lower()} structure {number}, made in flight"
        walk.nodes[-1].meaning = name
        walk.raw("parameters", walk.left_octets, "not declared")
        return name
    structure = DICTIONARY.structure_of(number)
    walk.nodes[-1].meaning = f"{structure.name}: {structure.description}"
    read_layout(walk, structure.layout)
    return f"housekeeping {structure.name}"


def _alone(kind: FieldType) -> Layout:
    """Give the layout of one value."""
    return Layout((Field("value", kind),))


def _failure(code: int) -> str:
    return words(FailureCode(code).name) if code in FailureCode.__members__.values() else f"failure code {code}"
