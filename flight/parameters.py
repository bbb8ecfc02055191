"""The parameter pool: every on-board parameter readable at any time, from one source each; settings with their values.

Whoever knows a value provides it by the parameter's name; who reads asks the pool, and need not know whose it is. What
the ground has set is kept in the ledger, and checked again when it is read: a dictionary of another version may not
have the parameter any more, or not that range; then the default holds.
"""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ccsds.errors import MalformedError, MisuseError
from flight.books.parameters import SettingChanged
from flight.ledger import Ledger
from mission.dictionary import Dictionary, Parameter, Setting
from mission.fields import Layout

Source = Callable[[int], Any]
"""Gives a value at ``now_ns``."""


@dataclass(frozen=True, slots=True)
class _Bound:
    """Who follows a setting."""

    default: Any
    apply: Callable[[Any, int], None]


class ParameterPool:
    """All parameters.

    Args:
        dictionary: The parameters there are.
        ledger: Where settings are kept.
        defaults: Values of settings, by name, that go before the defaults of those who follow them.
    """

    def __init__(self, dictionary: Dictionary, ledger: Ledger, defaults: Mapping[str, Any] | None = None) -> None:
        self._dictionary = dictionary
        self._ledger = ledger
        self._defaults = defaults or {}
        self._sources: dict[int, Source] = {}
        self._bound: dict[int, _Bound] = {}

    def provide(self, sources: Mapping[str, Source]) -> None:
        """Say where parameters have their values from, by name.

        Raises:
            MisuseError: One is not declared, is a setting, or has a source already.
        """
        for name, source in sources.items():
            parameter = self.find(name)
            if isinstance(parameter, Setting) or parameter.id in self._sources:
                raise MisuseError(f"expected one source of parameter {name}, found two")
            self._sources[parameter.id] = source

    def bind(self, setting: Setting, default: Any, apply: Callable[[Any, int], None]) -> None:
        """Say who follows a setting.

        Args:
            setting: Which.
            default: What it is until it is set, on this spacecraft; brought into its range.
            apply: Called with the value and ``now_ns`` at the start if it was set, and whenever it is set or reset.
        """
        if setting.id in self._bound:
            raise MisuseError(f"expected one follower of setting {setting.name}, found two")
        default = self._defaults.get(setting.name, default)
        self._bound[setting.id] = _Bound(_within(setting, default), apply)

    def require_all(self) -> None:
        """Refuse a dictionary with a parameter that nobody gives a value to.

        Raises:
            MisuseError: Naming them.
        """
        known = self._sources.keys() | self._bound.keys()
        missing = [each.name for number, each in self._dictionary.parameters.items() if number not in known]
        if missing:
            raise MisuseError(f"expected a source of every parameter, found none of {', '.join(missing)}")

    def find(self, key: int | str) -> Parameter:
        """Give the declaration of a parameter: its type, unit, range and warning limits.

        Args:
            key: Its number or its name.

        Raises:
            MisuseError: There is none.
        """
        return self._dictionary.parameter_of(key)

    def read(self, key: int | str, now_ns: int) -> Any:
        """Give the value of a parameter as it is now.

        Raises:
            MisuseError: There is no such parameter.
        """
        source = self._sources.get(key) if isinstance(key, int) else None
        if source is not None:
            return source(now_ns)
        parameter = self.find(key)
        if isinstance(parameter, Setting):
            return self.setting(parameter)
        return self._sources[parameter.id](now_ns)

    def reader(self, key: int | str) -> Callable[[int], Any]:
        """Give what gives the value of a parameter for ``now_ns``; see `read`.

        Raises:
            MisuseError: There is no such parameter.
        """
        parameter = self.find(key)
        if isinstance(parameter, Setting):
            return lambda _: self.setting(parameter)
        return self._sources[parameter.id]

    def sample(self, parameters: Iterable[Parameter], now_ns: int) -> dict[str, Any]:
        """Give the values of some parameters, by name, in their order."""
        return {each.name: self.read(each.id, now_ns) for each in parameters}

    def setting(self, setting: Setting) -> Any:
        """Give the value of a setting: what was set, or else its default."""
        stored = self._ledger.settings.get(setting.id)
        if stored is not None:
            # One that was set under a dictionary with another range does not hold any more.
            with contextlib.suppress(MalformedError):
                return Layout((setting.shape,)).decode(stored)[setting.name]
        return self._bound[setting.id].default

    def change(self, values: Mapping[str, Any]) -> tuple[SettingChanged, ...]:
        """Give the changes that set settings, for a commit.

        Args:
            values: By name; None for the default.

        Raises:
            MisuseError: One is not declared, cannot be set, or its value is not within its range.
        """
        changes = []
        for name, value in values.items():
            setting = self.find(name)
            if not isinstance(setting, Setting):
                raise MisuseError(f"expected a parameter that can be set, found {name}")
            layout = Layout((setting.shape,))
            changes.append(SettingChanged(setting.id, None if value is None else layout.encode({name: value})))
        return tuple(changes)

    def apply(self, names: Iterable[str], now_ns: int) -> None:
        """Tell those who follow settings that they changed, once that is durable."""
        for name in names:
            setting = self.find(name)
            assert isinstance(setting, Setting)  # `change` has refused others.
            self._bound[setting.id].apply(self.setting(setting), now_ns)

    def boot(self, now_ns: int) -> None:
        """Have every setting followed that was set before the start."""
        known = self._dictionary.parameters
        configured = [self.find(name).id for name in self._defaults]
        numbers = dict.fromkeys((*configured, *self._ledger.settings))
        self.apply([known[number].name for number in numbers if number in self._bound], now_ns)


def _within(setting: Setting, value: Any) -> Any:
    """Bring a number into the range of a setting: a bench may be built with one that no operator could set."""
    shape = setting.shape
    if isinstance(value, int | float):
        if shape.minimum is not None:
            value = max(value, type(value)(shape.minimum))
        if shape.maximum is not None:
            value = min(value, type(value)(shape.maximum))
    return shape.check(value)
