"""The passes that are expected, from a file of the operator's: when which station hears the spacecraft, and what for.

The file is TOML, with a ``[[pass]]`` for each: ``station``, ``begin`` and ``end`` as times with an offset, and if known
``elevation_deg``, the highest, and ``plan``, a list of what is to be done. It holds no clock and asks for nothing.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccsds.errors import MisuseError

NS_PER_S = 1_000_000_000

# A month of a low orbit over a dozen stations.
PASSES_MAX = 10_000

_KEYS = {"station", "begin", "end", "elevation_deg", "plan"}


@dataclass(frozen=True, slots=True, order=True)
class ExpectedPass:
    """One pass that is expected."""

    begin_unix_ns: int
    end_unix_ns: int
    station: str
    elevation_deg: float | None = None
    """The highest."""
    plan: tuple[str, ...] = ()


class PassPlan:
    """Passes in order of time.

    Args:
        passes: In any order.
    """

    def __init__(self, passes: Iterable[ExpectedPass] = ()) -> None:
        self.passes = tuple(sorted(passes))

    def current(self, unix_ns: int) -> ExpectedPass | None:
        """Give the pass that goes on; of several, the one that ends last."""
        going_on = [each for each in self.passes if each.begin_unix_ns <= unix_ns < each.end_unix_ns]
        return max(going_on, key=lambda each: each.end_unix_ns, default=None)

    def next(self, unix_ns: int) -> ExpectedPass | None:
        """Give the pass that begins next."""
        return next((each for each in self.passes if each.begin_unix_ns > unix_ns), None)

    def between(self, from_unix_ns: int, to_unix_ns: int) -> list[ExpectedPass]:
        """Give the passes that touch a span of time."""
        return [each for each in self.passes if each.end_unix_ns > from_unix_ns and each.begin_unix_ns < to_unix_ns]


def read_pass_plan(path: Path) -> PassPlan:
    """Read a plan from a file.

    Raises:
        MisuseError: It cannot be read, or says something else than passes; naming the file and which pass.
    """
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MisuseError(f"{path}: expected passes as TOML: {error}") from None
    rows = content.pop("pass", [])
    if content or not isinstance(rows, list):
        raise MisuseError(
            f"{path}: expected nothing but [[pass]], found {', '.join(content) or 'a pass without [[ ]]'}"
        )
    if len(rows) > PASSES_MAX:
        raise MisuseError(f"{path}: expected at most {PASSES_MAX} passes, found {len(rows)}")
    return PassPlan(_pass(path, number, row) for number, row in enumerate(rows, start=1))


def _pass(path: Path, number: int, row: Any) -> ExpectedPass:
    where = f"{path}: pass {number}"
    if not isinstance(row, dict) or not {"station", "begin", "end"} <= row.keys() <= _KEYS:
        raise MisuseError(f"{where}: expected station, begin, end and perhaps elevation_deg and plan, found {row!r}")
    begin_ns, end_ns = (_unix_ns(where, key, row[key]) for key in ("begin", "end"))
    if end_ns <= begin_ns:
        raise MisuseError(f"{where}: expected it to end after it begins, found {row['begin']} to {row['end']}")
    elevation, plan = row.get("elevation_deg"), row.get("plan", [])
    if elevation is not None and (isinstance(elevation, bool) or not isinstance(elevation, int | float)):
        raise MisuseError(f"{where}: elevation_deg: expected a number, found {elevation!r}")
    if not isinstance(plan, list) or not all(isinstance(each, str) for each in plan):
        raise MisuseError(f"{where}: plan: expected a list of text, found {plan!r}")
    return ExpectedPass(begin_ns, end_ns, str(row["station"]), elevation, tuple(plan))


def _unix_ns(where: str, key: str, value: Any) -> int:
    # Other values of TOML have no offset, and times of a plan without one would mean something else elsewhere.
    if getattr(value, "tzinfo", None) is None or not hasattr(value, "timestamp"):
        raise MisuseError(
            f"{where}: {key}: expected a time with an offset, such as 2027-03-01T12:00:00Z, found {value}"
        )
    return round(value.timestamp() * 1000) * 1_000_000
