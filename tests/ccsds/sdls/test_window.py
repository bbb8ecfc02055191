"""The anti-replay window, against a set of all that was accepted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.errors import MalformedError
from ccsds.sdls.association import AHEAD_FRAMES_MAX
from ccsds.sdls.window import Place, Receipt, ReplayWindow


def accept(window, *counters):
    for counter in counters:
        assert window.place(counter) is Place.NEW
        window.accept(counter)


def test_counters_in_order_are_accepted_once():
    window = ReplayWindow(8)
    accept(window, 0, 1, 2, 3)
    assert [window.place(counter) for counter in range(5)] == [Place.SEEN] * 4 + [Place.NEW]


def test_counters_out_of_order_are_accepted_once_inside_the_window():
    window = ReplayWindow(8)
    accept(window, 10, 3, 9, 5)
    assert [window.place(counter) for counter in (10, 3, 9, 5)] == [Place.SEEN] * 4
    accept(window, 4, 6, 7, 8)


def test_what_is_behind_the_window_is_refused_even_if_it_never_came():
    window = ReplayWindow(8)
    accept(window, 10)
    assert window.place(3) is Place.NEW
    assert window.place(2) is Place.BEHIND


def test_an_empty_window_takes_any_counter_and_another_none_that_is_absurdly_far_ahead():
    window = ReplayWindow(8)
    assert window.place(1 << 39) is Place.NEW
    accept(window, 5)
    assert window.place(5 + AHEAD_FRAMES_MAX) is Place.NEW
    assert window.place(6 + AHEAD_FRAMES_MAX) is Place.AHEAD


def test_a_long_jump_forgets_what_was_in_the_window():
    window = ReplayWindow(8)
    accept(window, 0, 1, 1 << 32)
    assert window.place(1) is Place.BEHIND
    accept(window, (1 << 32) - 7)


@given(st.lists(st.integers(0, 60), max_size=120), st.integers(1, 16), st.integers(0, 120))
def test_it_accepts_what_a_set_would_and_a_restored_one_does_so_too(counters, frames, restart):
    window = ReplayWindow(frames)
    accepted, highest = set(), -1
    for index, counter in enumerate(counters):
        if index == restart and accepted:
            receipt = window.receipt(1)
            window = ReplayWindow(frames)
            window.restore(receipt)
        is_new = counter not in accepted and (not accepted or counter > highest - frames)
        assert (window.place(counter) is Place.NEW) == is_new
        if is_new:
            window.accept(counter)
            accepted.add(counter)
            highest = max(highest, counter)
    assert window.highest == highest


@given(st.lists(st.integers(0, 40), min_size=1), st.lists(st.integers(0, 40), min_size=1), st.integers(1, 16))
def test_two_receipts_restored_in_any_order_refuse_what_either_has_accepted(first, second, frames):
    receipts = []
    for counters in (first, second):
        window = ReplayWindow(frames)
        for counter in counters:
            if window.place(counter) is Place.NEW:
                window.accept(counter)
        receipts.append(window.receipt(1))
    for order in (receipts, receipts[::-1]):
        restored = ReplayWindow(frames)
        for receipt in order:
            restored.restore(receipt)
        assert restored.highest == max(first + second)
        assert Place.NEW not in {restored.place(each.highest) for each in receipts}


@pytest.mark.parametrize("receipt", [Receipt(1, -1, b"\1"), Receipt(1, 5, b""), Receipt(1, 5, bytes(513))])
def test_a_receipt_that_no_window_gives_is_refused(receipt):
    with pytest.raises(MalformedError, match="receipt of SPI 1: expected"):
        ReplayWindow(8).restore(receipt)


def test_a_receipt_ahead_stands_for_all_before_it_and_for_counters_that_never_came():
    window = ReplayWindow(64)
    window.accept(100)
    restored = ReplayWindow(64)
    restored.restore(window.receipt(7).ahead(20))
    assert [restored.place(counter) for counter in (50, 57, 99, 100, 101, 120)] == [Place.BEHIND] + [Place.SEEN] * 5
    assert restored.place(121) is Place.NEW
    assert window.receipt(7).ahead(0) == window.receipt(7)
