"""Power cut at each single disk operation of a short day on board (`hil.tabletop.cut_day`), one day for each of them.

The suite runs a slice of the operations; the campaign runs all.
"""

import tempfile
from pathlib import Path

from hil.tabletop.cut_day import CutDay, differences
from tools.bench.row import Row

_STRIDE = 10


def run() -> list[Row]:
    """Cut at one operation in so many."""
    return _rows(_STRIDE)


def campaign() -> list[Row]:
    """Cut at every operation."""
    return _rows(1)


def _rows(stride: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        undisturbed = CutDay(Path(folder), 0)
        undisturbed.run(None)
        # What lays the file before the day is no part of it.
        operations = range(1, undisturbed.disk.operations - 2, stride)
        failed = [failure for operation in operations if (failure := _fault(operation, undisturbed))]
    return [
        Row(
            group="autonomy",
            name=f"days with power cut at one of {len(operations)} disk operations that end otherwise than an "
            f"undisturbed one{'; first: ' + failed[0] if failed else ''}",
            value=len(failed),
            unit="days",
            target="0",
            ok=not failed,
        )
    ]


def _fault(operation: int, undisturbed: CutDay) -> str:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        day = CutDay(Path(folder), operation)
        try:
            day.run(operation)
        except AssertionError as error:
            return f"operation {operation}: {error}"
        found = differences(day, undisturbed)
    return f"operation {operation}: {found[0]}" if found else ""
