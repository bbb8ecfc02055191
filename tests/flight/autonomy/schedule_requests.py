"""Requests to the schedule, and what waits in it, in the short form that its tests speak."""

from flight.services.schedule import key_of
from mission.channels import Apid

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
EPOCH = 10**18
SOURCE = 9


def key(sequence):
    return key_of(SOURCE, Apid.CORE, sequence)


def named(*sequences):
    return [{"source_id": SOURCE, "sequence_count": sequence} for sequence in sequences]


def at(board, sequence, after_s, kind="store", group=0):
    """Give a row of [11,4]: an act whose number and sequence count are the same."""
    packet = board.packet(f"act.{kind}", sequence, number=sequence)
    return {"group": group, "release_time": EPOCH + after_s * SECOND, "request": packet}


def relative(board, sequence, kind="store", **fields):
    return {"request": board.packet(f"act.{kind}", sequence, number=sequence), **fields}


def insert(board, *rows, **arguments):
    assert board.send("schedule.insert", activities=list(rows), **arguments) == ""


def waiting(board):
    assert board.send("schedule.summary_all") == ""
    return [row["sequence_count"] for row in board.answers[0]["activities"]]


def switched(board):
    return {number for number, is_on in board.ledger.housekeeping.items() if is_on}


def skips(events):
    return [(values["fate"], values["requests"]) for name, values in events if name == "activities_skipped"]
