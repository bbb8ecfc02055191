"""State, and the digest that says that two sets of weights are bit-identical."""

import hashlib
import struct

import pytest
import torch

from ccsds.errors import MisuseError
from flight.jobs.state import State, weights_sha256

WEIGHTS = {
    "norm": torch.tensor([1.0, -2.0]),
    "embed.weight": torch.tensor([[0.5, 0.25, -0.125], [3.0, 0.0, -0.0]]),
    "count": torch.tensor(7, dtype=torch.int64),
}

# Written down once from the layout in the docstring; a change of it breaks every digest that was ever reported.
GOLDEN = "e6a4379c85e4237e58caf8cdd451ae3c25d6cf8105d8f5503de9055559970c2d"


def test_the_digest_of_known_weights_is_known():
    assert weights_sha256(WEIGHTS) == GOLDEN


def test_the_digest_is_over_name_dtype_shape_and_little_endian_data_in_order_of_names():
    octets = b"count\0int64\0\0" + struct.pack("<q", 7)
    octets += b"embed.weight\0float32\x002,3\0" + struct.pack("<6f", 0.5, 0.25, -0.125, 3.0, 0.0, -0.0)
    octets += b"norm\0float32\x002\0" + struct.pack("<2f", 1.0, -2.0)
    assert hashlib.sha256(octets).hexdigest() == GOLDEN


def test_the_order_of_insertion_and_the_layout_in_memory_do_not_count():
    turned = {name: WEIGHTS[name] for name in reversed(WEIGHTS)}
    turned["embed.weight"] = WEIGHTS["embed.weight"].T.contiguous().T
    assert not turned["embed.weight"].is_contiguous()
    assert weights_sha256(turned) == GOLDEN


@pytest.mark.parametrize(
    "change",
    [
        {"norm": torch.tensor([1.0, 2.0])},
        {"norm": torch.tensor([1.0, -2.0], dtype=torch.float64)},
        {"norm": torch.tensor([[1.0, -2.0]])},
        {"norm": torch.tensor([1.0, -2.0]).view(torch.int32)},
        {"embed.weight": torch.tensor([[0.5, 0.25, -0.125], [3.0, 0.0, 0.0]])},
        {"other": torch.tensor([])},
    ],
    ids=["value", "width", "shape", "dtype", "sign of zero", "empty tensor"],
)
def test_any_difference_changes_the_digest(change):
    assert weights_sha256(WEIGHTS | change) != GOLDEN


def test_bfloat16_is_digested_as_it_lies():
    weights = {"a": torch.tensor([1.0], dtype=torch.bfloat16)}
    assert weights_sha256(weights) == hashlib.sha256(b"a\0bfloat16\x001\0\x80\x3f").hexdigest()


def test_a_name_with_a_nul_is_refused():
    with pytest.raises(MisuseError, match="expected a name without NUL"):
        weights_sha256({"a\0b": torch.zeros(1)})


def test_a_state_holds_dense_contiguous_tensors_only():
    with pytest.raises(MisuseError, match="'a': expected a dense contiguous tensor"):
        State(tensors={"a": torch.zeros(2, 3).T}, octets={})
    with pytest.raises(MisuseError, match=r"'a': expected a dense contiguous tensor, found torch\.sparse_coo"):
        State(tensors={"a": torch.zeros(2, 3).to_sparse()}, octets={})


def test_a_name_is_a_tensor_or_octets():
    with pytest.raises(MisuseError, match="'a': expected one entry, found a tensor and octets"):
        State(tensors={"a": torch.zeros(1)}, octets={"a": b""})


def test_a_clone_stays_as_it_was():
    tensor = torch.zeros(2)
    state = State(tensors={"a": tensor}, octets={"b": b"x"})
    snapshot = state.clone()
    tensor.add_(1)
    assert state.tensors["a"].tolist() == [1.0, 1.0]
    assert snapshot.tensors["a"].tolist() == [0.0, 0.0]
