"""Which values are out of limits, as the dictionary declares them, and in which colour they are shown."""

from dataclasses import dataclass
from typing import Any

from ground.console.series import Latest, as_number
from mission.definition import DICTIONARY
from mission.dictionary import Parameter


@dataclass(frozen=True, slots=True)
class Declared:
    """What a page needs to know of a parameter; one that was defined in flight has only its name."""

    name: str
    unit: str = ""
    description: str = ""
    warning: tuple[float, float] | None = None


_DECLARED = {
    each.name: Declared(each.name, each.shape.unit, each.shape.description, each.warning)
    for each in DICTIONARY.parameters.values()
}


def declared(name: str) -> Declared:
    """Give what is declared of a parameter."""
    return _DECLARED.get(name) or Declared(name)


def parameter(name: str) -> Parameter | None:
    """Give a declared parameter."""
    return DICTIONARY.parameter_of(name) if name in _DECLARED else None


def class_of(name: str, value: Any) -> str:
    """Give the CSS class of a value: out of limits or not."""
    warning, number = declared(name).warning, as_number(value)
    if warning is None or number is None or warning[0] <= number <= warning[1]:
        return ""
    return "warn"


def bands_of(name: str) -> tuple[tuple[float | None, float | None], ...]:
    """Give the spans of values that are out of limits, for a plot."""
    warning = declared(name).warning
    return () if warning is None else ((None, warning[0]), (warning[1], None))


def out_of_limits(latest: dict[str, Latest]) -> list[str]:
    """Give the names of parameters whose latest value is out of limits."""
    return [name for name, each in latest.items() if class_of(name, each.value)]
