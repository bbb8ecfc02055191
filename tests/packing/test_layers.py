"""Packing in layers: each whole layer makes a model that is nearer, what is cut off still helps, and nothing lies."""

import hashlib
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest
import safetensors.numpy

from ccsds.errors import MalformedError, MisuseError
from packing.container import BLOCK_OCTETS, read_head
from packing.exact import pack, unpack
from packing.layers import LAYERS_KEY, SHARES, LayeredModel, pack_layers
from packing.layout import metadata_of
from packing.source import Octets
from tests.packing.conftest import model, safetensors_file


def told_in_layers(dtype="F32", moved=1e-2, **settings):
    base, data = model(dtype), model(dtype, moved=moved)
    return base, data, b"".join(pack_layers(Octets(data), Octets(base), **settings))


@dataclass
class Made:
    data: bytes
    layers: int
    layers_in_all: int
    error: float


def made_of(told, base):
    model = LayeredModel(Octets(told), Octets(base))
    data = b"".join(model.pieces())
    return Made(data, model.layers, model.layers_in_all, model.error)


def whole_layers(told):
    """Give the lengths at which one more layer is whole, by the file's own blocks."""
    head, at = read_head(Octets(told))
    ends = []
    for layer in head.layers:
        for _ in range(layer.blocks):
            at += 8 + int.from_bytes(told[at : at + 4], "big")
        ends.append(at)
    return ends


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16"])
def test_a_few_weights_bring_most_of_the_change_for_a_small_part_of_its_exact_length(dtype):
    base, data, told = told_in_layers(dtype)
    exact_octets = len(b"".join(pack(Octets(data), Octets(base))))
    first, second, *_ = whole_layers(told)
    assert first < 0.05 * exact_octets and second < 0.2 * exact_octets
    assert made_of(told[:second], base).error < 0.55
    made = made_of(told, base)
    assert (made.layers, made.layers_in_all) == (len(SHARES), len(SHARES))
    assert made.error < 0.02


def test_what_arrived_in_part_is_used_up_to_its_last_whole_layer_and_says_so():
    base, _, told = told_in_layers()
    ends = whole_layers(told)
    assert ends[-1] == len(told)
    errors = []
    for layers, end in enumerate(ends, start=1):
        for length in (end, min(end + 5, len(told))):
            made = made_of(told[:length], base)
            assert made.layers == layers
        errors.append(made.error)
        if layers > 1:
            assert made_of(told[: end - 1], base).layers == layers - 1
    assert errors == sorted(errors, reverse=True)
    assert errors[0] < 0.9 and errors[-1] < 0.02
    with pytest.raises(MalformedError, match="expected a first layer of 3 blocks, found it cut off"):
        made_of(told[: ends[0] - 1], base)


def test_the_error_that_is_told_is_the_error_that_is_left():
    base, data, told = told_in_layers()
    target = safetensors.numpy.load(data)
    start = safetensors.numpy.load(base)

    def distance(one):
        return np.sqrt(sum(np.sum((one[name].astype(float) - target[name]) ** 2) for name in target))

    for end in whole_layers(told):
        made = made_of(told[:end], base)
        assert distance(safetensors.numpy.load(made.data)) / distance(start) == pytest.approx(made.error, rel=1e-3)


def test_the_first_layer_moves_the_weights_that_moved_most():
    base, data, told = told_in_layers(shares=(0.01,))
    before, after, target = (safetensors.numpy.load(each) for each in (base, made_of(told, base).data, data))
    flat = {name: np.concatenate([each[name].ravel() for name in target]) for name, each in
            (("before", before), ("after", after), ("target", target))}  # fmt: skip
    moved = flat["after"] != flat["before"]
    distance = np.abs(flat["target"] - flat["before"])
    assert moved.mean() == pytest.approx(0.01, rel=0.05)
    assert distance[moved].min() >= np.quantile(distance, 0.985)


def test_layers_are_never_applied_to_another_base_nor_a_struck_layer_used():
    base, _, told = told_in_layers()
    with pytest.raises(MisuseError, match="base: expected SHA-256"):
        made_of(told, model(moved=1e-3))
    first, second, *_ = whole_layers(told)
    struck = bytearray(told)
    struck[(first + second) // 2] ^= 0x10
    assert made_of(bytes(struck), base).layers == 1


def test_a_model_that_says_it_is_of_layers_is_not_taken_for_the_one_that_was_trained():
    base, data, told = told_in_layers()
    made = made_of(told, base)
    assert b"starloop_layers" in made.data[:200]
    assert made.data != data
    with pytest.raises(MisuseError, match="expected one without loss, found LAYERS"):
        list(unpack(Octets(told)))


def test_a_model_that_did_not_change_is_told_in_nothing():
    base = model()
    told = b"".join(pack_layers(Octets(base), Octets(base)))
    assert len(told) < 500
    assert made_of(told, base).error == 0


@pytest.mark.parametrize(
    ("source", "shares", "message"),
    [
        (safetensors_file([("w", "F32", np.zeros(3))]), SHARES, "expected a model with the same tensors"),
        (model(), (), "expected 1 to 255 above 0 and up to 1"),
        (model(), (0.5, 1.5), "expected 1 to 255 above 0 and up to 1"),
        (model(), (0.5,) * 256, "expected 1 to 255 above 0 and up to 1"),
    ],
)
def test_what_cannot_be_told_in_layers_is_refused(source, shares, message):
    with pytest.raises(MisuseError, match=message):
        list(pack_layers(Octets(source), Octets(model()), shares))


def test_a_model_that_holds_what_is_no_number_has_no_layers():
    weights = np.zeros(4, dtype=np.float32)
    base = safetensors_file([("w", "F32", weights)])
    data = safetensors_file([("w", "F32", np.array([np.nan, 1, 2, 3], dtype=np.float32))])
    with pytest.raises(MisuseError, match="expected 0 blocks or more and an error from 0 to 1, found 0 and nan"):
        list(pack_layers(Octets(data), Octets(base)))


def test_what_is_no_floating_point_has_no_layers():
    numbers = safetensors_file([("ids", "I64", np.arange(4))])
    with pytest.raises(MisuseError, match="tensor ids: expected floating point of 16 or 32 bits"):
        list(pack_layers(Octets(numbers), Octets(numbers)))


def test_what_is_said_of_the_trained_model_is_said_of_what_layers_make_of_it():
    base, data = model(metadata={"step": "1"}), model(moved=1e-2, metadata={"step": "2"})
    made = made_of(b"".join(pack_layers(Octets(data), Octets(base))), base)
    assert metadata_of(Octets(made.data)) == {"step": "2", LAYERS_KEY: str(len(SHARES))}


def test_a_gap_in_a_file_that_is_still_coming_is_no_block():
    base, _, told = told_in_layers()
    first, second, *_ = whole_layers(told)
    holed = told[:first] + bytes(second - first) + told[second:]
    assert made_of(holed, base).layers == 1


def test_a_model_of_several_parts_is_made_in_the_memory_of_one():
    chance = np.random.default_rng(2)
    arrays = [chance.normal(0, 0.02, (length,)).astype(np.float32) for length in (3_000_000, 5, 700_000)]
    moved = [each + chance.normal(0, 1e-3, each.shape).astype(np.float32) for each in arrays]
    names = ("a", "b", "c")
    base, data = (
        safetensors_file([(name, "F32", each) for name, each in zip(names, group, strict=True)])
        for group in (arrays, moved)
    )
    told = b"".join(pack_layers(Octets(data), Octets(base)))
    digest = hashlib.sha256()
    tracemalloc.start()
    made = LayeredModel(Octets(told), Octets(base))
    for piece in made.pieces():
        digest.update(piece)
    _, peak_octets = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert digest.digest() == read_head(Octets(told))[0].sha256
    assert made.layers == len(SHARES)
    assert peak_octets < 12 * BLOCK_OCTETS < len(base)
