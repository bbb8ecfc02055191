"""The bigram model of a text, as the yardstick that a trained model must beat. It imports no torch."""

import math
from collections import Counter
from itertools import pairwise

from ccsds.errors import MisuseError


def bigram_entropy_nats(text: str) -> float:
    """Give the cross-entropy of a text under the bigram model made of that same text.

    It is the empirical entropy of a character when the one before it is known, in nats: no model that sees one
    character only can do better on this text, even if it was fitted to it.

    Raises:
        MisuseError: The text holds no pair of characters.
    """
    if len(text) < 2:
        raise MisuseError(f"expected a text of at least 2 characters, found {len(text)}")
    pairs = Counter(pairwise(text))
    firsts = Counter(text[:-1])
    total = len(text) - 1
    return -sum(count * math.log(count / firsts[first]) for (first, _), count in pairs.items()) / total
