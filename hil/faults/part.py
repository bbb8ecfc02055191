"""The kinds of memory that a job lives in. It imports no torch, so that whoever plans a strike needs none."""

from enum import StrEnum


class Part(StrEnum):
    """What of a job can be struck in memory."""

    WEIGHTS = "weights"
    MEAN = "exp_avg"
    SQUARE = "exp_avg_sq"
    BATCHES = "random/batches"
    """The generator of batches, which is where training is in the data."""
    NOISE = "random/noise"
    STEP = "step"
    CORPUS = "corpus"
    COPIES = "copies"
    """The guard's copies of State in memory."""
