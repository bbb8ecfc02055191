"""Streams: equal keys give equal draws, different keys give draws that have nothing to do with each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccsds.errors import MisuseError
from hil.streams import BLOCK_INDEX_MAX, Streams

names = st.text(min_size=1, max_size=20)
seeds = st.integers(0, 1 << 80)


@settings(deadline=None)
@given(seeds, names, st.integers(0, BLOCK_INDEX_MAX))
def test_a_block_gives_the_same_draws_whenever_it_is_asked_for(seed, name, index):
    first = Streams(seed).block(name, index).integers(0, 1 << 63, 8)
    other = Streams(seed)
    other.block(name, 0).random(1000)
    other.block("another purpose", index).random(7)
    assert (other.block(name, index).integers(0, 1 << 63, 8) == first).all()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (Streams(1).block("a", 0), Streams(2).block("a", 0)),
        (Streams(1).block("a", 0), Streams(1).block("b", 0)),
        (Streams(1).block("a", 0), Streams(1).block("a", 1)),
        (Streams(1).block("a", 0), Streams(1).scoped("up").block("a", 0)),
        (Streams(1).scoped("up").block("a", 0), Streams(1).scoped("down").block("a", 0)),
        (Streams(1).block("1", 0), Streams(11).block("", 0)),
    ],
)
def test_another_seed_name_index_or_scope_gives_other_draws(left, right):
    assert not np.isin(left.integers(0, 1 << 63, 1000), right.integers(0, 1 << 63, 1000)).any()


def test_draws_are_fixed_so_that_a_seed_replays_a_campaign_for_years():
    generator = Streams(7).scoped("channel/up").block("bit_errors", 3)
    assert generator.bit_generator.random_raw(2).tolist() == RAW_OF_SEED_7


def test_draws_are_uniform():
    draws = np.concatenate([Streams(1).block("x", index).random(100) for index in range(1000)])
    # The mean of 100,000 uniform draws deviates by 0.0009 (one sigma).
    assert abs(draws.mean() - 0.5) < 0.004
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 0.013


def test_scopes_nest():
    nested = Streams(5).scoped("a").scoped("b").block("c", 0).random()
    assert nested == Streams(5).scoped("a/b").block("c", 0).random()


@pytest.mark.parametrize("index", [-1, BLOCK_INDEX_MAX + 1])
def test_an_index_out_of_range_is_refused(index):
    with pytest.raises(MisuseError, match="expected a block index of 0 to"):
        Streams(1).block("x", index)


def test_a_negative_seed_is_refused():
    with pytest.raises(MisuseError, match="expected a seed of 0 or above, found -1"):
        Streams(-1)


RAW_OF_SEED_7 = [4731094965902999461, 3476251091336314474]
