"""Conversations as the console puts them together: pieces in any order, replies begun anew, prompts that wait."""

import itertools

import pytest

from ccsds.cop1.fop import Service
from ground.console.talk import CHUNK, END, PROMPT, Talk
from ground.events import CommandIssued, CommandStaged, Stage

ARGUMENTS = {"conversation": 7, "turn": 1, "text": "who are you?"}


def asked() -> Talk:
    talk = Talk()
    talk.command(
        CommandIssued(
            time_ns=0, command_id=3, name=PROMPT, arguments=ARGUMENTS, service=Service.AD, source_id=1,
            sequence_count=0, octets=b"",
        ),
        1_000,
    )  # fmt: skip
    return talk


def staged(talk: Talk, stage: Stage, unix_ns: int, text: str = "") -> None:
    talk.command(
        CommandStaged(time_ns=0, command_id=3, name=PROMPT, sequence_count=0, stage=stage, attempt=1, text=text),
        unix_ns,
    )


def piece(talk: Talk, sequence: int, text: str, attempt: int = 1) -> None:
    talk.report(CHUNK, {"conversation": 7, "turn": 1, "attempt": attempt, "sequence": sequence, "text": text}, 5_000)


def ended(talk: Talk, chunks: int, attempt: int = 1) -> None:
    talk.report(END, {"conversation": 7, "turn": 1, "attempt": attempt, "chunks": chunks}, 9_000)


def test_a_prompt_is_there_before_it_leaves():
    (turn,) = asked().turns(7)
    assert (turn.prompt, turn.stage, turn.released_unix_ns, turn.text) == ("who are you?", Stage.QUEUED, None, "")


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_pieces_come_in_any_order(order):
    talk = asked()
    for place in order:
        piece(talk, place, "abc"[place])
        piece(talk, place, "abc"[place])
    ended(talk, 3)
    assert (talk.turns(7)[0].text, talk.turns(7)[0].missing) == ("abc", 0)


def test_what_is_missing_is_said():
    talk = asked()
    piece(talk, 2, "c")
    assert (talk.turns(7)[0].text, talk.turns(7)[0].missing) == ("[…][…]c", 2)


def test_a_reply_that_is_begun_anew_makes_the_first_one_void():
    talk = asked()
    piece(talk, 0, "old")
    piece(talk, 1, "and longer")
    piece(talk, 0, "new", attempt=2)
    piece(talk, 1, "late", attempt=1)
    assert talk.turns(7)[0].text == "new"


def test_the_round_trip_is_of_the_first_release_and_the_first_acceptance():
    talk = asked()
    staged(talk, Stage.RELEASED, 2_000)
    staged(talk, Stage.RELEASED, 3_000)
    staged(talk, Stage.ACCEPTED, 4_000)
    staged(talk, Stage.COMPLETED, 8_000)
    turn = talk.turns(7)[0]
    assert (turn.released_unix_ns, turn.accepted_unix_ns) == (2_000, 4_000)


def test_a_prompt_that_is_refused_says_why():
    talk = asked()
    staged(talk, Stage.REFUSED, 2_000, "no model is served")
    assert talk.turns(7)[0].refusal == "no model is served"


def test_the_model_that_is_served_is_known_from_what_the_spacecraft_says():
    talk = Talk()
    talk.event("model_activated", {"slot": "A", "name": "jobs/1/model.safetensors"})
    assert (talk.model, talk.model_slot, talk.model_trouble) == ("jobs/1/model.safetensors", "A", "")
    talk.event("model_refused", {"serving": "A", "name": "jobs/2/model.safetensors", "reason": "not served yet"})
    assert (talk.model, talk.model_trouble) == (
        "jobs/1/model.safetensors",
        "jobs/2/model.safetensors: not served yet",
    )
    talk.event("model_served", {"slot": "A", "name": "jobs/1/model.safetensors"})
    assert talk.model_trouble == ""
    talk.event("model_rolled_back", {"serving": "BUILT_IN", "name": "jobs/1/model.safetensors", "reason": "canary"})
    assert (talk.model, talk.model_trouble) == ("", "jobs/1/model.safetensors: canary")
    talk.event("job_changed", {"job_id": 1})
    assert talk.model_trouble == "jobs/1/model.safetensors: canary"
