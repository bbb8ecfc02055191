"""An exception that nobody foresaw, in a form that fits into a report: what it was, and where it came from.

No path is told, only the names of files, so that the same fault reads the same on every computer.
"""

import traceback
from pathlib import PurePath

from flight.books.seal import StruckBookError
from mission.boots import ResetReason

# The innermost calls tell where; what called them is the loop that always does.
CALLS_MAX = 12


def describe_exception(error: BaseException) -> str:
    """Give an exception and its innermost calls, innermost last."""
    calls = traceback.extract_tb(error.__traceback__)[-CALLS_MAX:]
    lines = [f"{PurePath(call.filename).name}:{call.lineno} {call.name}" for call in calls]
    return "\n".join([*lines, f"{type(error).__name__}: {error}"])


def reason_of(error: BaseException) -> ResetReason:
    """Give what the next start is told of an exception."""
    return ResetReason.MEMORY if isinstance(error, StruckBookError) else ResetReason.CRASHED
