"""The learning rate of each step, which depends on the recipe and on the step alone."""

import math

from flight.jobs.recipe import Recipe


def learning_rate(recipe: Recipe, step: int) -> float:
    """Give the learning rate of a step.

    Up in a line; then, for AdamW, down along half a cosine to the last step; for Muon level, and down in a line over
    the last share of the steps.

    Args:
        recipe: What is done.
        step: Steps done before it.
    """
    training = recipe.training
    height = (step + 1) / (training.warmup_steps + 1) if step < training.warmup_steps else 1.0
    if recipe.muon is not None:
        left = (training.steps - step) / max(recipe.muon.decay_share * training.steps, 1.0)
        height = min(height, max(left, 0.0))
        return height * training.learning_rate + (1 - height) * min(training.learning_rate_min, training.learning_rate)
    if step < training.warmup_steps:
        return training.learning_rate * (step + 1) / (training.warmup_steps + 1)
    share = min((step - training.warmup_steps) / max(training.steps - training.warmup_steps, 1), 1.0)
    height = (1 + math.cos(math.pi * share)) / 2
    return height * training.learning_rate + (1 - height) * training.learning_rate_min
