"""Times as an operator types them, in UTC."""

import calendar
from datetime import datetime

from ccsds.errors import MisuseError

NS_PER_S = 1_000_000_000

_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")


def unix_ns_of(text: str) -> int:
    """Read a time such as ``2027-03-01 12:00:00``, or ``2027-03-01T12:00Z``.

    Raises:
        MisuseError: It is none.
    """
    plain = text.strip().removesuffix("Z").replace("T", " ")
    for each in _FORMATS:
        try:
            return calendar.timegm(datetime.strptime(plain, each).timetuple()) * NS_PER_S
        except ValueError:
            continue
    raise MisuseError(f"expected a UTC time such as 2027-03-01 12:00:00, found {text!r}")
