"""The passes of an orbit as the file that a ground station reads them from (`ground serve --passes`).

A ground station knows nothing of orbits: when a spacecraft can be heard is told to it, by whoever reckons it.
"""

import numpy as np

from hil.orbit.outlook import Outlook, SitePass

# How closely a pass is looked at for its highest elevation, which changes by less than half a degree in a second.
_LOOK_STEP_S = 1.0


def pass_list(outlook: Outlook, begin_unix_s: float) -> str:
    """Give all passes as TOML, in the order in which they begin.

    Args:
        outlook: The orbit, from mission time zero on.
        begin_unix_s: Unix time then.
    """
    return "\n".join(_table(outlook, each, begin_unix_s) for each in outlook.passes)


def _table(outlook: Outlook, each: SitePass, begin_unix_s: float) -> str:
    span = each.span
    times_s = np.linspace(span.start_s, span.end_s, max(2, int(span.duration_s / _LOOK_STEP_S) + 1))
    elevation_deg = float(np.max(each.site.look(outlook.satellite, times_s).elevation_deg))
    # A name is written as TOML has text in quotation marks, which is as JSON has it but for what cannot be printed.
    name = "".join(
        f"\\u{ord(letter):04x}" if letter in '"\\\x7f' or letter < " " else letter for letter in each.site.name
    )
    return (
        f'[[pass]]\nstation = "{name}"\nbegin = {_utc(begin_unix_s + span.start_s)}\n'
        f"end = {_utc(begin_unix_s + span.end_s)}\nelevation_deg = {elevation_deg:.1f}\n"
    )


def _utc(unix_s: float) -> str:
    return f"{np.datetime64(round(unix_s * 1_000), 'ms')}Z"
