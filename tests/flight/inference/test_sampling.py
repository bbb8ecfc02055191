"""How tokens are drawn, against the chances that they should have."""

import math
from collections import Counter

import pytest
import torch

from flight.inference.messages import Sampling
from flight.inference.sampling import draw

CHANCES = torch.tensor([0.5, 0.25, 0.15, 0.07, 0.03])
DRAWS = 2_000


def drawn(**sampling):
    generator = torch.Generator().manual_seed(11)
    chosen = Sampling(**{"temperature": 1.0, **sampling})
    return Counter(draw(CHANCES.log(), chosen, generator) for _ in range(DRAWS))


def assert_chances(counts, expected):
    for token in range(len(CHANCES)):
        p = expected.get(token, 0.0)
        assert abs(counts[token] - p * DRAWS) <= 4 * math.sqrt(DRAWS * p * (1 - p)), (token, counts)


def test_at_temperature_one_tokens_come_as_often_as_they_are_likely():
    assert_chances(drawn(), dict(enumerate(CHANCES.tolist())))


def test_a_low_temperature_prefers_the_likely():
    sharp = CHANCES**2 / (CHANCES**2).sum()
    assert_chances(drawn(temperature=0.5), dict(enumerate(sharp.tolist())))


def test_none_of_it_takes_the_likeliest_and_of_equals_the_first():
    assert drawn(temperature=0.0) == {0: DRAWS}
    assert draw(torch.zeros(5), Sampling(temperature=0.0), torch.Generator()) == 0


def test_top_k_leaves_the_k_likeliest():
    assert_chances(drawn(top_k=2), {0: 2 / 3, 1: 1 / 3})
    assert set(drawn(top_k=99)) == set(range(5))
    assert drawn(top_k=1) == {0: DRAWS}


def test_top_p_leaves_the_likeliest_that_make_up_p():
    assert_chances(drawn(top_p=0.6), {0: 2 / 3, 1: 1 / 3})
    assert drawn(top_p=0.0) == {0: DRAWS}


def test_top_k_of_equals_is_the_first_of_them():
    generator = torch.Generator().manual_seed(1)
    sampling = Sampling(temperature=1.0, top_k=2)
    assert {draw(torch.zeros(6), sampling, generator) for _ in range(100)} == {0, 1}


def test_equal_seeds_draw_equally():
    assert drawn(temperature=1.3) == drawn(temperature=1.3)


@pytest.mark.parametrize("value", [math.nan, -math.inf])
def test_logits_that_are_none_are_refused(value):
    with pytest.raises(FloatingPointError):
        draw(torch.full((4,), value), Sampling(temperature=1.0), torch.Generator())
    spoilt = torch.zeros(4)
    spoilt[2] = math.nan
    with pytest.raises(FloatingPointError):
        draw(spoilt, Sampling(temperature=0.0), torch.Generator())
