"""What a station watches: limits from the dictionary and from a TOML file of the station's own, and derived parameters.

    [[derived]]
    name = "power_margin"
    expression = "solar_power - bus_load"
    unit = "W"

    [[limit]]
    parameter = "battery_charge"
    warning = [30, 100]
    critical = [15, 100]
    modes = ["COMPUTE"]          # else: in all; of several for one parameter the first that holds counts
    persistence = [3, 5]         # 3 of the last 5 samples
    hysteresis = 2

    [[limit]]
    parameter = "mode"
    states = { SAFE = "critical" }

    [[stale]]
    report = "governor"
    after_s = 60                 # else: three of its periods

A limit of the file stands in front of the dictionary's for its parameter. It reads no file: the text is given.
"""

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ccsds.errors import MisuseError
from ground.alarms.expression import Expression, compile_expression
from ground.alarms.life_cycle import Level
from ground.alarms.limits import Limit
from mission.dictionary import Dictionary
from mission.field_types import Enumerated, Float, Int, UInt
from mission.modes import ALL_MODES, Mode

# A file that an operator can oversee, and what one report may cost to judge.
ENTRIES_MAX = 1_000
FILE_OCTETS_MAX = 1 << 20

STALE_PERIODS = 3
"""A report that is missing so many times is not just late."""

NS_PER_S = 1_000_000_000
_SECONDS_MAX = 3.2e8

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_HEADER = re.compile(r"\s*\[\[\s*(\w+)\s*\]\]")
_LEVELS = {"warning": Level.WARNING, "critical": Level.CRITICAL}
_KEYS = {
    "derived": {"name", "expression", "unit", "description"},
    "limit": {"parameter", "warning", "critical", "states", "modes", "persistence", "hysteresis"},
    "stale": {"report", "after_s"},
}


@dataclass(frozen=True, kw_only=True)
class DerivedParameter:
    """A parameter that is computed at the ground."""

    name: str
    expression: Expression
    unit: str = ""
    description: str = ""
    place: str = ""
    """File and line, for messages."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """All that a station watches."""

    limits: Mapping[str, tuple[Limit, ...]] = field(default_factory=dict)
    """Of each parameter, the first that holds counts."""
    derived: tuple[DerivedParameter, ...] = ()
    """Each after those that it reads."""
    stale_after_ns: Mapping[str, int] = field(default_factory=dict)
    """Of reports by name."""


def default_rules(dictionary: Dictionary) -> Rules:
    """Give the rules of the dictionary alone."""
    limits = {
        each.name: (Limit(parameter=each.name, warning=each.warning),)
        for each in dictionary.parameters.values()
        if each.warning is not None
    }
    stale = {each.name: STALE_PERIODS * each.period_ns for each in dictionary.structures.values()}
    return Rules(limits=limits, stale_after_ns=stale)


def parse_rules(text: str, where: str, dictionary: Dictionary) -> Rules:
    """Read the station's own rules on top of the dictionary's.

    Args:
        text: TOML, as above.
        where: What to call the file in messages.
        dictionary: The words of the mission.

    Raises:
        MisuseError: It is wrong; with file, line and reason.
    """
    if len(text) > FILE_OCTETS_MAX:
        raise MisuseError(f"{where}: expected at most {FILE_OCTETS_MAX} octets, found {len(text)}")
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MisuseError(f"{where}: expected TOML: {error}") from None
    for kind, entries in table.items():
        if kind not in _KEYS:
            raise MisuseError(f"{where}: unknown key {kind}: expected one of {', '.join(_KEYS)}")
        if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
            raise MisuseError(f"{where}: {kind}: expected tables [[{kind}]], found another value")
        if len(entries) > ENTRIES_MAX:
            raise MisuseError(f"{where}: {kind}: expected at most {ENTRIES_MAX} entries, found {len(entries)}")
    lines = _Lines(text, where)
    rules = default_rules(dictionary)
    derived = _derived(table.get("derived", []), lines, dictionary)
    limits: dict[str, list[Limit]] = {}
    known = {each.name for each in derived}
    for index, entry in enumerate(table.get("limit", [])):
        limit = lines.said(
            "limit", index, entry, lambda entry=entry: _limit(entry, known, dictionary), key=("parameter",)
        )
        limits.setdefault(limit.parameter, []).append(limit)
    stale = dict(rules.stale_after_ns)
    for index, entry in enumerate(table.get("stale", [])):
        name, after_ns = lines.said("stale", index, entry, lambda entry=entry: _stale(entry), key=("report", "after_s"))
        stale[name] = after_ns
    return Rules(
        limits={
            **rules.limits,
            **{name: (*own, *rules.limits.get(name, ())) for name, own in limits.items()},
        },
        derived=derived,
        stale_after_ns=stale,
    )


class _Lines:
    """Where each entry of a file stands."""

    def __init__(self, text: str, where: str) -> None:
        self._where = where
        self._lines = text.splitlines()
        self._headers: dict[str, list[int]] = {}
        for number, line in enumerate(self._lines, 1):
            if match := _HEADER.match(line):
                self._headers.setdefault(match[1], []).append(number)

    def line_of(self, kind: str, index: int, key: str) -> int:
        """Give the line of a key of an entry, or that of its header."""
        headers = self._headers.get(kind, [])
        if index >= len(headers):
            return 1
        for number in range(headers[index], len(self._lines)):
            if self._lines[number].lstrip().startswith("["):
                break
            if re.match(rf"\s*{re.escape(key)}\s*=", self._lines[number]):
                return number + 1
        return headers[index]

    def place(self, kind: str, index: int, key: str) -> str:
        """Give file and line."""
        return f"{self._where}: line {self.line_of(kind, index, key)}"

    def said(
        self, kind: str, index: int, entry: Mapping[str, Any], read: Callable[[], Any], *, key: tuple[str, ...]
    ) -> Any:
        """Read an entry, and say in which line it is wrong."""
        for name in entry:
            if name not in _KEYS[kind]:
                place = self.place(kind, index, name)
                raise MisuseError(f"{place}: unknown key {name}: expected one of {', '.join(sorted(_KEYS[kind]))}")
        for name in key:
            if name not in entry:
                raise MisuseError(f"{self.place(kind, index, name)}: {name}: expected a value, found none")
        try:
            return read()
        except MisuseError as error:
            named = str(error).split(":")[0].split(".")[0]
            raise MisuseError(f"{self.place(kind, index, named)}: {error}") from None


def _derived(entries: list[dict[str, Any]], lines: _Lines, dictionary: Dictionary) -> tuple[DerivedParameter, ...]:
    """Give the derived parameters, each after those that it reads."""
    states: dict[str, Mapping[str, int]] = {each.name: _states(each.shape.type) for each in _numbers(dictionary)}
    names = []
    for index, entry in enumerate(entries):
        name = lines.said(
            "derived", index, entry, lambda entry=entry: _new_name(entry, states), key=("name", "expression")
        )
        states[name] = {}
        names.append(name)
    found: dict[str, DerivedParameter] = {}
    for index, entry in enumerate(entries):
        text = entry["expression"]
        line = lines.line_of("derived", index, "expression")
        where = lines.place("derived", index, "expression")
        if not isinstance(text, str):
            raise MisuseError(f"{where}: expression: expected a text, found {text!r}")
        try:
            expression = compile_expression(text, states, line=line)
        except MisuseError as error:
            raise MisuseError(f"{where.rpartition(': ')[0]}: {names[index]}: {error}") from None
        found[names[index]] = DerivedParameter(
            name=names[index],
            expression=expression,
            unit=str(entry.get("unit", "")),
            description=str(entry.get("description", "")),
            place=where,
        )
    return _sorted(found)


def _sorted(found: dict[str, DerivedParameter]) -> tuple[DerivedParameter, ...]:
    done: dict[str, DerivedParameter] = {}
    waiting = dict(found)
    while waiting:
        ready = [name for name, each in waiting.items() if not each.expression.inputs & waiting.keys()]
        if not ready:
            each = next(iter(waiting.values()))
            raise MisuseError(f"{each.place}: {each.name}: expected an order to compute in, found a circle")
        for name in ready:
            done[name] = waiting.pop(name)
    return tuple(done.values())


def _new_name(entry: Mapping[str, Any], taken: Mapping[str, Any]) -> str:
    name = entry["name"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise MisuseError(f"name: expected small letters, digits and underscores, found {name!r}")
    if name in taken:
        raise MisuseError(f"name: expected one that is not taken, found {name!r}")
    return name


def _limit(entry: Mapping[str, Any], derived: set[str], dictionary: Dictionary) -> Limit:
    name = entry["parameter"]
    declared = {each.name: each for each in _numbers(dictionary)}
    if name not in declared and name not in derived:
        raise MisuseError(f"parameter: expected a parameter that is a number, or a derived one, found {name!r}")
    states = _states(declared[name].shape.type) if name in declared else {}
    persistence = entry.get("persistence", [1, 1])
    if not isinstance(persistence, list) or [type(each) for each in persistence] != [int, int]:
        raise MisuseError(f"persistence: expected [n, m], found {persistence!r}")
    return Limit(
        parameter=name,
        warning=_range("warning", entry.get("warning")),
        critical=_range("critical", entry.get("critical")),
        states=_levels(entry.get("states", {}), states),
        modes=_modes(entry.get("modes")),
        count=persistence[0],
        of=persistence[1],
        hysteresis=_number("hysteresis", entry.get("hysteresis", 0)),
    )


def _stale(entry: Mapping[str, Any]) -> tuple[str, int]:
    after_s = _number("after_s", entry["after_s"])
    if not 0 < after_s <= _SECONDS_MAX:
        raise MisuseError(f"after_s: expected more than 0 s, up to {_SECONDS_MAX:g}, found {after_s:g}")
    return str(entry["report"]), int(after_s * NS_PER_S)


def _range(name: str, value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        raise MisuseError(f"{name}: expected [low, high], found {value!r}")
    return _number(name, value[0]), _number(name, value[1])


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise MisuseError(f"{name}: expected a number, found {value!r}")
    return float(value)


def _levels(value: Any, states: Mapping[str, int]) -> dict[int, Level]:
    if not isinstance(value, dict):
        raise MisuseError(f"states: expected {{ NAME = 'warning' or 'critical' }}, found {value!r}")
    for name, level in value.items():
        if name not in states:
            raise MisuseError(f"states: expected one of {', '.join(states) or 'no states'}, found {name!r}")
        if level not in _LEVELS:
            raise MisuseError(f"states: {name}: expected one of {', '.join(_LEVELS)}, found {level!r}")
    return {states[name]: _LEVELS[level] for name, level in value.items()}


def _modes(value: Any) -> frozenset[Mode]:
    if value is None:
        return ALL_MODES
    if not isinstance(value, list) or not all(each in Mode.__members__ for each in value):
        raise MisuseError(f"modes: expected a list of {', '.join(Mode.__members__)}, found {value!r}")
    return frozenset(Mode[each] for each in value)


def _numbers(dictionary: Dictionary) -> list[Any]:
    return [
        each for each in dictionary.parameters.values() if isinstance(each.shape.type, UInt | Int | Float | Enumerated)
    ]


def _states(kind: Any) -> Mapping[str, int]:
    return {member.name: int(member) for member in kind.members} if isinstance(kind, Enumerated) else {}
