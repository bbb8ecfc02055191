"""The latest word of each job: what comes live counts, and what is played back only if it is later on board."""

import pytest

from hil.latest_word import LatestWord


def live(tai_ns):
    return {"tai_ns": tai_ns, "stored": None}


def played_back(tai_ns):
    return {"tai_ns": tai_ns, "stored": {"store": "events"}}


@pytest.fixture
def word():
    return LatestWord()


def test_nothing_is_known_of_a_job_that_was_not_heard_of(word):
    assert word.hear(1, "RUNNING", live(10))
    assert (word.state(1), word.state(2)) == ("RUNNING", None)


def test_each_job_has_a_word_of_its_own(word):
    assert word.hear(1, "DONE", live(10))
    assert word.hear(2, "RUNNING", played_back(5))
    assert (word.state(1), word.state(2)) == ("DONE", "RUNNING")


def test_what_comes_live_counts_though_the_clock_was_set_back(word):
    assert word.hear(1, "RUNNING", live(1_000))
    assert word.hear(1, "PAUSED", live(10))
    assert word.state(1) == "PAUSED"


def test_what_is_played_back_counts_if_it_is_later_on_board(word):
    assert word.hear(1, "QUEUED", live(10))
    assert word.hear(1, "RUNNING", played_back(20))
    assert not word.hear(1, "STARTING", played_back(19))
    assert word.state(1) == "RUNNING"


@pytest.mark.parametrize("end", ["DONE", "FAILED", "CANCELLED"])
def test_of_two_words_of_one_instant_the_end_is_the_later(word, end):
    assert word.hear(1, end, live(10))
    assert not word.hear(1, "RUNNING", played_back(10))
    assert word.state(1) == end
    assert word.hear(2, "RUNNING", live(10))
    assert word.hear(2, end, played_back(10))
    assert word.state(2) == end


@pytest.mark.parametrize("end", ["DONE", "CANCELLED"])
def test_nothing_comes_after_the_end_though_the_clock_was_set_back_before_it(word, end):
    assert word.hear(1, "RUNNING", live(1_000))
    assert word.hear(1, end, live(10))
    assert not word.hear(1, "RUNNING", played_back(1_001))
    assert word.state(1) == end


def test_a_report_of_the_end_that_is_played_back_is_news_as_long_as_none_later_was_heard(word):
    assert word.hear(1, "DONE", live(10))
    assert word.hear(1, "DONE", played_back(10))
    assert not word.hear(1, "DONE", played_back(9))


def test_a_job_that_failed_may_go_on(word):
    assert word.hear(1, "FAILED", live(10))
    assert word.hear(1, "RUNNING", played_back(11))
    assert word.state(1) == "RUNNING"


def test_what_was_heard_until_a_job_was_told_to_go_on_is_over(word):
    assert word.hear(1, "FAILED", live(10))
    word.note_live(live(20))
    word.forget(1)
    assert word.state(1) is None
    assert not word.hear(1, "FAILED", played_back(10))
    assert not word.hear(1, "FAILED", played_back(20))
    assert word.hear(1, "RUNNING", played_back(21))


def test_what_is_over_goes_by_the_latest_word_where_that_is_later_than_all_that_came_live(word):
    word.note_live(live(5))
    assert word.hear(1, "FAILED", played_back(30))
    word.note_live(played_back(40))
    word.forget(1)
    assert not word.hear(1, "FAILED", played_back(30))
    assert word.hear(1, "QUEUED", played_back(31))


def test_events_without_an_on_board_time_tell_nothing_of_it(word):
    word.note_live(live(20))
    word.note_live({"type": "LinkChanged"})
    word.note_live({"type": "CommandStaged", "tai_ns": None})
    word.forget(1)
    assert not word.hear(1, "FAILED", played_back(20))
    assert word.hear(1, "FAILED", played_back(21))
