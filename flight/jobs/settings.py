"""Tables of settings: frozen dataclasses made from TOML, changed key by key, and written again.

Whatever is unknown, missing, of another type or out of range is refused, by its name. A table or a setting that may be
left out is a field with ``None`` for its default; where it is left out, it is not written. It knows nothing of what
settings mean.
"""

import difflib
import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import Field, asdict, fields, is_dataclass, replace
from enum import StrEnum
from types import UnionType
from typing import Any, Self, get_args

from ccsds.errors import MisuseError

# A recipe is some fifty short lines; the bound keeps an uploaded one small enough to travel in a worker's request.
RECIPE_TEXT_OCTETS_MAX = 16 << 10


def parse(text: str, where: str) -> dict[str, Any]:
    """Read TOML.

    Args:
        text: The TOML.
        where: What it is, for the complaint.

    Raises:
        MisuseError: It is too long, or no TOML.
    """
    length_octets = len(text.encode())
    if length_octets > RECIPE_TEXT_OCTETS_MAX:
        raise MisuseError(f"{where}: expected at most {RECIPE_TEXT_OCTETS_MAX} octets, found {length_octets}")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # Beside its own errors: numbers too long, tables too deep.
        raise MisuseError(f"{where}: expected TOML such as 'training.steps = 100': {error}") from None


def make(kind: type[Any], settings: object, prefix: str = "") -> Any:
    """Make a dataclass of settings that state every one of its fields.

    Raises:
        MisuseError: Naming the setting, what was expected and what was found.
    """
    table = _table(settings, prefix)
    _refuse_unknown(kind, table, prefix)
    missing = [prefix + field.name for field in fields(kind) if field.name not in table and not _may_lack(field)]
    if missing:
        raise MisuseError(f"missing {', '.join(missing)}")
    values: dict[str, Any] = {}
    for field in fields(kind):
        if field.name in table:
            values[field.name] = _value(field.type, table[field.name], prefix + field.name)
    return kind(**values)


def merge(settings: Any, changes: object, prefix: str = "") -> Any:
    """Give the same settings with single ones changed; a table that was left out has to be stated whole.

    Raises:
        MisuseError: Naming the setting, what was expected and what was found.
    """
    table = _table(changes, prefix)
    _refuse_unknown(type(settings), table, prefix)
    values: dict[str, Any] = {}
    for field in fields(settings):
        if field.name in table:
            path, old = prefix + field.name, getattr(settings, field.name)
            new = table[field.name]
            values[field.name] = merge(old, new, f"{path}.") if is_dataclass(old) else _value(field.type, new, path)
    return replace(settings, **values)


def to_toml(settings: Any) -> str:
    """Write every setting, in one fixed order."""
    lines: list[str] = []
    for key, value in asdict(settings).items():
        if isinstance(value, Mapping):
            stated = (f"{name} = {_toml_value(each)}" for name, each in value.items() if each is not None)
            lines += ["", f"[{key}]", *stated]
        elif value is not None:
            lines.append(f"{key} = {_toml_value(value)}")
    return "\n".join(lines) + "\n"


def require(settings: object, table: str, **ranges: tuple[float, float]) -> None:
    """Refuse settings out of their ranges.

    Raises:
        MisuseError: Naming the setting, what was expected and what was found.
    """
    for name, (minimum, maximum) in ranges.items():
        value = getattr(settings, name)
        if not minimum <= value <= maximum:  # Also true for a value that is not a number.
            raise MisuseError(f"{table}.{name}: expected {minimum} to {maximum}, found {value}")


class NamedSettings:
    """What every kind of recipe has: its name, which stays, and settings of which single ones can be changed."""

    name: str

    def override(self, text: str) -> Self:
        """Give the same recipe with single settings changed.

        Args:
            text: TOML, such as ``training.steps = 100``; several lines or tables as liked, or nothing.

        Raises:
            MisuseError: A key is unknown, or its value of another type or out of range.
        """
        where = f"overrides of recipe {self.name!r}"
        changes = parse(text, where)
        for fixed in ("name", "kind"):
            if fixed in changes:
                raise MisuseError(f"{where}: {fixed} cannot be changed")
        try:
            return merge(self, changes)
        except MisuseError as error:
            raise MisuseError(f"{where}: {error}") from None

    def to_toml(self) -> str:
        """Write every setting, in one fixed order; what was read from it is the same recipe again."""
        return to_toml(self)

    @property
    def digest(self) -> str:
        """SHA-256 of `to_toml`, in hexadecimal."""
        return hashlib.sha256(self.to_toml().encode()).hexdigest()


def _value(kind: object, value: object, path: str) -> Any:
    """Give a table or a single value of the type that its field has."""
    if isinstance(kind, UnionType):
        (kind,) = (each for each in get_args(kind) if each is not type(None))
    is_table = isinstance(kind, type) and is_dataclass(kind)
    return make(kind, value, f"{path}.") if is_table else _typed(kind, value, path)  # type: ignore[arg-type]


def _may_lack(field: Field[Any]) -> bool:
    return field.default is None


def _table(value: object, prefix: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MisuseError(f"{prefix.removesuffix('.')}: expected a table of settings, found {value!r}")
    return value


def _refuse_unknown(kind: type[Any], table: Mapping[str, Any], prefix: str) -> None:
    known = [prefix + field.name for field in fields(kind)]
    for key in table:
        path = prefix + key
        if path not in known:
            close = difflib.get_close_matches(path, known, n=1, cutoff=0.7)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise MisuseError(f"unknown key {path}: expected one of {', '.join(known)}{hint}")


def _typed(kind: object, value: object, path: str) -> object:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise MisuseError(f"{path}: expected a number within double precision, found one beyond it") from None
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if value not in list(kind):
            raise MisuseError(f"{path}: expected one of {', '.join(kind)}, found {value!r}")
        return kind(value)
    if not isinstance(kind, type) or type(value) is not kind:
        names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
        wanted = names.get(kind, "another type")  # type: ignore[arg-type]
        raise MisuseError(f"{path}: expected {wanted}, found {value!r}")
    return value


def _toml_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # JSON's escapes are TOML's too; DEL alone would need one that JSON does not make.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f") if isinstance(value, str) else repr(value)
