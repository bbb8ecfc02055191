"""A bit that flips in memory of the flight software: any value of its books can be struck, and each strike is found."""

import copy

import msgspec
import numpy as np
import pytest

from flight.books.schedule import ActivitiesInserted, Activity
from flight.books.seal import StruckBookError, seal_of
from flight.books.storage import NumbersReserved, StoreConfirmed, StoreOverwrote
from flight.disk import RealDisk
from flight.ledger import Ledger
from hil.faults.memory import books_with_values, strike_book
from tests.flight.test_ledger import CHANGES

# Of each book, so many strikes; the largest has some forty values.
STRIKES = 200


@pytest.fixture
def ledger(tmp_path):
    """A ledger in which all kinds of things are held: dicts, sets, tuples, structs, dataclasses, enumerations."""
    ledger = Ledger(RealDisk(tmp_path))
    ledger.commit(
        *CHANGES,
        ActivitiesInserted((Activity(7, b"request", 1, 0, 10**18), Activity(9, b"another", 1, 0, 10**18 + 1))),
        NumbersReserved(1, 100),
        StoreConfirmed(1, 50, ((10, 20), (30, 40))),
        StoreOverwrote(1, ((10, 12),), 12),
    )
    return ledger


def test_each_value_of_each_book_can_be_struck_and_is_found(ledger):
    struck = set()
    for name in books_with_values(ledger._books):
        whole = copy.deepcopy(vars(ledger._books[name]))
        for seed in range(STRIKES):
            where = strike_book(ledger._books[name], np.random.default_rng(seed))
            assert where is not None
            struck.add(f"{name}: {where}")
            with pytest.raises(StruckBookError, match=f"book of {name}"):
                ledger.verify()
            vars(ledger._books[name]).clear()
            vars(ledger._books[name]).update(copy.deepcopy(whole))
            ledger.verify()
    assert {
        "jobs: records._records[1].submitted.seed",
        "jobs: records._records[1].state",
        "jobs: records._records[1].checkpoints[0].sha256",
        "jobs: records._records, key 1",
        "schedule: agenda._entries[0][0]",
        "events: disabled, member 5",
        "storage: _states[1].confirmed._starts[0]",
        "commands: executed._entries[Identity][0].data",
        "time: kept.tai_ns",
    } <= struck


def test_equal_chance_strikes_alike(ledger, tmp_path):
    other = Ledger(RealDisk(tmp_path))
    for name in books_with_values(ledger._books):
        book, twin = ledger._books[name], other._books[name]
        assert strike_book(book, np.random.default_rng(3)) == strike_book(twin, np.random.default_rng(3))
        assert seal_of(book) == seal_of(twin)


def test_a_book_that_holds_nothing_cannot_be_struck(tmp_path):
    books = Ledger(RealDisk(tmp_path))._books
    assert strike_book(books["events"], np.random.default_rng(1)) is None
    assert "events" not in books_with_values(books)


def held_by(book):
    """Give all that a book of sealed parts holds, as text."""
    return str([vars(part) for part in vars(book).values()])


def test_a_book_whose_key_was_struck_where_it_lies_can_be_struck_again(ledger):
    book = ledger._books["commands"]
    key = next(iter(book.executed))
    msgspec.structs.force_setattr(key, "sequence_count", 4101)
    assert "commands" in books_with_values(ledger._books)
    count, held = len(book.executed), held_by(book)
    struck = set()
    for seed in range(STRIKES):
        struck.add(strike_book(book, np.random.default_rng(seed)))
        assert held_by(book) != held
        assert len(book.executed) == count
        held = held_by(book)
    assert {"executed._entries[Identity][0].data", "executed._entries, key Identity.sequence_count"} <= struck
    with pytest.raises(StruckBookError, match="book of commands"):
        ledger.verify()
