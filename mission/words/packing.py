"""The words of mission service [135] packing: models made short for a thin link, and made whole again. Data only."""

from ccsds.cfdp.filestore import NAME_OCTETS_MAX
from mission.dictionary import Command, EventDefinition, Repeat, Severity, Words
from mission.field_types import Float, Octets, Text, UInt
from mission.fields import REQUIRED, Field, Layout

SHA256_OCTETS = 32

_NAME = Field("name", Text(NAME_OCTETS_MAX), "of the file in the store", default=REQUIRED)
_DESTINATION = Field(
    "destination", Text(NAME_OCTETS_MAX), "of what comes of it, a name that nothing has yet", default=REQUIRED
)
_OF_FILE = Field("name", Text(NAME_OCTETS_MAX), "of the file")
_OF_RESULT = Field("destination", Text(NAME_OCTETS_MAX), "of what came of it")
_SIZE = Field("size", UInt(64), "of the model", unit="octets")
_BASE = Field("base", Text(NAME_OCTETS_MAX), "what it was packed against; empty for nothing")
_SHA256 = Field("sha256", Octets(SHA256_OCTETS), "of the model")

MODEL_PACKED = EventDefinition(
    id=370,
    name="model_packed",
    severity=Severity.INFORMATIVE,
    text="{name} is packed as {destination}: {packed_size} octets of {size}",
    fields=Layout((_OF_FILE, _OF_RESULT, _SIZE, Field("packed_size", UInt(64), "packed", unit="octets"))),
)
MODEL_UNPACKED = EventDefinition(
    id=371,
    name="model_unpacked",
    severity=Severity.INFORMATIVE,
    text="{name} is unpacked as {destination}: {size} octets, whole and right by their SHA-256",
    fields=Layout((_OF_FILE, _OF_RESULT, _SIZE, _BASE, _SHA256)),
)
MODEL_APPROXIMATED = EventDefinition(
    id=372,
    name="model_approximated",
    severity=Severity.INFORMATIVE,
    text="{destination} is made of {layers} of the {layers_in_all} layers of {name}: {error} of the change is left",
    fields=Layout(
        (
            _OF_FILE,
            _OF_RESULT,
            _SIZE,
            _BASE,
            _SHA256,
            Field("layers", UInt(8), "that were there whole"),
            Field("layers_in_all", UInt(8), "that there are"),
            Field("error", Float(32), "of the change from the base, what is left: 1 at the base, 0 exact"),
        )
    ),
)
PACKING_FAILED = EventDefinition(
    id=373,
    name="packing_failed",
    severity=Severity.MEDIUM,
    text="{name} did not become {destination}, and nothing is left of it: {reason}",
    fields=Layout((_OF_FILE, _OF_RESULT, Field("reason", Text(200), "why"))),
)
PACKING_FORGOTTEN = EventDefinition(
    id=374,
    name="packing_forgotten",
    severity=Severity.LOW,
    text="a reset fell into packing or unpacking a model; {octets} octets that were written are removed",
    fields=Layout((Field("octets", UInt(64), "written by then", unit="octets"),)),
)

PACKING_ENDS = frozenset(each.name for each in (MODEL_PACKED, MODEL_UNPACKED, MODEL_APPROXIMATED, PACKING_FAILED))
"""What an end is told by."""

WORDS = Words(
    commands=(
        Command(
            name="model.pack",
            service=135,
            subtype=1,
            description="Begin to pack a model for a thin link; an event tells when it is done. One at a time.",
            arguments=Layout(
                (
                    _NAME,
                    _DESTINATION,
                    Field(
                        "base",
                        Text(NAME_OCTETS_MAX),
                        "a model of the store that the ground holds, too; then only the difference is told",
                        default="",
                    ),
                )
            ),
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="model.unpack",
            service=135,
            subtype=2,
            description="Begin to make a model of a packed file, which may be on its way up still if it is in layers; "
            "an event tells when it is done. One at a time.",
            arguments=Layout(
                (
                    _NAME,
                    _DESTINATION,
                    Field(
                        "base",
                        Text(NAME_OCTETS_MAX),
                        "what it was packed against; empty to have it found by its digest",
                        default="",
                    ),
                )
            ),
            repeat=Repeat.IDEMPOTENT,
        ),
    ),
    events=(MODEL_PACKED, MODEL_UNPACKED, MODEL_APPROXIMATED, PACKING_FAILED, PACKING_FORGOTTEN),
)
