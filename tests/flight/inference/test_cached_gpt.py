"""Keys and values that are kept give what the model gives, and a full window goes on with its latest half."""

import pytest
import torch

from ccsds.errors import MisuseError
from flight.inference.cached_gpt import CachedGPT
from flight.jobs.model import GPT, Shape

CONTEXT = 16


@pytest.fixture(scope="module")
def model():
    torch.set_num_threads(1)
    shape = Shape(vocabulary=23, context=CONTEXT, layers=3, heads=2, width=32)
    return GPT(shape, torch.Generator().manual_seed(3)).eval()


@pytest.fixture(scope="module")
def tokens():
    return torch.randint(23, (5 * CONTEXT,), generator=torch.Generator().manual_seed(4)).tolist()


def uncached(model, tokens):
    with torch.no_grad():
        return model(torch.tensor([tokens]))[0, -1]


def test_each_token_gives_the_logits_of_the_model(model, tokens):
    cached = CachedGPT(model)
    for end in range(1, CONTEXT + 1):
        torch.testing.assert_close(cached.read(tokens[end - 1 : end]), uncached(model, tokens[:end]))


@pytest.mark.parametrize("cut", range(1, CONTEXT))
def test_a_window_read_in_two_pieces_is_a_window_read_at_once(model, tokens, cut):
    cached = CachedGPT(model)
    cached.read(tokens[:cut])
    torch.testing.assert_close(cached.read(tokens[cut:CONTEXT]), uncached(model, tokens[:CONTEXT]))


def test_a_full_window_goes_on_with_its_latest_half(model, tokens):
    cached = CachedGPT(model)
    window = []
    for token in tokens:
        window = [*window, token]
        if len(window) > CONTEXT:
            window = window[-(CONTEXT // 2) :]
        torch.testing.assert_close(cached.read([token]), uncached(model, window))


def test_more_than_a_window_at_once_is_read_as_its_latest_half(model, tokens):
    torch.testing.assert_close(
        CachedGPT(model).read(tokens[: 3 * CONTEXT]), uncached(model, tokens[2 * CONTEXT + 8 : 3 * CONTEXT])
    )


def test_a_window_that_was_emptied_remembers_nothing(model, tokens):
    cached = CachedGPT(model)
    cached.read(tokens[:9])
    cached.begin()
    torch.testing.assert_close(cached.read(tokens[20:25]), uncached(model, tokens[20:25]))


def test_bf16_is_near(model, tokens):
    near = CachedGPT(model, torch.bfloat16).read(tokens[:CONTEXT]).float()
    torch.testing.assert_close(near, uncached(model, tokens[:CONTEXT]), atol=0.02, rtol=0.05)


def test_nothing_is_not_read(model):
    with pytest.raises(MisuseError, match="at least one token"):
        CachedGPT(model).read([])


def test_the_weights_are_copies_and_all_of_them(model):
    cached = CachedGPT(model)
    assert sum(weight.numel() for weight in cached.weights().values()) == sum(w.numel() for w in model.parameters())
    own = {weight.data_ptr() for weight in model.parameters()}
    assert not own & {weight.data_ptr() for weight in cached.weights().values()}
