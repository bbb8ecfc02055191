"""The words of ST[20] parameters (ECSS-E-ST-70-41C 6.20 and 8.20). Data only; each service declares its own parameters.

Resetting a parameter to its default is the mission's own subtype.
"""

from collections.abc import Iterable

from mission.dictionary import Command, EventDefinition, Parameter, Repeat, Report, Setting, Severity, Words
from mission.field_types import Reference, Text
from mission.fields import Array, Field, Layout, Values

# What one report can hold with the longest values in a few frames of the slowest link.
REPORTED_PARAMETERS_MAX = 64
# A command is one frame of the slowest link; more than this is a configuration, and a file.
SET_PARAMETERS_MAX = 16

VALUE_OCTETS_MAX = 64

PARAMETER_SET = EventDefinition(
    id=22,
    name="parameter_set",
    severity=Severity.INFORMATIVE,
    text="parameter {parameter}: {before} -> {after}",
    fields=Layout(
        (
            Field("parameter", Text(VALUE_OCTETS_MAX), "its name"),
            Field("before", Text(VALUE_OCTETS_MAX), "its value before"),
            Field("after", Text(VALUE_OCTETS_MAX), "its value now"),
        )
    ),
)


def reference(parameters: Iterable[Parameter]) -> Reference:
    """Give the type of an argument that names one of some parameters."""
    return Reference("parameter", {each.name: each.id for each in parameters})


def words(declared: Iterable[Words]) -> Words:
    """Give the words that read and set the parameters of all services.

    Args:
        declared: The words of every service that has parameters.
    """
    parameters = {each.id: each for words in declared for each in words.all_parameters}
    settings = {number: each for number, each in parameters.items() if isinstance(each, Setting)}
    all_of_them = reference(parameters.values())
    return Words(
        commands=(
            Command(
                name="parameter.report",
                service=20,
                subtype=1,
                description="Report the present values of parameters, whether or not a structure holds them.",
                arguments=Layout(
                    (Field("parameters", Array(all_of_them, REPORTED_PARAMETERS_MAX), "names or numbers, by commas"),)
                ),
                repeat=Repeat.IDEMPOTENT,
                in_safe=True,
            ),
            Command(
                name="parameter.set",
                service=20,
                subtype=3,
                description="Set parameters, all or none; they keep their values through reboots.",
                arguments=Layout(
                    (
                        Field(
                            "values",
                            Values({number: each.shape for number, each in settings.items()}, SET_PARAMETERS_MAX),
                            "name=value, by commas",
                        ),
                    )
                ),
                repeat=Repeat.STORE,
            ),
            Command(
                name="parameter.reset",
                service=20,
                subtype=128,
                description="Give parameters their default values again.",
                arguments=Layout(
                    (
                        Field(
                            "parameters",
                            Array(reference(settings.values()), SET_PARAMETERS_MAX),
                            "names or numbers, by commas",
                        ),
                    )
                ),
                repeat=Repeat.STORE,
            ),
        ),
        reports=(
            Report(
                name="parameter_values",
                service=20,
                subtype=2,
                description="Present values of parameters; sent on request.",
                fields=Layout(
                    (
                        Field(
                            "values",
                            Values(
                                {number: each.shape for number, each in parameters.items()}, REPORTED_PARAMETERS_MAX
                            ),
                            "each with its number",
                        ),
                    )
                ),
            ),
        ),
        events=(PARAMETER_SET,),
    )
