"""Sealed entries: a mapping as any other, until memory is struck; then nothing of it is given out as if whole."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight.books.commands import Answer, Identity
from flight.books.seal import SealedEntries, StruckBookError
from tests.flight.struck_memory import flip, fresh

KEY = 10**12


@pytest.fixture
def entries():
    """Three entries, each key an object of its own as those of the journal are."""
    entries = SealedEntries()
    for number in range(3):
        entries[fresh(KEY + number)] = Answer(1, number, b"yes")
    return entries


@given(st.lists(st.tuples(st.integers(0, 9), st.one_of(st.none(), st.binary(max_size=3)))))
def test_they_are_a_mapping_that_stays_whole(changes):
    entries, plain = SealedEntries(), {}
    for key, entry in changes:
        if entry is None:
            assert entries.pop(key, None) == plain.pop(key, None)
        else:
            entries[key] = plain[key] = entry
        assert entries.is_whole()
        assert (list(entries.items()), len(entries), key in entries) == (list(plain.items()), len(plain), key in plain)
    other = SealedEntries()
    for key in sorted(plain):
        other[key] = plain[key]
    assert other.seal == entries.seal


def test_what_is_not_there_is_missed_as_in_any_mapping(entries):
    assert KEY + 9 not in entries
    assert entries.get(KEY + 9) is None
    with pytest.raises(KeyError):
        entries[KEY + 9]
    with pytest.raises(KeyError):
        del entries[KEY + 9]


def test_a_key_that_is_struck_where_it_lies_is_found_by_who_asks_for_it_and_by_who_walks(entries):
    flip(next(iter(entries._entries)))
    assert not entries.is_whole()
    for act in (
        lambda: entries[KEY],
        lambda: entries.get(KEY),
        lambda: KEY in entries,
        lambda: entries.pop(KEY, None),
        lambda: list(entries),
        lambda: list(entries.values()),
        lambda: list(entries.items()),
    ):
        with pytest.raises(StruckBookError, match="its key changed in memory"):
            act()
    assert entries[KEY + 1] == Answer(1, 1, b"yes")


def test_a_key_of_several_parts_that_is_struck_is_found():
    entries = SealedEntries()
    for number in range(3):
        entries[Identity(1, 0x42, number, bytes(16))] = ()
    msgspec.structs.force_setattr(next(iter(entries)), "sequence_count", 5)
    assert not entries.is_whole()
    with pytest.raises(StruckBookError, match="its key changed in memory"):
        entries.get(Identity(1, 0x42, 0, bytes(16)))


def test_an_entry_that_is_struck_is_not_given(entries):
    msgspec.structs.force_setattr(entries[KEY + 1], "data", b"yds")
    assert not entries.is_whole()
    with pytest.raises(StruckBookError, match=f"entry {KEY + 1} of a book"):
        entries[KEY + 1]
    with pytest.raises(StruckBookError, match=f"entry {KEY + 1} of a book"):
        list(entries.values())


def test_a_digest_that_is_struck_is_found(entries):
    known_by = list(entries._digests)[1]
    entries._digests[known_by] ^= 1 << 40
    assert not entries.is_whole()
    with pytest.raises(StruckBookError, match=f"entry {KEY + 1} of a book"):
        entries[KEY + 1]


def test_what_an_entry_is_known_by_and_is_struck_is_found(entries):
    known_by = list(entries._digests)[1]
    entries._digests[known_by[:-1] + bytes([known_by[-1] ^ 0x80])] = entries._digests.pop(known_by)
    assert not entries.is_whole()
    with pytest.raises(StruckBookError, match="its key changed in memory"):
        entries[KEY + 1]


def test_an_entry_that_is_gone_with_its_digest_is_missed(entries):
    del entries._entries[KEY + 1]
    for known_by in list(entries._digests)[1:2]:
        del entries._digests[known_by]
    assert not entries.is_whole()


@pytest.mark.parametrize("number", range(3))
def test_an_entry_that_is_gone_without_its_digest_is_missed(entries, number):
    del entries._entries[KEY + number]
    assert not entries.is_whole()


def test_a_sum_that_is_struck_is_found(entries):
    entries._sum ^= 1 << 60
    assert not entries.is_whole()
