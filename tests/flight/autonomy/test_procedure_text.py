"""The text of a procedure: what can be said, and where the first fault is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.errors import MalformedError
from flight.procedures.text import End, Repeat, Send, Wait, WaitFor, read_procedure
from mission.definition import DICTIONARY
from mission.procedures import EXECUTED_STEPS_MAX, NESTING_MAX, STEPS_MAX, TEXT_OCTETS_MAX, OnFailure, OnReboot

SECOND = 1_000_000_000
GOOD = """\
# A good one.
priority 3
on_reboot continue   # as said
on_failure continue

send job.submit job_id=1 recipe=tiny corpus=text overrides="max_steps = 3 # none"
wait 1.5s
repeat 3
  repeat 2
    send test.connection
  end
  wait_for job_loss <= 2.5 within 5min
end
"""


def read(text):
    return read_procedure(text.encode(), DICTIONARY)


def test_a_procedure_says_what_is_done_in_which_order():
    procedure = read(GOOD)
    assert (procedure.priority, procedure.on_reboot, procedure.on_failure) == (3, OnReboot.CONTINUE, OnFailure.CONTINUE)
    submit, wait, outer, inner, test, inner_end, condition, outer_end = procedure.steps
    assert isinstance(submit, Send)
    assert submit.arguments["overrides"] == "max_steps = 3 # none"
    assert submit.data == submit.command.arguments.encode(submit.arguments)
    assert wait == Wait(7, 1_500_000_000)
    assert (outer, inner) == (Repeat(8, 3), Repeat(9, 2))
    assert isinstance(test, Send)
    assert (inner_end, outer_end) == (End(11, 3), End(13, 2))
    assert isinstance(condition, WaitFor)
    assert (condition.parameter.name, condition.comparison, condition.value) == ("job_loss", "<=", 2.5)
    assert condition.timeout_ns == 300 * SECOND


def test_what_is_not_said_is_the_careful_choice():
    procedure = read("send test.connection")
    assert (procedure.priority, procedure.on_reboot, procedure.on_failure) == (0, OnReboot.ABORT, OnFailure.ABORT)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1, column 1: expected a step, found none"),
        ("# nothing\n", "line 2, column 1: expected a step, found none"),
        ("  jump 3", "line 1, column 3: expected one of send, wait, wait_for, repeat, end"),
        ("wait 1s\npriority 2", "line 2, column 1: expected each setting once, before the first step"),
        ("priority 2\npriority 3", "line 2, column 1: expected each setting once"),
        ("priority 8", "line 1, column 10: expected 0 | 1 | 2"),
        ("on_reboot maybe", "line 1, column 11: expected abort | continue, found 'maybe'"),
        ("on_failure", "line 1, column 11: expected abort | continue, found the end of the line"),
        ("send", "line 1, column 5: expected the name of a command, found the end of the line"),
        ("send job.sumbit", "line 1, column 6: expected a command of the dictionary, found 'job.sumbit'"),
        ("send test.connection now", "line 1, column 22: expected name=value"),
        ("send job.pause job_id=1 job_id=2", "line 1, column 25: expected name=value, each name once"),
        ("send job.pause job_id=one", "line 1, column 16: job_id: expected uint32, found 'one'"),
        ("send job.pause job_id=0", "line 1, column 16: job_id: expected 1 or more, found 0"),
        ("send job.pause  id=1", "line 1, column 17: unknown field 'id': expected job_id"),
        ("send job.pause", "line 1, column 6: job_id: expected a value, found none"),
        ("send job.submit job_id=1 recipe='a", "line 1, column 33: expected name=value"),
        ("wait", "line 1, column 5: expected a duration such as 30s, found the end of the line"),
        ("wait 3", "line 1, column 6: expected a duration such as 30s, 500ms, 5min or 2h, found '3'"),
        ("wait 0s", "line 1, column 6: expected a duration of up to"),
        ("wait 721h", "line 1, column 6: expected a duration of up to"),
        ("wait 3s 4s", "line 1, column 9: expected the end of the line, found '4s'"),
        ("wait_for job_los < 2 within 3s", "line 1, column 10: expected a parameter of the dictionary"),
        ("wait_for job_loss = 2 within 3s", "line 1, column 19: expected one of == != < <= > >="),
        ("wait_for job_loss < low within 3s", "line 1, column 21: expected a value of job_loss"),
        ("wait_for job_loss < 2 in 3s", "line 1, column 23: expected within, found 'in'"),
        ("wait_for job_loss < 2", "line 1, column 22: expected a condition such as"),
        ("repeat 0\nwait 1s\nend", "line 1, column 8: expected a number from 1 to 1000"),
        ("repeat 3\nwait 1s", "line 1, column 1: expected an `end` for this repeat, found none up to line 2"),
        ("repeat 3\nend", "line 1, column 1: expected a step in this repeat, found none"),
        ("wait 1s\nend", "line 2, column 1: expected a repeat before this end, found none"),
        ("repeat 2\n" * (NESTING_MAX + 1), f"line {NESTING_MAX + 1}, column 1: expected at most {NESTING_MAX} repeats"),
        ("wait 1s\n" * (STEPS_MAX + 1), f"line {STEPS_MAX + 1}, column 1: expected at most {STEPS_MAX} steps"),
        ("repeat 1000\nrepeat 1000\nwait 1s\nend\nend", f"line 5, column 1: expected at most {EXECUTED_STEPS_MAX}"),
        ("#" * (TEXT_OCTETS_MAX + 1), f"line 1, column 1: expected at most {TEXT_OCTETS_MAX} octets"),
    ],
)
def test_the_first_fault_is_told_with_its_line_and_column(text, fault):
    with pytest.raises(MalformedError) as raised:
        read(text)
    assert str(raised.value).startswith(fault)


def test_octets_that_are_no_text_are_told_with_their_place():
    with pytest.raises(MalformedError, match=r"^line 2, column 6: expected UTF-8, found"):
        read_procedure(b"wait 1s\nwait \xff", DICTIONARY)


@given(st.binary(max_size=60))
def test_any_octets_are_a_procedure_or_a_fault_with_a_place(octets):
    try:
        assert read_procedure(octets, DICTIONARY).steps
    except MalformedError as error:
        assert str(error).startswith("line ")


WORDS = st.sampled_from(
    [*GOOD.split(), "\n", "\n", '"', "=", "repeat 2", "\nend\n", "\nsend test.connection\n", "9" * 400, "1e999", "'"]
)


@given(st.lists(WORDS, max_size=30).map(" ".join))
def test_any_words_are_a_procedure_or_a_fault_with_a_place(text):
    try:
        assert read(text).steps
    except MalformedError as error:
        assert str(error).startswith("line ")
