"""The pseudo-random sequences: golden vectors, an independent shift register, and what xor promises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.randomizer import TmRandomizer, tc_randomize, tm_randomize, tm_randomize_131071, tm_sequence

# The first octets of each sequence, checked against independent implementations.
GOLDEN = [
    (tm_randomize, "ff480ec09a"),
    (tc_randomize, "ff399e5a68"),
    (tm_randomize_131071, "1c71b91ba9"),
]
PERIODS_OCTETS = [(tm_randomize, 255), (tc_randomize, 255), (tm_randomize_131071, 131_071)]
# The exponents of each generator polynomial between the highest and 0, and its register's bits, first out first.
REGISTERS = [
    (tm_randomize, 8, (7, 5, 3), 0b11111111),
    (tc_randomize, 8, (6, 4, 3, 2, 1), 0b11111111),
    (tm_randomize_131071, 17, (14,), 0b00011100011100011),
]


def shift_register(degree: int, taps: tuple[int, ...], preset: int, octets: int) -> bytes:
    """The logic diagram of the standard: a register whose highest bit leaves, and whose tapped cells are summed."""
    register, out = preset, bytearray()
    for _ in range(octets):
        octet = 0
        for _ in range(8):
            octet = octet << 1 | register >> degree - 1
            fed_back = register >> degree - 1
            for tap in taps:
                fed_back ^= register >> degree - 1 - tap & 1
            register = (register << 1 | fed_back) & (1 << degree) - 1
        out.append(octet)
    return bytes(out)


@pytest.mark.parametrize(("randomize", "first"), GOLDEN)
def test_a_sequence_begins_as_the_golden_vector(randomize, first):
    assert randomize(bytes(5)).hex() == first
    assert randomize(bytes.fromhex(first)) == bytes(5)


@pytest.mark.parametrize(("randomize", "degree", "taps", "preset"), REGISTERS)
def test_a_sequence_is_that_of_the_shift_register(randomize, degree, taps, preset):
    assert randomize(bytes(20_000)) == shift_register(degree, taps, preset, 20_000)


@pytest.mark.parametrize(("randomize", "period"), PERIODS_OCTETS)
def test_a_sequence_repeats_after_its_period_and_not_before(randomize, period):
    twice = randomize(bytes(2 * period + 3))
    assert twice[:period] == twice[period : 2 * period]
    assert twice[2 * period :] == twice[:3]
    assert all(twice[shift : shift + period] != twice[:period] for shift in range(1, min(period, 1000)))


@pytest.mark.parametrize(("randomize", "period"), PERIODS_OCTETS)
def test_a_sequence_of_maximal_length_has_one_more_one_than_zeros(randomize, period):
    bits = "".join(f"{octet:08b}" for octet in randomize(bytes(period)))
    one_period = bits[:period]
    assert one_period.count("1") - one_period.count("0") == 1


@pytest.mark.parametrize("randomize", [tm_randomize, tc_randomize, tm_randomize_131071])
@given(data=st.binary(max_size=4000))
def test_randomizing_twice_gives_the_data_back(randomize, data):
    assert randomize(randomize(data)) == data


@pytest.mark.parametrize("randomize", [tm_randomize, tc_randomize, tm_randomize_131071])
@given(data=st.binary(max_size=2100), length=st.integers(0, 2100))
def test_the_start_of_the_data_does_not_depend_on_their_length(randomize, data, length):
    assert randomize(data)[:length] == randomize(data[:length])


@pytest.mark.parametrize(
    ("randomizer", "randomize"),
    [
        (TmRandomizer.NONE, bytes),
        (TmRandomizer.PERIOD_255, tm_randomize),
        (TmRandomizer.PERIOD_131071, tm_randomize_131071),
    ],
)
@pytest.mark.parametrize("length", [0, 1, 255, 1279, 2040, 4081, 131_072])
def test_the_sequence_of_a_randomizer_is_what_it_makes_of_zeros(randomizer, randomize, length):
    assert tm_sequence(randomizer, length).tobytes() == randomize(bytes(length))


@pytest.mark.parametrize("randomizer", [TmRandomizer.PERIOD_255, TmRandomizer.PERIOD_131071])
def test_a_shared_sequence_cannot_be_written_to(randomizer):
    with pytest.raises(ValueError, match="read-only"):
        tm_sequence(randomizer, 10)[0] = 0
