"""Replies are put together from pieces in any order, and what is whole is known by its digest."""

import hashlib
import itertools

from ccsds.cop1.fop import Service
from ground.archive.archive import Archive
from ground.archive.history import History
from ground.conversations import CONVERSATIONS_KEPT_MAX, GAP, TURNS_KEPT_MAX, ConversationBook, recall
from ground.events import CommandIssued, CommandStaged, Stage

TEXT = ["To be, ", "or not ", "to be"]
WHOLE = "".join(TEXT)


def chunk(sequence, attempt=1, text=None, turn=1, conversation=4):
    return (
        "reply_chunk",
        {
            "conversation": conversation,
            "turn": turn,
            "attempt": attempt,
            "sequence": sequence,
            "text": TEXT[sequence] if text is None else text,
        },
    )


def end(attempt=1, turn=1, text=WHOLE):
    digest = hashlib.sha256(text.encode()).digest()
    return (
        "reply_end",
        {"conversation": 4, "turn": turn, "attempt": attempt, "chunks": 3, "end": "LENGTH", "sha256": digest},
    )


def told(*reports):
    book = ConversationBook()
    for name, values in reports:
        book.note(name, values, 0)
    return book.reply(4, 1)


def test_the_pieces_add_up_in_whatever_order_they_come():
    for reports in itertools.permutations([chunk(0), chunk(1), chunk(2), end()]):
        reply = told(*reports, chunk(1))  # One is played back besides.
        assert (reply["reply"], reply["is_whole"]) == (WHOLE, True)


def test_a_gap_is_seen():
    reply = told(chunk(0), chunk(2), end())
    assert (reply["reply"], reply["is_whole"]) == (f"To be, {GAP}to be", False)
    assert told(chunk(0), chunk(1), end())["reply"].endswith(GAP)


def test_a_reply_is_not_whole_before_its_end_or_with_other_words():
    assert not told(chunk(0), chunk(1), chunk(2))["is_whole"]
    assert not told(chunk(0), chunk(1), chunk(2, text="to bee"), end())["is_whole"]


def test_what_is_begun_anew_replaces_what_came_before():
    reply = told(chunk(0, text="Tx be"), chunk(1), chunk(0, 2), chunk(1, 2), chunk(2, 2), end(2), chunk(1, 1, "late"))
    assert (reply["reply"], reply["is_whole"], reply["attempt"]) == (WHOLE, True, 2)


def test_a_prompt_is_known_from_its_command():
    book = ConversationBook()
    book.prompted("chat.prompt", {"conversation": 4, "turn": 2, "text": "What is the question?"})
    book.prompted("job.pause", {"job_id": 4})
    assert book.reply(4, 2)["prompt"] == "What is the question?"
    assert book.last_turn(4) == 2
    assert book.reply(4, 1) is None


def test_memory_is_bounded():
    book = ConversationBook()
    for conversation in range(1, CONVERSATIONS_KEPT_MAX + 9):
        book.note(*chunk(0, conversation=conversation), 0)
    for turn in range(1, TURNS_KEPT_MAX + 9):
        book.note(*chunk(0, turn=turn, conversation=99), 0)
    snapshot = book.snapshot()
    assert len(snapshot) == CONVERSATIONS_KEPT_MAX
    assert [len(snapshot["99"]), snapshot["99"][0]["turn"]] == [TURNS_KEPT_MAX, 9]
    assert "1" not in snapshot


def test_a_prompt_that_comes_after_its_reply_is_another_and_not_shown():
    book = ConversationBook()
    book.prompted("chat.prompt", {"conversation": 4, "turn": 1, "text": "too long"})
    book.prompted("chat.prompt", {"conversation": 4, "turn": 1, "text": "To be?"})
    name, values = chunk(0)
    book.note(name, values, 0)
    book.prompted("chat.prompt", {"conversation": 4, "turn": 1, "text": "again"})
    assert book.reply(4, 1)["prompt"] == "To be?"


def test_a_prompt_that_was_refused_is_not_recalled(tmp_path):
    archive = Archive.open(tmp_path / "archive.sqlite", draw_source_id=lambda: 5, unix_ns=0)
    for number, (text, stage) in enumerate([("To be?", Stage.COMPLETED), ("again", Stage.REFUSED)], start=1):
        given = CommandIssued(
            time_ns=0,
            command_id=number,
            name="chat.prompt",
            arguments={"conversation": 4, "turn": 1, "text": text},
            service=Service.AD,
            source_id=5,
            sequence_count=number,
            octets=b"octets",
        )
        ended = CommandStaged(
            time_ns=0, command_id=number, name=given.name, sequence_count=number, stage=stage, attempt=1
        )
        archive.record([given, ended], 0)
    archive.close()
    history = History.open(tmp_path / "archive.sqlite")
    assert recall(history).reply(4, 1)["prompt"] == "To be?"
    history.close()
