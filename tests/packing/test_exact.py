"""Packing without loss: what comes out is what went in, whatever it is, and what is damaged never comes out."""

import math
import struct
import tracemalloc
import zlib

import msgspec
import numpy as np
import pytest
import safetensors.numpy
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ccsds.errors import MalformedError, MisuseError, StarloopError
from packing.container import BLOCK_OCTETS, MAGIC, VERSION, Kind, decompress, read_head
from packing.exact import check_whole, may_be_base, pack, unpack
from packing.layout import Element, stretches_of, tensors_of
from packing.planes import join, split
from packing.source import Octets
from tests.packing.conftest import model, safetensors_file, weights


def packed(data, base=None):
    return b"".join(pack(Octets(data), None if base is None else Octets(base)))


def unpacked(data, base=None):
    return b"".join(unpack(Octets(data), None if base is None else Octets(base)))


def test_the_files_of_these_tests_are_those_of_the_library():
    ours = model()
    theirs = safetensors.numpy.load(ours)
    assert [each.name for each in tensors_of(Octets(ours))] == ["head.weight", "norm.weight", "wte.weight"]
    assert np.array_equal(theirs["wte.weight"], weights()[2].astype(np.float32))
    written = safetensors.numpy.save(theirs)
    assert unpacked(packed(written)) == written


def test_a_model_comes_back_octet_for_octet(dtype):
    data = model(dtype)
    assert unpacked(packed(data)) == data


@pytest.mark.parametrize(("dtype", "most"), [("BF16", 0.71), ("F32", 0.86)])
def test_a_trained_model_packs_as_well_as_its_exponents_allow(dtype, most):
    data = model(dtype)
    assert len(packed(data)) <= most * len(data)


@given(st.binary(max_size=2_000))
def test_anything_at_all_comes_back(data):
    assert unpacked(packed(data)) == data


@given(
    st.sampled_from(Element),
    st.integers(0, 50).flatmap(lambda n: st.tuples(*[st.binary(min_size=8 * n, max_size=8 * n)] * 2)),
)
def test_planes_are_undone_for_every_pattern_of_bits_alone_and_against_a_base(element, pair):
    octets, base = pair
    assert join(split(octets, element), element) == octets
    assert join(split(octets, element, base), element, base) == octets


def test_a_file_longer_than_a_block_is_packed_block_by_block():
    array = np.random.default_rng(3).normal(0, 1, (BLOCK_OCTETS // 4 + 7,))
    data = safetensors_file([("w", "F32", array)])
    assert unpacked(packed(data)) == data
    pieces = [piece for piece in pack(Octets(data)) if piece]
    assert len(pieces) == 1 + 1 + 2  # Its head, the header of the file, and two blocks of weights.
    assert max(map(len, pieces)) < BLOCK_OCTETS + 100


def test_a_difference_is_exact_and_small_where_little_moved(dtype):
    base, data = model(dtype), model(dtype, moved=1e-6)
    told = packed(data, base)
    assert unpacked(told, base) == data
    assert len(told) < 0.8 * len(packed(data))


def test_a_difference_does_not_mind_that_the_header_of_the_file_has_another_length():
    base, data = model(metadata={"step": "9"}), model(moved=1e-4, metadata={"step": "100000"})
    assert len(base) != len(data)
    assert unpacked(packed(data, base), base) == data


def test_a_difference_is_never_applied_to_another_base():
    base, data = model(), model(moved=1e-4)
    told = packed(data, base)
    with pytest.raises(MisuseError, match=r"base: expected SHA-256 [0-9a-f]{16}, found"):
        unpacked(told, model(moved=2e-4))
    with pytest.raises(MisuseError, match=r"expected the base with SHA-256 [0-9a-f]{16}, found none"):
        unpacked(told)
    with pytest.raises(MisuseError, match="expected a model with the same tensors"):
        packed(data, safetensors_file([("w", "F32", np.zeros(3))]))


@pytest.fixture(scope="module")
def small():
    array = np.random.default_rng(5).normal(0, 1, (30,))
    data = safetensors_file([("w", "F32", array)])
    return data, packed(data)


def test_every_truncation_is_refused(small):
    _, told = small
    for length in range(len(told)):
        with pytest.raises(MalformedError):
            unpacked(told[:length])


def test_every_single_bit_flip_is_refused_or_changes_nothing(small):
    data, told = small
    for bit in range(8 * len(told)):
        struck = bytearray(told)
        struck[bit // 8] ^= 1 << bit % 8
        try:
            assert unpacked(bytes(struck)) == data
        except StarloopError:
            continue


def test_that_a_file_is_cut_off_is_seen_by_the_lengths_of_its_blocks_alone(small):
    _, told = small
    head, begin = read_head(Octets(told))
    check_whole(Octets(told), head, begin)
    for length in range(begin, len(told)):
        with pytest.raises(MalformedError, match=r"expected \d+ octets in all, found them up to \d+"):
            check_whole(Octets(told[:length]), head, begin)
    with pytest.raises(MalformedError, match=r"expected \d+ octets, found"):
        check_whole(Octets(told + b"x"), head, begin)


def test_most_files_that_are_no_base_are_told_apart_without_being_read():
    base, data = model(metadata={"step": "1"}), model(moved=1e-4, metadata={"step": "2"})
    head, _ = read_head(Octets(packed(data, base)))
    assert may_be_base(head, Octets(base))
    assert not may_be_base(head, Octets(data))
    assert not may_be_base(head, Octets(base + b"x"))
    old = msgspec.structs.replace(head, base_octets=0, base_header_sha256=b"")
    assert may_be_base(old, Octets(data))  # Packed before heads told it.


def test_a_block_that_unpacks_to_more_than_it_may_takes_no_memory_for_it():
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(1 << 28))
    tracemalloc.start()
    with pytest.raises(MalformedError, match=f"expected at most 100 octets in it, found {1 << 28}"):
        decompress(bomb, 100, zstandard.ZstdDecompressor())
    _, peak_octets = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_octets < 1 << 20


def test_octets_after_the_last_block_are_refused(small):
    _, told = small
    with pytest.raises(MalformedError, match="expected a block"):
        unpacked(told + b"x")


def in_a_file(head):
    """Give a packed file with a head that another packer has written."""
    body = msgspec.msgpack.encode(head)
    return struct.pack(">4sBII", MAGIC, VERSION, len(body), zlib.crc32(body)) + body


HEAD = {"kind": Kind.LAYERS, "length_octets": 5, "sha256": bytes(32)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"length_octets": -1}, "expected lengths of 0 or more, found -1 and 0"),
        ({"base_octets": -1}, "expected lengths of 0 or more, found 5 and -1"),
        ({"length_octets": True}, "Expected `int`, got `bool`"),
        ({"layers": [[1, b"", 0.5]] * 256}, "expected at most 255 layers, found 256"),
        *(({"layers": [[1, b"", error]]}, "an error from 0 to 1") for error in (math.nan, math.inf, 1e300, 1.5, -0.5)),
        ({"layers": [[-1, b"", 0.5]]}, "expected 0 blocks or more"),
        ({"unknown": msgspec.Raw(b"\x91" * 100_000 + b"\x01")}, "maximum recursion depth exceeded"),
    ],
)
def test_a_head_that_cannot_be_is_refused(changes, message):
    read_head(Octets(in_a_file(HEAD)))
    with pytest.raises(MalformedError, match=f"expected a head, found .*{message}"):
        read_head(Octets(in_a_file({**HEAD, **changes})))


def test_a_head_says_what_a_file_is(small):
    data, told = small
    head, _ = read_head(Octets(told))
    assert (head.kind, head.length_octets) == (Kind.LOSSLESS, len(data))
    assert sum(each.length_octets for each in stretches_of(Octets(data))) == len(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected the length of a header"),
        (b"\xff" * 8, "expected the length of a header that fits into 8 octets"),
        (b"\x02" + bytes(7) + b"[]", "expected a safetensors header, found"),
        (b"\xa0\x86\x01" + bytes(5) + b"[" * 100_000, "expected a safetensors header, found RecursionError"),
        (safetensors_file([("w", "F32", np.zeros(3))])[:-1], "expected 84 octets, found 83"),
        (
            safetensors_file([("w", "F32", np.zeros(1))]).replace(b"[1]", b"[true]").replace(b"}}   ", b"}}"),
            "w with shape",
        ),
        (safetensors_file([("w", "F32", np.zeros(1))]).replace(b"[0, ", b"[false,").replace(b"}}   ", b"}}"), "to 4"),
    ],
)
def test_what_is_no_model_says_so_and_is_packed_as_plain_octets(data, message):
    with pytest.raises(MalformedError, match=message):
        tensors_of(Octets(data))
    assert unpacked(packed(data)) == data
