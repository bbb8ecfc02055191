"""A configuration: what an operator may change of a spacecraft by a file, as TOML, checked as a whole.

call_sign = "STARLOOP-1"      # in the beacon
[settings]                    # defaults of settings; what was set by command goes before them
keep_alive = 2000
[boots]
short_s = 600
resets_max = 3
window_s = 86400
window_resets_max = 10
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ccsds.errors import MalformedError, MisuseError
from flight.survival.boot_mark import RESETS_KEPT_MAX
from flight.survival.slots import Begun, SlotStore
from mission.beacon import CALL_SIGN_CHARACTERS_MAX, CALL_SIGN_DEFAULT
from mission.dictionary import Dictionary, Setting
from mission.slots import Slot, SlotKind

# A line for each setting is a tenth of this.
CONFIGURATION_OCTETS_MAX = 64 << 10

_BOOTS = {
    "short_s": (1, 86_400),
    "resets_max": (1, 100),
    "window_s": (1, 30 * 86_400),
    "window_resets_max": (1, RESETS_KEPT_MAX),
}


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What a spacecraft is set up with."""

    call_sign: str = CALL_SIGN_DEFAULT
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Defaults of settings, by name."""
    boots: Mapping[str, int] = field(default_factory=dict)
    """See `flight.services.boots.BootPolicy`: ``short_s``, ``resets_max``, ``window_s`` and
    ``window_resets_max``."""

    @classmethod
    def parse(cls, data: bytes, dictionary: Dictionary) -> "Configuration":
        """Read and check a configuration.

        Raises:
            MalformedError: It is none; the first key that is wrong, what was expected and what was found.
        """
        if len(data) > CONFIGURATION_OCTETS_MAX:
            raise MalformedError(
                f"configuration: expected at most {CONFIGURATION_OCTETS_MAX} octets, found {len(data)}"
            )
        try:
            document = tomllib.loads(data.decode())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise MalformedError(f"configuration: expected TOML: {error}") from None
        known = ("call_sign", "settings", "boots")
        for key in document:
            if key not in known:
                raise MalformedError(f"configuration: unknown key {key!r}: expected one of {', '.join(known)}")
        call_sign = document.get("call_sign", CALL_SIGN_DEFAULT)
        is_plain = isinstance(call_sign, str) and call_sign.isascii() and call_sign.replace("-", "").isalnum()
        if not is_plain or len(call_sign) > CALL_SIGN_CHARACTERS_MAX:
            raise MalformedError(
                f"configuration: call_sign: expected 1 to {CALL_SIGN_CHARACTERS_MAX} letters, digits and hyphens, "
                f"found {call_sign!r}"
            )
        return cls(
            call_sign=call_sign,
            settings=_settings(_table(document, "settings"), dictionary),
            boots=_boots(_table(document, "boots")),
        )


def configure(slots: SlotStore, dictionary: Dictionary) -> tuple[Begun, Configuration]:
    """Give what this start is set up with: that on trial, or the last good one, or none.

    A store that cannot count a trial leads to the last good one: somebody must hear commands.
    """
    kind = SlotKind.CONFIGURATION
    begun = slots.begin_anyway(kind)
    while begun.slot is not Slot.BUILT_IN:
        try:
            return begun, Configuration.parse(slots.read(kind, begun.slot), dictionary)
        except (MalformedError, OSError) as error:  # Other software may know other settings.
            begun = slots.leave(kind, begun, str(error))
    return begun, Configuration()


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise MalformedError(f"configuration: {name}: expected a table, found {table!r}")
    return table


def _settings(table: Mapping[str, Any], dictionary: Dictionary) -> Mapping[str, Any]:
    settings = {}
    for name, value in table.items():
        try:
            setting = dictionary.parameter_of(name)
            if not isinstance(setting, Setting):
                raise MisuseError(f"expected a parameter that can be set, found {name!r}")
            settings[name] = setting.shape.check(value)
        except MisuseError as error:
            raise MalformedError(f"configuration: settings.{name}: {error}") from None
    return settings


def _boots(table: Mapping[str, Any]) -> Mapping[str, int]:
    for name, value in table.items():
        if name not in _BOOTS:
            raise MalformedError(f"configuration: unknown key boots.{name}: expected one of {', '.join(_BOOTS)}")
        low, high = _BOOTS[name]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise MalformedError(f"configuration: boots.{name}: expected {low} to {high}, found {value!r}")
    return table
