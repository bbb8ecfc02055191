"""ST[20] parameters: report and set on-board parameters.

Source: ECSS-E-ST-70-41C 6.20 and 8.20.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from ccsds.errors import MisuseError
from flight.parameters import ParameterPool
from flight.reporter import Reporter
from flight.services.service import Outcome
from mission.dictionary import Command
from mission.words.parameters import PARAMETER_SET, VALUE_OCTETS_MAX


class ParameterService:
    """Reads and sets parameters for the ground.

    Args:
        pool: Where they are.
        reporter: Where reports go.
    """

    number = 20

    def __init__(self, pool: ParameterPool, reporter: Reporter) -> None:
        self._pool = pool
        self._reporter = reporter

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        match command.name:
            case "parameter.report":
                return self._report(arguments["parameters"], now_ns)
            case "parameter.set":
                return self._set(arguments["values"], now_ns)
            case _:
                names = [self._pool.find(number).name for number in arguments["parameters"]]
                return self._set(dict.fromkeys(names), now_ns)

    def _report(self, numbers: list[int], now_ns: int) -> Outcome:
        for position, number in enumerate(numbers):
            if number in numbers[:position]:
                raise MisuseError(f"parameters[{position}]: expected each parameter once, found {number} twice")
        values = self._pool.sample(map(self._pool.find, numbers), now_ns)
        return Outcome(answers=(self._reporter.encode("parameter_values", {"values": values}),))

    def _set(self, values: Mapping[str, Any], now_ns: int) -> Outcome:
        before = {name: self._pool.read(name, now_ns) for name in values}
        return Outcome(changes=self._pool.change(values), afterwards=lambda now_ns: self._follow(before, now_ns))

    def _follow(self, before: Mapping[str, Any], now_ns: int) -> None:
        self._pool.apply(before, now_ns)
        for name, value in before.items():
            after = self._pool.read(name, now_ns)
            if after != value:
                self._reporter.event(PARAMETER_SET, parameter=name, before=_shown(value), after=_shown(after))


def _shown(value: Any) -> str:
    match value:
        case IntEnum():
            text = value.name
        case bytes():
            text = value.hex()
        case float():
            text = f"{value:.7g}"
        case _:
            text = str(value)
    return text.encode()[:VALUE_OCTETS_MAX].decode(errors="ignore")
