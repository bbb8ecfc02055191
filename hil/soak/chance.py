"""One of several choices, drawn."""

from typing import Any

import numpy as np


def pick(chance: np.random.Generator, choices: tuple[Any, ...]) -> Any:
    """Give one of some choices, each as likely."""
    return choices[int(chance.integers(len(choices)))]
