"""The words of ST[03] housekeeping (ECSS-E-ST-70-41C 6.3 and 8.3). Data only; each service declares its own structures.

Every command comes twice, for housekeeping and for diagnostic structures, with the standard's own subtypes. Reporting
on change is the mission's. Super-commutated parameters are not part of it: a structure holds each parameter once.
"""

from collections.abc import Iterable

from mission.dictionary import Command, Repeat, Report, Words
from mission.field_types import Enumerated, Float, Reference, UInt
from mission.fields import Array, Field, Layout, Rows
from mission.housekeeping import (
    INTERVAL_MS_MAX,
    INTERVAL_MS_MIN,
    STRUCTURE_PARAMETERS_MAX,
    STRUCTURES_AT_ONCE_MAX,
    Reporting,
    ReportMode,
    StructureKind,
)
from mission.words.parameters import reference

PREFIXES = {StructureKind.HOUSEKEEPING: "housekeeping", StructureKind.DIAGNOSTIC: "diagnostics"}
"""What the commands of each kind begin with."""

# By what a command does: its subtype for each kind, what it says, and which arguments it takes.
_SUBTYPES = {
    "create": (1, 2),
    "delete": (3, 4),
    "enable": (5, 7),
    "disable": (6, 8),
    "report": (9, 11),
    "once": (27, 28),
    "append": (29, 30),
    "interval": (31, 32),
    "on_change": (128, 129),
    "periodic": (130, 131),
}
_DEFINITION_REPORTS = (10, 12)
# What tells how things are is not held back in SAFE.
_IN_SAFE = frozenset({"enable", "report", "once"})


def words(declared: Iterable[Words]) -> Words:
    """Give the words by which the structures of all services are reported, and others are made of all parameters.

    Args:
        declared: The words of every service that has parameters.
    """
    parameters = reference({each.id: each for words in declared for each in words.all_parameters}.values())
    kinds = tuple(enumerate(PREFIXES.items()))
    return Words(
        commands=tuple(command for place, (_, prefix) in kinds for command in _commands(prefix, place, parameters)),
        reports=tuple(_definition_report(prefix, place, parameters) for place, (_, prefix) in kinds),
    )


def definition_report(kind: StructureKind) -> str:
    """Give the name of the report that defines structures of a kind."""
    return f"{PREFIXES[kind]}_structure"


def _commands(prefix: str, place: int, parameters: Reference) -> tuple[Command, ...]:
    structure = Field("structure", UInt(8), f"number of a {prefix} structure")
    structures = Field("structures", Array(UInt(8), STRUCTURES_AT_ONCE_MAX), f"numbers of {prefix} structures")
    interval = Field(
        "interval", UInt(32), "between two samples", unit="ms", minimum=INTERVAL_MS_MIN, maximum=INTERVAL_MS_MAX
    )
    chosen = Field("parameters", Array(parameters, STRUCTURE_PARAMETERS_MAX), "names or numbers, in order, by commas")
    band = Layout(
        (
            Field("parameter", parameters, "which"),
            Field("band", Float(64), "a change by no more than this is none", minimum=0),
        )
    )
    bands = Field("bands", Rows(band, STRUCTURE_PARAMETERS_MAX, 0), "those not named count with any change", default=())
    said: dict[str, tuple[str, tuple[Field, ...], Repeat]] = {
        "create": (
            f"Make a {prefix} structure of any parameters; it is not reported until it is enabled.",
            (structure, interval, chosen),
            Repeat.STORE,
        ),
        "delete": (
            f"Delete {prefix} structures that were made in flight and are disabled.",
            (structures,),
            Repeat.STORE,
        ),
        "enable": (f"Report {prefix} structures from now on.", (structures,), Repeat.STORE),
        "disable": (f"Stop reporting {prefix} structures.", (structures,), Repeat.STORE),
        "report": (f"Report what {prefix} structures are made of.", (structures,), Repeat.IDEMPOTENT),
        "once": (f"Report the values of {prefix} structures once, now.", (structures,), Repeat.IDEMPOTENT),
        "append": (
            f"Add parameters at the end of a {prefix} structure that was made in flight and is disabled.",
            (structure, chosen),
            Repeat.STORE,
        ),
        "interval": (f"Change the interval of {prefix} structures.", (structures, interval), Repeat.STORE),
        "on_change": (
            f"Report a {prefix} structure, at its interval, only when a parameter has left its dead-band.",
            (structure, bands),
            Repeat.STORE,
        ),
        "periodic": (f"Report {prefix} structures at each interval again.", (structures,), Repeat.STORE),
    }
    return tuple(
        Command(
            name=f"{prefix}.{what}",
            service=3,
            subtype=_SUBTYPES[what][place],
            description=description,
            arguments=Layout(arguments),
            repeat=repeat,
            in_safe=what in _IN_SAFE,
        )
        for what, (description, arguments, repeat) in said.items()
    )


def _definition_report(prefix: str, place: int, parameters: Reference) -> Report:
    return Report(
        name=f"{prefix}_structure",
        service=3,
        subtype=_DEFINITION_REPORTS[place],
        description=f"What a {prefix} structure is made of; sent on request.",
        fields=Layout(
            (
                Field("structure", UInt(8), "its number"),
                Field("reporting", Enumerated(Reporting), "whether it is reported by itself"),
                Field("interval", UInt(32), "between two samples", unit="ms"),
                Field("mode", Enumerated(ReportMode), "when it is reported"),
                Field("parameters", Array(parameters, STRUCTURE_PARAMETERS_MAX), "in order"),
            )
        ),
    )
