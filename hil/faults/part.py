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
    """What training reads and nothing changes: the corpus, and the constants that a model computes by."""
    COPIES = "copies"
    """The guard's copies of State in memory."""
    GRADIENTS = "gradients"
    """Where gradients lie between the backward pass and the update."""
    PLACE = "place"
    """Where the optimiser works on a stretch of State and its gradients: the stretch itself, or a place beside it."""
    ACTIVATIONS = "activations"
    """Whatever an operator has just come to."""


KEPT = tuple(part for part in Part if part not in (Part.GRADIENTS, Part.PLACE, Part.ACTIVATIONS))
"""What the guard watches from level ``state`` on, at any instant; the rest it covers where all is done twice."""
