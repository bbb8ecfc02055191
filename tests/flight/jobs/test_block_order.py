"""The order of blocks: each once an epoch, none across the end, and all of it from a key and the step."""

import pytest

from ccsds.errors import MisuseError
from flight.jobs.block_order import BlockOrder

KEY = bytes(range(16))


@pytest.mark.parametrize(("tokens", "context", "batch"), [(1000, 8, 4), (997, 8, 5), (333, 32, 3), (64, 7, 1)])
def test_an_epoch_sees_no_token_twice_and_nothing_beyond_the_end(tokens, context, batch):
    order = BlockOrder(KEY, tokens, context, batch)
    steps = ((tokens - context) // context) // batch
    for epoch in range(4):
        seen = [start for step in range(steps) for start in order.starts(epoch * steps + step).tolist()]
        assert len({start % context for start in seen}) == 1
        assert len(set(seen)) == len(seen) == steps * batch
        assert 0 <= min(seen) and max(seen) + context + 1 <= tokens
        assert len(seen) * context > tokens - (batch + 2) * context


def test_every_epoch_has_an_order_and_an_offset_of_its_own():
    order = BlockOrder(KEY, 10_000, 16, 8)
    epochs = [order.starts(epoch * 77).tolist() for epoch in range(6)]
    assert len({tuple(each) for each in epochs}) == 6
    assert len({each[0] % 16 for each in epochs}) > 2


def test_the_key_and_the_step_say_it_all():
    first, second = BlockOrder(KEY, 10_000, 16, 8), BlockOrder(KEY, 10_000, 16, 8)
    ahead = [first.starts(step).tolist() for step in range(100)]
    assert [second.starts(step).tolist() for step in reversed(range(100))] == ahead[::-1]
    assert BlockOrder(KEY[::-1], 10_000, 16, 8).starts(0).tolist() != ahead[0]


def test_a_text_with_too_few_blocks_is_refused():
    with pytest.raises(MisuseError, match="expected at least 72 tokens in the training split, found 71"):
        BlockOrder(KEY, 71, 8, 8)
    assert len(BlockOrder(KEY, 72, 8, 8).starts(0)) == 8
