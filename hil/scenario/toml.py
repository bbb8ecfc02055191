"""A scenario written as TOML, so that what was drawn or shrunk can be kept, read and run again."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from hil.scenario.scenario import Scenario


def dump(scenario: Scenario) -> str:
    """Give the text that `hil.scenario.scenario.parse_scenario` reads as this scenario; defaults are left out."""
    return dump_plain(msgspec.to_builtins(scenario))


def dump_plain(table: Mapping[str, Any]) -> str:
    """Give the text of a table in plain values."""
    return "\n".join(_table((), table)) + "\n"


def _table(path: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[str]:
    """Give the lines of a table: first its values, then the tables in it."""
    inner = {name: value for name, value in table.items() if isinstance(value, dict) and value}
    lists = {name: value for name, value in table.items() if _is_tables(value)}
    for name, value in table.items():
        if name not in inner and name not in lists and value not in ({}, []):
            yield f"{_key(name)} = {_value(value)}"
    for name, value in inner.items():
        yield f"\n[{'.'.join(map(_key, (*path, name)))}]"
        yield from _table((*path, name), value)
    for name, tables in lists.items():
        for each in tables:
            yield f"\n[[{'.'.join(map(_key, (*path, name)))}]]"
            yield from _table((*path, name), each)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else json.dumps(name)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return repr(value)
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            return "{ " + ", ".join(f"{_key(name)} = {_value(each)}" for name, each in value.items()) + " }"
    raise TypeError(f"expected a value of TOML, found {type(value).__name__}")
