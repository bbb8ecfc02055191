"""A link profile as an operator writes it: a TOML file, for a link that none of the shipped profiles is made for.

Its keys are the fields of `mission.profiles.LinkProfile`, times in seconds (``round_trip_s`` for ``round_trip_ns``),
and ``base``, the shipped profile that gives what is left out. Both ends must be given the same one.
"""

import tomllib
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from ccsds.errors import MisuseError
from mission.profiles import PROFILES, LinkProfile, find_profile

SUFFIX = ".toml"

# A profile is some tens of lines; what is far longer is another file.
FILE_OCTETS_MAX = 1 << 16

# Ten years; no time of a link is longer.
_SECONDS_MAX = 3.2e8

_BASE = "base"
_FIELDS = {field.name: field for field in fields(LinkProfile)}
_KEYS = {(name[:-3] + "_s" if name.endswith("_ns") else name): name for name in _FIELDS}


def open_profile(name_or_path: str) -> LinkProfile:
    """Give the profile of a name, or the one in the file at a path that ends in ``.toml``.

    Raises:
        MisuseError: There is none, or it is wrong; one line with the key and what was expected.
    """
    if not name_or_path.endswith(SUFFIX):
        if name_or_path not in PROFILES:
            raise MisuseError(
                f"unknown link profile {name_or_path!r}: expected one of {', '.join(sorted(PROFILES))}, "
                f"or the path of a {SUFFIX} file"
            )
        return find_profile(name_or_path)
    path = Path(name_or_path)
    try:
        if path.stat().st_size > FILE_OCTETS_MAX:
            raise MisuseError(
                f"profile {name_or_path}: expected at most {FILE_OCTETS_MAX} octets, found {path.stat().st_size}"
            )
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise MisuseError(f"profile {name_or_path}: expected a readable file, found {error}") from None
    return parse_profile(text, name_or_path)


def parse_profile(text: str, where: str) -> LinkProfile:
    """Read a profile from its text.

    Args:
        text: TOML.
        where: What to call it in messages.

    Raises:
        MisuseError: It is wrong; one line with the key and what was expected.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MisuseError(f"profile {where}: expected TOML: {error}") from None
    base = table.pop(_BASE, None)
    if base is not None and (not isinstance(base, str) or base not in PROFILES):
        raise MisuseError(f"profile {where}: base: expected one of {', '.join(sorted(PROFILES))}, found {base!r}")
    values: dict[str, Any] = {} if base is None else {name: getattr(PROFILES[base], name) for name in _FIELDS}
    if "name" not in table:
        raise MisuseError(f"profile {where}: expected a name, found none")
    for key, value in table.items():
        if key not in _KEYS:
            raise MisuseError(
                f"profile {where}: unknown key {key}: expected one of {_BASE}, {', '.join(sorted(_KEYS))}"
            )
        values[_KEYS[key]] = _value(key, value, where)
    try:
        return LinkProfile(**values)
    except MisuseError as error:
        raise MisuseError(f"{where}: {error}") from None
    except TypeError:
        needed = ", ".join(name for name in ("uplink_rate_bps", "downlink_rate_bps") if name not in values)
        raise MisuseError(f"profile {where}: expected {needed}, or a base that has them") from None


def _value(key: str, value: Any, where: str) -> Any:
    """Give the value of a key as the field has it."""
    kind = _FIELDS[_KEYS[key]].type
    if key != _KEYS[key]:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _SECONDS_MAX:
            raise MisuseError(f"profile {where}: {key}: expected 0 to {_SECONDS_MAX:g} seconds, found {value!r}")
        return round(value * 1e9)
    if isinstance(kind, type) and issubclass(kind, Enum):
        names = [each.name.lower() for each in kind]
        if value not in names:
            raise MisuseError(f"profile {where}: {key}: expected one of {', '.join(names)}, found {value!r}")
        return kind[value.upper()]
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        text = str(error)
        raise MisuseError(f"profile {where}: {key}: {text[0].lower()}{text[1:]}") from None
