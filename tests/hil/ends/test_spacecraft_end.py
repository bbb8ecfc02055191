"""What ends the flight software of a run: a strike of its memory, whatever asks for it, and what comes of that."""

import numpy as np
import pytest

from ccsds.cltu import cltu_encode
from hil.ends import spacecraft_end
from hil.scenario.scenario import parse_scenario
from hil.world import World

SECOND = 1_000_000_000
QUIET = """
name = "quiet"
duration_s = 200
[link]
profile = "sband"
[[procedure]]
wait_s = 190
"""


@pytest.fixture
def world(tmp_path):
    """A world whose spacecraft has run for a few seconds, and has told all that there was to tell."""
    world = World(parse_scenario(QUIET, "x"), 1, tmp_path, {}, lambda source, event: None)
    world.begin()
    world.go_on(5 * SECOND)
    assert world.spacecraft.take_events() == ()
    yield world
    world.close()


def strike(end, book="mode"):
    """Strike a book of which nobody makes anything until it is looked at each minute."""
    assert end.strike_memory(np.random.default_rng(1), book).startswith(f"the book of {book}, ")


def raise_in(end, error):
    """Have the core raise when it is called next."""

    def advance(now_ns):
        raise error

    end.core.advance = advance


def test_what_the_flight_software_told_before_an_exception_is_told(world):
    end = world.spacecraft
    strike(end)
    end.receive(cltu_encode(bytes(20)), world.now_ns)
    end.advance(61 * SECOND)
    assert not end.is_on
    assert [type(event).__name__ for event in end.take_events()] == ["Rejected"]
    assert not end.take_events()


def test_any_exception_ends_a_life_whose_memory_was_struck(world):
    end = world.spacecraft
    strike(end)
    raise_in(end, KeyError("struck"))
    end.advance(world.now_ns)
    assert (end.is_on, end.take_failure()) == (False, "KeyError: 'struck'")


def test_an_exception_of_a_life_whose_memory_was_not_struck_is_a_bug_and_comes_out(world):
    end = world.spacecraft
    raise_in(end, KeyError("bug"))
    with pytest.raises(KeyError, match="bug"):
        end.advance(world.now_ns)


def test_a_new_life_has_memory_that_was_not_struck(world):
    end = world.spacecraft
    strike(end)
    raise_in(end, KeyError("struck"))
    end.advance(world.now_ns)
    end.start(7 * SECOND)
    raise_in(end, KeyError("bug"))
    with pytest.raises(KeyError, match="bug"):
        end.advance(8 * SECOND)


def test_a_bug_in_keeping_an_exception_comes_out(world, monkeypatch):
    end = world.spacecraft
    strike(end)

    def note_crash(*arguments):
        raise ValueError("bug")

    monkeypatch.setattr(spacecraft_end, "note_crash", note_crash)
    with pytest.raises(ValueError, match="bug"):
        end.advance(61 * SECOND)


def test_power_may_go_while_an_exception_is_kept(world, monkeypatch):
    end = world.spacecraft
    strike(end)
    end.disk.cut_at(end.disk.operations + 1)
    raise_in(end, KeyError("struck"))
    end.advance(world.now_ns)
    assert not end.is_on
    assert end.take_cut().startswith("power was cut at disk operation")
    end.start(7 * SECOND)
    assert end.is_on


def test_a_clock_that_was_struck_cannot_be_put_forward(world):
    end = world.spacecraft
    strike(end, "time")
    end.jump_clock(7 * SECOND)
    assert not end.is_on
    assert end.take_failure().startswith("StruckBookError: expected the book of time as its last change left it")


def test_no_checkpoint_counts_by_a_book_of_jobs_that_was_struck(world):
    end = world.spacecraft
    end.core._ledger._jobs.device_resets += 1
    assert end.checkpoint_slot(1) is None
    assert not end.is_on
    assert end.take_failure().startswith("StruckBookError: expected the book of jobs as its last change left it")
