"""The bigram yardstick, against sums done by hand."""

import math
from itertools import pairwise

import pytest

from ccsds.errors import MisuseError
from flight.jobs.bigram import bigram_entropy_nats


def test_a_text_that_goes_round_holds_no_surprise():
    assert bigram_entropy_nats("abcabcabc") == 0.0


def test_two_equal_chances_are_worth_the_logarithm_of_two():
    assert bigram_entropy_nats("aabaa") == pytest.approx(
        -(2 / 4 * math.log(2 / 3) + 1 / 4 * math.log(1 / 3)), rel=1e-12
    )
    assert bigram_entropy_nats("aabba") == pytest.approx(math.log(2), rel=1e-12)


def test_it_is_the_loss_of_the_fitted_model_pair_by_pair(text):
    pairs = list(pairwise(text))
    chance = {pair: pairs.count(pair) / sum(first == pair[0] for first, _ in pairs) for pair in set(pairs)}
    loss = -sum(math.log(chance[pair]) for pair in pairs) / len(pairs)
    assert bigram_entropy_nats(text) == pytest.approx(loss, rel=1e-9)


def test_a_text_without_a_pair_is_refused():
    with pytest.raises(MisuseError, match="at least 2 characters, found 1"):
        bigram_entropy_nats("a")
