"""The agenda: keys come in the order of their times, and what was struck in memory never comes as if it were whole."""

import heapq

import pytest

from flight.autonomy.agenda import Agenda
from flight.books.seal import StruckBookError
from tests.flight.struck_memory import flip, fresh

NS = 10**18
KEY = 10**12


@pytest.fixture
def agenda():
    """Five keys, due one after the other, each number an object of its own as those of the journal are."""
    agenda = Agenda()
    for number in range(5):
        agenda.put(fresh(KEY + number), fresh(NS + number))
    return agenda


def test_keys_come_in_the_order_of_their_times_and_those_of_one_time_as_they_were_put(agenda):
    agenda.put(KEY + 9, NS)
    agenda.put(KEY + 3, NS - 1)
    agenda.drop(KEY + 1)
    agenda.drop(KEY + 77)
    assert agenda.due(NS + 9, 9) == [KEY + number for number in (3, 0, 9, 2, 4)]
    assert agenda.due(NS, 2) == [KEY + 3, KEY]
    assert agenda.first() == (NS - 1, KEY + 3)
    assert (len(agenda), KEY + 1 in agenda, KEY + 3 in agenda) == (5, False, True)
    assert agenda.times == {KEY: NS, KEY + 2: NS + 2, KEY + 3: NS - 1, KEY + 4: NS + 4, KEY + 9: NS}
    assert agenda.is_whole()


def test_an_agenda_stays_whole_over_a_thousand_moves_and_as_short_as_what_is_in_it(agenda):
    for number in range(1000):
        agenda.put(KEY + number % 7, NS + number * 7919 % 1000)
        agenda.drop(KEY + number % 5)
        assert agenda.is_whole()
    assert len(agenda._entries) <= 64


@pytest.mark.parametrize("part", ["key", "due", "order"])
def test_a_number_that_is_struck_where_it_lies_is_struck_for_heap_and_account_and_is_found(agenda, part):
    entry = agenda._entries[0]
    if part == "order":  # Small ones are shared by all that runs.
        agenda = Agenda()
        agenda._order = fresh(1 << 40)
        agenda.put(KEY, NS)
        entry = agenda._entries[0]
    flip({"due": entry[0], "order": entry[1], "key": entry[2]}[part])
    with pytest.raises(StruckBookError, match="on the agenda as it was put there"):
        agenda.first()
    assert not agenda.is_whole()


def test_a_later_time_that_is_struck_does_not_let_its_key_come_due(agenda):
    flip(next(entry[0] for entry in agenda._entries if entry[2] == KEY + 2))
    with pytest.raises(StruckBookError, match=f"key {KEY + 2} on the agenda"):
        agenda.due(NS + 99, 9)


def test_what_is_struck_is_not_taken_for_what_was_moved_and_put_away(agenda):
    flip(agenda._entries[0][0])
    with pytest.raises(StruckBookError, match=f"key {KEY} on the agenda"):
        agenda.drop(KEY + 3)


def test_a_key_that_is_gone_from_heap_and_account_is_missed(agenda):
    del agenda._current[KEY + 2]
    agenda._entries = [entry for entry in agenda._entries if entry[2] != KEY + 2]
    heapq.heapify(agenda._entries)
    assert not agenda.is_whole()


def test_a_key_that_is_gone_from_the_heap_alone_is_missed(agenda):
    agenda._entries = [entry for entry in agenda._entries if entry[2] != KEY + 2]
    heapq.heapify(agenda._entries)
    assert not agenda.is_whole()


def test_a_time_that_is_struck_in_the_heap_alone_is_found(agenda):
    due_ns, order, key = agenda._entries[3]
    agenda._entries[3] = (due_ns ^ 1 << 40, order, key)
    assert not agenda.is_whole()


def test_a_time_that_is_struck_in_the_account_alone_is_found(agenda):
    due_ns, order, digest = agenda._current[KEY + 3]
    agenda._current[KEY + 3] = (due_ns ^ 1 << 40, order, digest)
    assert not agenda.is_whole()


def test_an_account_that_is_struck_does_not_make_what_comes_first_one_that_was_moved(agenda):
    due_ns, order, digest = agenda._current[KEY]
    agenda._current[KEY] = (due_ns, order ^ 1, digest)
    agenda.drop(KEY + 3)
    assert agenda.first() == (NS, KEY)
    assert not agenda.is_whole()


def test_a_sum_that_is_struck_is_found(agenda):
    agenda._sum ^= 1 << 50
    assert not agenda.is_whole()
