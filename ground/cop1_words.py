"""The words of ``ground cop1``: from what an operator types to a directive, and from a status to lines for a person.

It asks nothing and opens nothing.
"""

import math
from collections.abc import Mapping
from typing import Any

from ccsds.cop1.fop import Directive
from ccsds.errors import MisuseError

NS_PER_S = 1_000_000_000

SETTINGS = {
    "set-vs": Directive.SET_VS,
    "window": Directive.SET_WINDOW,
    "t1": Directive.SET_T1,
    "limit": Directive.SET_TRANSMISSION_LIMIT,
    "timeout-type": Directive.SET_TIMEOUT_TYPE,
}
"""Words that take a number."""

WORDS = ("status", "initiate", "terminate", "resume", *SETTINGS)


def directive_of(
    word: str, value: float | None, *, no_check: bool, unlock: bool, set_vr: int | None
) -> tuple[Directive | None, int | None]:
    """Give the directive that the words mean, and its value; none for ``status``.

    Args:
        word: One of `WORDS`.
        value: Its number; T1 is in seconds.
        no_check: Initiate without waiting for a CLCW.
        unlock: Initiate with Unlock.
        set_vr: Initiate with Set V(R), and this number.

    Raises:
        MisuseError: They do not go together, or a number is missing, not wanted or not whole.
    """
    ways = (no_check, unlock, set_vr is not None)
    if any(ways) and (word != "initiate" or sum(ways) > 1):
        raise MisuseError("expected at most one of --no-check, --unlock and --set-vr, and only with initiate")
    if word in SETTINGS:
        return SETTINGS[word], _number(word, value)
    if value is not None:
        raise MisuseError(f"cop1 {word}: expected no value, found {value:g}")
    match word:
        case "status":
            return None, None
        case "initiate" if set_vr is not None:
            return Directive.INITIATE_WITH_SET_VR, set_vr
        case "initiate" if unlock:
            return Directive.INITIATE_WITH_UNLOCK, None
        case "initiate":
            return Directive.INITIATE_WITHOUT_CLCW if no_check else Directive.INITIATE_WITH_CLCW_CHECK, None
    return Directive[word.upper()], None


def status_text(status: Mapping[str, Any]) -> str:
    """Give what FOP-1 is set to and where it is, and what FARM-1 last said, a line each."""
    held = ", held down by the operator" if status["held"] else ""
    lines = [
        f"FOP-1   {status['state']}, service {status['service']}{held}",
        f"        V(S) {status['vs']}, NN(R) {status['nnr']}, {status['on_their_way']} on their way,"
        f" {status['queued']} queued",
        f"        window {status['window']} of at most {status['window_max']}, T1 {status['t1_s']:g} s,"
        f" limit {status['transmission_limit']}, timeout type {status['timeout_type']}",
    ]
    clcw = status["clcw"]
    if clcw is None:
        lines.append("FARM-1  no CLCW was heard yet")
    else:
        flags = [name.replace("_", " ") for name in ("lockout", "wait", "retransmit") if clcw[name]]
        lines.append(
            f"FARM-1  N(R) {clcw['nr']}, {', '.join(flags) or 'no flags'}, FARM-B {clcw['farm_b_counter']},"
            f" heard at {clcw['time_ns'] / NS_PER_S:.3f} s"
        )
    lines.append(f"        up again within {status['recovery_bound_s']:.3g} s of contact after any disturbance")
    return "\n".join(lines)


def _number(word: str, value: float | None) -> int:
    if value is None or not math.isfinite(value):
        raise MisuseError(f"cop1 {word}: expected a number, found {'none' if value is None else f'{value:g}'}")
    if word == "t1":
        return round(value * NS_PER_S)
    if value != int(value):
        raise MisuseError(f"cop1 {word}: expected a whole number, found {value:g}")
    return int(value)
