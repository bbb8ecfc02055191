"""What the numbers of a block come to in spans of time: how many, the lowest, the highest, their sum, at three levels.

The writer keeps them in the transaction that puts the numbers themselves to rest, so that neither is ever there without
the other. Infinite numbers and those that are none count for nothing. It reads and writes no file.
"""

from collections.abc import Iterator, Mapping

import numpy as np

NS_PER_S = 1_000_000_000

CHUNK_NS = 4096 * NS_PER_S
"""The span of one chunk: a little over an hour, so that reports every five seconds fill a block worth compressing, and
a year of one field is eight thousand columns."""

LEVELS_NS = (512 * NS_PER_S, CHUNK_NS, 8 * CHUNK_NS)
"""The span of one bucket at each level. A plot of a thousand points reads at most eight thousand buckets between some
days and ten years; below, it reads the numbers themselves."""

# The sum of finite numbers may not be finite, and the sum of two that are not finite is no number.
_TOTAL_MAX = np.finfo(np.float64).max

Row = tuple[int, int, int, int, float, float, float]
"""Field, level, bucket, count, minimum, maximum, total."""


def roll_up(times_ns: np.ndarray, columns: Mapping[int, np.ndarray]) -> Iterator[Row]:
    """Give what the columns of a block come to.

    Args:
        times_ns: Of its reports, ascending.
        columns: Their numbers by field.
    """
    if not columns:
        return
    numbers = np.array(list(columns.values()), dtype=np.float64)  # (fields, reports)
    counted = np.isfinite(numbers)
    lowest = np.where(counted, numbers, np.inf)
    highest = np.where(counted, numbers, -np.inf)
    summed = np.where(counted, numbers, 0.0)
    for level, width_ns in enumerate(LEVELS_NS):
        buckets = times_ns // width_ns
        starts = np.concatenate(([0], np.flatnonzero(np.diff(buckets)) + 1))
        counts = np.add.reduceat(counted, starts, axis=1, dtype=np.int64).tolist()
        minima = np.minimum.reduceat(lowest, starts, axis=1).tolist()
        maxima = np.maximum.reduceat(highest, starts, axis=1).tolist()
        with np.errstate(over="ignore", invalid="ignore"):
            totals = np.nan_to_num(np.add.reduceat(summed, starts, axis=1))
        totals = np.clip(totals, -_TOTAL_MAX, _TOTAL_MAX).tolist()
        numbers_of_buckets = buckets[starts].tolist()
        for row, field in enumerate(columns):
            for column, bucket in enumerate(numbers_of_buckets):
                if counts[row][column]:
                    yield (
                        field,
                        level,
                        bucket,
                        counts[row][column],
                        minima[row][column],
                        maxima[row][column],
                        totals[row][column],
                    )
