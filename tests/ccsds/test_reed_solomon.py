"""The Reed-Solomon codes: golden vectors, reedsolo as an oracle, every error count, every edge of virtual fill."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reedsolo import RSCodec

from ccsds.errors import MalformedError, MisuseError
from ccsds.reed_solomon import ReedSolomon

# Message octets 00 01 .. DE, parity only, checked against independent implementations.
GOLDEN = {
    True: "4ffb92dd557ec67f27fb8982cf58f8fd028ad117fcef6b2793d0418826578651",
    False: "2fbd4fb4748494b9acd554627212eeb3ebed41191de1d36320ea49290b25abcf",
}
# The columns of the standard's matrix from the conventional to the dual basis, highest bit first.
TO_DUAL_COLUMNS = (0x8D, 0xEF, 0xEC, 0x86, 0xFA, 0x99, 0xAF, 0x7B)
DEPTHS = (1, 2, 3, 4, 5, 8)
CODES = [(parity, depth, dual) for parity in (32, 16) for depth in DEPTHS for dual in (True, False)]


def column_sum(value: int) -> int:
    """The matrix applied to one symbol."""
    result = 0
    for bit, column in enumerate(TO_DUAL_COLUMNS):
        if value & 0x80 >> bit:
            result ^= column
    return result


TO_DUAL = bytes(column_sum(value) for value in range(256))
FROM_DUAL = bytes(TO_DUAL.index(value) for value in range(256))


def oracle(parity: int) -> RSCodec:
    return RSCodec(parity, nsize=255, fcr=128 - parity // 2, prim=0x187, generator=173)


def oracle_encode(data: bytes, parity: int, depth: int, dual: bool) -> bytes:
    """The codeblock by reedsolo, one codeword after the other."""
    codec = oracle(parity)
    block = bytearray(len(data) + parity * depth)
    for codeword in range(depth):
        symbols = data[codeword::depth]
        if dual:
            symbols = symbols.translate(FROM_DUAL)
        coded = bytes(codec.encode(symbols))
        block[codeword::depth] = coded.translate(TO_DUAL) if dual else coded
    return bytes(block)


def with_errors(draw: random.Random, codeblock: bytes, depth: int, counts: list[int]) -> bytes:
    """The codeblock with so many wrong symbols in each codeword."""
    damaged = bytearray(codeblock)
    for codeword, count in enumerate(counts):
        for place in draw.sample(range(len(codeblock) // depth), count):
            damaged[place * depth + codeword] ^= draw.randrange(1, 256)
    return bytes(damaged)


@pytest.mark.parametrize("dual", [True, False])
def test_the_parity_of_counting_octets_is_the_golden_vector(dual):
    code = ReedSolomon(dual_basis=dual)
    message = bytes(range(0xDF))
    assert code.parity(message).hex() == GOLDEN[dual]
    assert code.encode(message) == message + bytes.fromhex(GOLDEN[dual])
    assert code.decode(message + bytes.fromhex(GOLDEN[dual])) == (message, 0)


@pytest.mark.parametrize("depth", DEPTHS)
def test_interleaved_golden_messages_have_the_golden_parity_interleaved(depth):
    message = bytes(octet for octet in range(0xDF) for _ in range(depth))
    parity = bytes(octet for octet in bytes.fromhex(GOLDEN[True]) for _ in range(depth))
    assert ReedSolomon(interleave=depth).parity(message) == parity


@pytest.mark.parametrize(("parity", "depth", "dual"), CODES)
def test_codeblocks_are_those_of_reedsolo(parity, depth, dual):
    draw = random.Random(f"{parity} {depth} {dual}")
    code = ReedSolomon(parity=parity, interleave=depth, dual_basis=dual)
    for symbols in (255 - parity, 1, 2, 100, 254 - parity):
        data = draw.randbytes(symbols * depth)
        assert code.encode(data) == oracle_encode(data, parity, depth, dual)


@pytest.mark.parametrize("parity", [32, 16])
def test_reedsolo_corrects_the_same_errors_to_the_same_data(parity):
    draw = random.Random(parity)
    code, codec = ReedSolomon(parity=parity, dual_basis=False), oracle(parity)
    for count in range(parity // 2 + 1):
        data = draw.randbytes(255 - parity)
        damaged = with_errors(draw, code.encode(data), 1, [count])
        assert bytes(codec.decode(damaged)[0]) == data
        assert code.decode(damaged) == (data, count)


@pytest.mark.parametrize(("parity", "depth", "dual"), CODES)
def test_every_number_of_errors_up_to_half_the_parity_is_corrected_in_every_codeword(parity, depth, dual):
    draw = random.Random(f"{parity} {depth} {dual}")
    code = ReedSolomon(parity=parity, interleave=depth, dual_basis=dual)
    data = draw.randbytes(code.data_octets_max)
    codeblock = code.encode(data)
    for codeword in range(depth):
        for count in range(parity // 2 + 1):
            counts = [count if other == codeword else 0 for other in range(depth)]
            assert code.decode(with_errors(draw, codeblock, depth, counts)) == (data, count)
    worst = [parity // 2] * depth
    assert code.decode(with_errors(draw, codeblock, depth, worst)) == (data, sum(worst))


@pytest.mark.parametrize(("parity", "depth"), [(32, 1), (32, 5), (16, 1), (16, 5)])
def test_more_errors_than_that_are_refused_or_taken_for_another_codeword_as_near(parity, depth):
    draw = random.Random(parity + depth)
    code = ReedSolomon(parity=parity, interleave=depth)
    refused = 0
    for count in list(range(parity // 2 + 1, parity + 3)) * 10 + [255] * 10:
        data = draw.randbytes(code.data_octets_max)
        damaged = with_errors(draw, code.encode(data), depth, [count] + [0] * (depth - 1))
        try:
            found, corrected = code.decode(damaged)
        except MalformedError as error:
            assert f"expected at most {parity // 2} wrong symbols" in str(error)
            assert f"codeword 1 of {depth}" in str(error)
            refused += 1
        else:
            distance = sum(a != b for a, b in zip(code.encode(found), damaged, strict=True))
            assert distance == corrected <= parity // 2
    assert refused >= 10 * (parity // 2 + 2)


@pytest.mark.parametrize("dual", [True, False])
@pytest.mark.parametrize("parity", [32, 16])
def test_errors_that_lie_nearer_to_another_codeword_are_taken_for_it(parity, dual):
    code = ReedSolomon(parity=parity, dual_basis=dual)
    sent, other = bytes(255 - parity), bytes(254 - parity) + b"\x01"
    one, two = code.encode(sent), code.encode(other)
    apart = [place for place in range(255) if one[place] != two[place]]
    assert len(apart) == parity + 1
    damaged = bytearray(one)
    for place in apart[: parity // 2 + 1]:
        damaged[place] = two[place]
    assert code.decode(bytes(damaged)) == (other, parity // 2)


@pytest.mark.parametrize(("parity", "depth", "dual"), CODES)
def test_a_burst_as_long_as_all_codewords_correct_together_is_corrected_wherever_it_falls(parity, depth, dual):
    draw = random.Random(f"{parity} {depth} {dual}")
    code = ReedSolomon(parity=parity, interleave=depth, dual_basis=dual)
    data = draw.randbytes(code.data_octets_max)
    codeblock = code.encode(data)
    length = parity // 2 * depth
    for start in (0, 1, len(data) - length // 2, len(codeblock) - length, draw.randrange(len(data))):
        damaged = bytearray(codeblock)
        for place in range(start, start + length):
            damaged[place] ^= draw.randrange(1, 256)
        assert code.decode(bytes(damaged)) == (data, length)


def test_every_single_bit_flip_is_corrected():
    code = ReedSolomon(parity=16, interleave=2)
    data = random.Random(7).randbytes(30 * 2)
    codeblock = code.encode(data)
    for bit in range(8 * len(codeblock)):
        damaged = bytearray(codeblock)
        damaged[bit // 8] ^= 0x80 >> bit % 8
        assert code.decode(bytes(damaged)) == (data, 1)


@pytest.mark.parametrize(("parity", "depth", "dual"), CODES)
def test_every_edge_of_virtual_fill_is_corrected_to_the_full(parity, depth, dual):
    draw = random.Random(f"{parity} {depth} {dual}")
    code = ReedSolomon(parity=parity, interleave=depth, dual_basis=dual)
    for symbols in (1, 2, parity // 2, parity, 128, 254 - parity, 255 - parity):
        data = draw.randbytes(symbols * depth)
        codeblock = code.encode(data)
        assert code.decode(codeblock) == (data, 0)
        damaged = bytearray(with_errors(draw, codeblock, depth, [parity // 2 - 1] * depth))
        for codeword in range(depth):
            # The first symbol that is sent lies just beside the fill.
            damaged[codeword] = data[codeword] ^ 0xFF
        assert code.decode(bytes(damaged))[0] == data


@pytest.mark.parametrize("dual", [True, False])
def test_every_length_of_virtual_fill_gives_what_leading_zeros_give(dual):
    code = ReedSolomon(dual_basis=dual)
    whole = random.Random(9).randbytes(223)
    for sent in range(1, 224):
        assert code.parity(whole[:sent]) == code.parity(bytes(223 - sent) + whole[:sent])


def test_an_error_located_in_the_virtual_fill_is_refused():
    code = ReedSolomon()
    whole = code.encode(b"\x01" + bytes(100) + random.Random(1).randbytes(122))
    for cut in (1, 50, 101):
        with pytest.raises(MalformedError, match="codeword 1 of 1"):
            code.decode(whole[cut:])


def test_lengths_may_change_from_block_to_block():
    draw = random.Random(2)
    kept = ReedSolomon(interleave=5)
    for symbols in [223, 1, 223, 80, 81, 80, 3, 222]:
        data = draw.randbytes(symbols * 5)
        assert kept.encode(data) == ReedSolomon(interleave=5).encode(data)


@pytest.mark.parametrize(("depth", "length"), [(1, 0), (1, 224), (5, 0), (5, 1114), (5, 4), (5, 1120), (8, 1785)])
def test_data_of_another_length_cannot_be_encoded(depth, length):
    code = ReedSolomon(interleave=depth)
    for method in (code.encode, code.parity):
        with pytest.raises(MisuseError, match=rf"multiple of {depth} octets.*found {length}$"):
            method(bytes(length))


@pytest.mark.parametrize(("depth", "length"), [(1, 0), (1, 31), (1, 32), (1, 256), (5, 160), (5, 1274), (5, 1280)])
def test_a_codeblock_of_another_length_is_refused_with_what_was_found(depth, length):
    with pytest.raises(MalformedError, match=rf"multiple of {depth} octets.*found {length} in all$"):
        ReedSolomon(interleave=depth).decode(bytes(length))


@pytest.mark.parametrize("parity", [0, 8, 31, 33, 64])
def test_a_code_of_another_parity_cannot_be_made(parity):
    with pytest.raises(MisuseError, match=f"16 or 32 octets.*found {parity}"):
        ReedSolomon(parity=parity)


@pytest.mark.parametrize("depth", [-1, 0, 6, 7, 9])
def test_a_code_of_another_interleave_cannot_be_made(depth):
    with pytest.raises(MisuseError, match=f"1 to 5 or 8, found {depth}"):
        ReedSolomon(interleave=depth)


@settings(deadline=None)
@given(
    data=st.data(),
    parity=st.sampled_from([32, 16]),
    depth=st.sampled_from(DEPTHS),
    dual=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_what_is_encoded_and_damaged_within_bounds_is_decoded(data, parity, depth, dual, seed):
    code = ReedSolomon(parity=parity, interleave=depth, dual_basis=dual)
    symbols = data.draw(st.integers(1, 255 - parity))
    counts = data.draw(st.lists(st.integers(0, parity // 2), min_size=depth, max_size=depth))
    draw = random.Random(seed)
    message = draw.randbytes(symbols * depth)
    damaged = with_errors(draw, code.encode(message), depth, counts)
    assert code.decode(damaged) == (message, sum(counts))


@pytest.mark.parametrize("parity", [32, 16])
def test_noise_is_refused_or_corrected_to_a_codeword_and_nothing_else_happens(parity):
    draw = random.Random(parity)
    code = ReedSolomon(parity=parity)
    for _ in range(2000):
        noise = draw.randbytes(draw.randrange(0, 270))
        try:
            data, corrected = code.decode(noise)
        except MalformedError:
            continue
        assert sum(a != b for a, b in zip(code.encode(data), noise, strict=True)) == corrected <= parity // 2
