"""The Reed-Solomon codes RS(255,223) and RS(255,239) of CCSDS 131.0-B-5 section 4, interleaved, with virtual fill.

It turns data into data and parity and back, and corrects in each codeword up to half as many wrong symbols (octets)
as it has parity symbols. It knows no marker and no randomizer, and takes no erasures: every error is located.

The field is GF(256) by x^8 + x^7 + x^2 + x + 1 with alpha = 2. The code is built upon gamma = alpha^11: the roots of
its generator are gamma^112 to gamma^143 (E = 16), or gamma^120 to gamma^135 (E = 8). On the wire symbols are in
Berlekamp's dual basis, or by choice in the conventional one. Symbol i of a block belongs to codeword i mod I. Virtual
fill are the leading zeros that a codeword shorter than 255 symbols is thought to have; they are not sent.

A parity is a sum: each data symbol at its place adds one row of a table that has the basis folded in. So encoding is
a gather and an xor, and a clean block is known by encoding it again. Only a difference runs the full decoder:
syndromes, Berlekamp-Massey, Chien, Forney.
"""

import sys
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from ccsds.errors import MalformedError, MisuseError

CODEWORD_OCTETS: Final = 255
INTERLEAVE_DEPTHS: Final = (1, 2, 3, 4, 5, 8)
PARITY_OCTETS: Final = (16, 32)

FIELD_POLYNOMIAL: Final = 0x187
GENERATOR_EXPONENT: Final = 11
"""The code's own primitive element gamma is alpha to this power."""
DUAL_BASIS_EXPONENT: Final = 117
"""The dual basis is the one dual to the powers 0 to 7 of alpha to this power."""

# The xor of a gather is folded in halves this often before numpy reduces the rest: long rows keep its loop busy.
_FOLDS: Final = 3

Octets = npt.NDArray[np.uint8]


class ReedSolomon:
    """One code: encodes and decodes blocks of any length that it can have.

    It owns scratch memory, so one instance serves one thread.

    Args:
        parity: Parity octets of a codeword: 32 corrects 16 octets, 16 corrects 8.
        interleave: Codewords of a block, 1 to 5 or 8.
        dual_basis: Whether symbols are in the dual basis, as the standard has it, or else in the conventional one.

    Raises:
        MisuseError: There is no such code.

    Source: CCSDS 131.0-B-5 section 4
    """

    def __init__(self, *, parity: int = 32, interleave: int = 1, dual_basis: bool = True) -> None:
        if parity not in PARITY_OCTETS:
            raise MisuseError(f"expected 16 or 32 octets of Reed-Solomon parity, found {parity}")
        if interleave not in INTERLEAVE_DEPTHS:
            raise MisuseError(f"expected Reed-Solomon interleave 1 to 5 or 8, found {interleave}")
        self.interleave = interleave
        self.parity_octets = parity * interleave
        self.data_octets_max = (CODEWORD_OCTETS - parity) * interleave
        self._parity = parity
        self._dual_basis = dual_basis
        self._parity_sum = _ParitySum(parity, interleave, dual_basis, self.data_octets_max)

    def encode(self, data: bytes) -> bytes:
        """Give the codeblock: the data followed by its parity.

        Args:
            data: A multiple of the interleave, at most ``data_octets_max``; what is less becomes virtual fill.

        Raises:
            MisuseError: The data have another length.
        """
        return data + self.parity(data)

    def parity(self, data: bytes) -> bytes:
        """Give only the parity of the data, interleaved as it is sent; see ``encode``."""
        if not data or len(data) > self.data_octets_max or len(data) % self.interleave:
            raise MisuseError(
                f"expected a multiple of {self.interleave} octets, {self.interleave} to {self.data_octets_max}, "
                f"to Reed-Solomon encode, found {len(data)}"
            )
        return self._parity_of(np.frombuffer(data, np.uint8))

    def decode(self, codeblock: bytes | Octets) -> tuple[bytes, int]:
        """Check a codeblock and correct it where needed.

        With more wrong symbols than a code corrects the block is nearly always refused; but some noise lies near
        another codeword (1 in E! of it) and is taken for that, which only a check inside of the data can tell.

        Args:
            codeblock: Data and parity as bytes or as an array, in which case it is not written to.

        Returns:
            The data without parity, and how many symbols of data or parity were corrected.

        Raises:
            MalformedError: The length is none of this code, or some codeword is beyond correction.
        """
        data_octets = len(codeblock) - self.parity_octets
        if not 0 < data_octets <= self.data_octets_max or data_octets % self.interleave:
            raise MalformedError(
                f"expected a Reed-Solomon codeblock of {self.parity_octets} octets of parity and a multiple of "
                f"{self.interleave} octets of data, at most {self.data_octets_max}, found {len(codeblock)} in all"
            )
        symbols = np.frombuffer(codeblock, np.uint8) if isinstance(codeblock, bytes) else codeblock
        expected = self._parity_of(symbols[:data_octets])
        if expected == symbols[data_octets:].tobytes():
            return symbols[:data_octets].tobytes(), 0
        return self._correct(symbols, expected)

    def _parity_of(self, data: Octets) -> bytes:
        if len(data) != self._parity_sum.data_octets:
            self._parity_sum = _ParitySum(self._parity, self.interleave, self._dual_basis, len(data))
        return self._parity_sum.of(data)

    def _correct(self, codeblock: Octets, expected_parity: bytes) -> tuple[bytes, int]:
        """Correct the codewords whose parity differs from that of their data."""
        field = _field()
        block = codeblock.reshape(-1, self.interleave).copy()
        # As a polynomial, what was received less a true codeword: it has the syndromes of what was received.
        differences = np.frombuffer(expected_parity, np.uint8).reshape(-1, self.interleave) ^ block[-self._parity :]
        if self._dual_basis:
            differences = field.from_dual[differences]
        corrected = 0
        for codeword in np.flatnonzero(differences.any(axis=0)).tolist():
            errors = _locate(differences[:, codeword], len(block), self._parity)
            if errors is None:
                raise MalformedError(
                    f"expected at most {self._parity // 2} wrong symbols in a Reed-Solomon codeword, "
                    f"found more in codeword {codeword + 1} of {self.interleave}"
                )
            for degree, value in errors:
                block[len(block) - 1 - degree, codeword] ^= field.to_dual[value] if self._dual_basis else value
            corrected += len(errors)
        return block[: -self._parity].tobytes(), corrected


class _ParitySum:
    """The gather and xor that make the parity of data of one length, with the memory that they need."""

    def __init__(self, parity: int, interleave: int, dual_basis: bool, data_octets: int) -> None:
        self.data_octets = data_octets
        self._take = _parity_table(parity, dual_basis).take
        symbols, width = data_octets // interleave, interleave * parity // 8
        # A row of the table is 256 * place + symbol, so the symbols are the lowest octets of the indices.
        places = np.arange(CODEWORD_OCTETS - parity - symbols, CODEWORD_OCTETS - parity, dtype=np.intp)
        self._indices = np.repeat(places * 256, interleave)
        lowest = 0 if sys.byteorder == "little" else self._indices.itemsize - 1
        self._symbols = self._indices.view(np.uint8)[lowest :: self._indices.itemsize]
        # Rows that fill up the first to a number that can be halved stay zero.
        rows = -(-symbols // (1 << _FOLDS)) << _FOLDS
        folds = [np.zeros((rows >> fold, width), np.uint64) for fold in range(_FOLDS + 1)]
        self._gathered = folds[0][rows - symbols :].reshape(data_octets, -1)
        self._folds = [(above[: len(half)], above[len(half) :], half) for above, half in pairwise(folds)]
        self._folded = folds[-1]
        self._sum = np.zeros(width, np.uint64)
        self._sum_octets = self._sum.view(np.uint8).reshape(interleave, parity).T

    def of(self, data: Octets) -> bytes:
        """Give the parity, interleaved as it is sent."""
        self._symbols[:] = data
        # Every index is in range by construction, and only "clip" lets numpy write straight into the rows.
        self._take(self._indices, 0, self._gathered, "clip")
        xor = np.bitwise_xor
        for above, below, half in self._folds:
            xor(above, below, half)
        xor.reduce(self._folded, axis=0, out=self._sum)
        return self._sum_octets.tobytes()


class _Field:
    """GF(256) in logarithms to the base gamma, and the change of basis."""

    def __init__(self) -> None:
        alpha_powers = [1]
        for _ in range(CODEWORD_OCTETS - 1):
            doubled = alpha_powers[-1] << 1
            alpha_powers.append(doubled ^ FIELD_POLYNOMIAL if doubled > 0xFF else doubled)
        powers = [alpha_powers[GENERATOR_EXPONENT * power % CODEWORD_OCTETS] for power in range(CODEWORD_OCTETS)]
        # Twice and a bit, so that the sum of two logarithms and a small constant needs no modulo.
        self.power = powers * 3
        self.logarithm = [0] * 256
        for exponent, value in enumerate(powers):
            self.logarithm[value] = exponent
        self.powers = np.array(powers, np.uint8)
        logarithms = np.array(self.logarithm)
        self.product = np.array(self.power, np.uint8)[logarithms[:, None] + logarithms]
        self.product[0, :] = self.product[:, 0] = 0
        # In the dual basis bit i, from the highest, of an element is the trace of the element times beta^i.
        bits = []
        for i in range(8):
            square = self.product[np.arange(256), alpha_powers[DUAL_BASIS_EXPONENT * i % CODEWORD_OCTETS]]
            trace = np.zeros(256, np.uint8)
            for _ in range(8):
                trace ^= square
                square = self.product[square, square]
            bits.append(trace)
        self.to_dual = np.packbits(np.array(bits).T, axis=1).ravel()
        self.from_dual = np.argsort(self.to_dual).astype(np.uint8)


@cache
def _field() -> _Field:
    return _Field()


@cache
def _parity_table(parity: int, dual_basis: bool) -> npt.NDArray[np.uint64]:
    """Give the parity of each single data symbol: row ``256 * place + symbol``, ``parity`` octets as 64-bit words."""
    field = _field()
    generator = np.array([1], np.uint8)
    for exponent in range(128 - parity // 2, 128 + parity // 2):
        by_root = field.product[field.power[exponent], generator]
        generator = np.append(generator, np.uint8(0)) ^ np.append(np.uint8(0), by_root)
    places = CODEWORD_OCTETS - parity
    remainders = np.zeros((places, parity), np.uint8)
    remainder = generator[1:]
    for place in reversed(range(places)):
        remainders[place] = remainder
        remainder = np.append(remainder[1:], np.uint8(0)) ^ field.product[remainder[0], generator[1:]]
    symbols = field.from_dual if dual_basis else np.arange(256, dtype=np.uint8)
    table = field.product[remainders[:, None, :], symbols[None, :, None]]
    if dual_basis:
        table = field.to_dual[table]
    table = table.reshape(-1, parity).view(np.uint64)
    table.setflags(write=False)
    return table


@cache
def _syndrome_powers(parity: int) -> Octets:
    """Give root j to the degree of parity symbol i, shape (i, j)."""
    degrees = np.arange(parity)[::-1, None]
    roots = np.arange(128 - parity // 2, 128 + parity // 2)
    return _field().powers[degrees * roots % CODEWORD_OCTETS]


def _locate(difference: Octets, length: int, parity: int) -> list[tuple[int, int]] | None:
    """Find the errors of one codeword.

    Args:
        difference: The remainder of what was received, conventional basis, highest degree first.
        length: Symbols of the codeword that were sent.
        parity: Parity symbols of the codeword.

    Returns:
        Degree and value of each error, or None where there are more than can be corrected.
    """
    field = _field()
    power, logarithm = field.power, field.logarithm
    products = field.product[difference[:, None], _syndrome_powers(parity)]
    syndromes: list[int] = np.bitwise_xor.reduce(products, axis=0).tolist()
    locator = _berlekamp_massey(syndromes)
    if locator is None:
        return None
    degrees = _chien(locator)
    # A root for each degree of the locator, and none in the virtual fill, or else it locates nothing.
    if len(degrees) != len(locator) - 1 or degrees[-1] >= length:
        return None
    evaluator = [0] * len(degrees)
    for i in range(len(degrees)):
        for j in range(i + 1):
            if locator[j] and syndromes[i - j]:
                evaluator[i] ^= power[logarithm[locator[j]] + logarithm[syndromes[i - j]]]
    first_root = 128 - parity // 2
    errors = []
    for degree in degrees:
        inverse = CODEWORD_OCTETS - degree
        numerator = denominator = 0
        for i, coefficient in enumerate(evaluator):
            if coefficient:
                numerator ^= power[(logarithm[coefficient] + i * inverse) % CODEWORD_OCTETS]
        # The formal derivative keeps the odd powers.
        for i in range(1, len(locator), 2):
            if locator[i]:
                denominator ^= power[(logarithm[locator[i]] + (i - 1) * inverse) % CODEWORD_OCTETS]
        exponent = logarithm[numerator] - logarithm[denominator] + degree * (1 - first_root)
        errors.append((degree, power[exponent % CODEWORD_OCTETS]))
    return errors


def _berlekamp_massey(syndromes: list[int]) -> list[int] | None:
    """Find the shortest recurrence of the syndromes, constant term first; None if it locates too many errors."""
    power, logarithm = _field().power, _field().logarithm
    locator, previous = [1], [1]
    errors, shift, previous_discrepancy = 0, 1, 1
    for step, syndrome in enumerate(syndromes):
        discrepancy = syndrome
        for i in range(1, len(locator)):
            if locator[i] and syndromes[step - i]:
                discrepancy ^= power[logarithm[locator[i]] + logarithm[syndromes[step - i]]]
        if discrepancy == 0:
            shift += 1
            continue
        kept = locator
        locator = locator + [0] * (len(previous) + shift - len(locator))
        scale = logarithm[discrepancy] - logarithm[previous_discrepancy] + CODEWORD_OCTETS
        for i, coefficient in enumerate(previous, start=shift):
            if coefficient:
                locator[i] ^= power[logarithm[coefficient] + scale]
        if 2 * errors > step:
            shift += 1
            continue
        errors = step + 1 - errors
        if errors > len(syndromes) // 2:
            return None
        previous, previous_discrepancy, shift = kept, discrepancy, 1
    while locator[-1] == 0:
        locator.pop()
    return locator if len(locator) == errors + 1 else None


def _chien(locator: list[int]) -> list[int]:
    """Give, rising, every degree at which the locator has the inverse of a root: all 255 are tried at once."""
    field = _field()
    inverses = np.arange(CODEWORD_OCTETS, 0, -1)
    values = np.zeros(CODEWORD_OCTETS, np.uint8)
    for i, coefficient in enumerate(locator):
        if coefficient:
            values ^= field.powers[(field.logarithm[coefficient] + i * inverses) % CODEWORD_OCTETS]
    return np.flatnonzero(values == 0).tolist()
