"""What the station knows of the conversations with the model on board, and of the models themselves.

Prompts are known from the commands that carried them; replies come in pieces, live or played back, in any order, and
are put together by number. A reply that was begun anew replaces what came of the attempt before it. It is filled from
what the station does and hears, never asks for anything, and its memory is bounded.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ground.archive.history import History
from ground.events import Stage, plain

PROMPT = "chat.prompt"
CHUNK = "reply_chunk"
END = "reply_end"
MODELS = "model_report"

# More than are remembered on board; beyond them the conversation, and the turn, that is the oldest is forgotten here.
CONVERSATIONS_KEPT_MAX = 64
TURNS_KEPT_MAX = 256

# Commands, and packets of replies, that a station looks through when it starts anew.
RECALLED_MAX = 4_096

# What stands for pieces that did not come.
GAP = " […] "


@dataclass(slots=True)
class _Turn:
    prompt: str | None = None
    """None if another station gave it."""
    attempt: int = 0
    pieces: dict[int, str] = field(default_factory=dict)
    end: dict[str, Any] | None = None

    def text(self) -> str:
        """Give what came of the reply, with gaps where pieces are missing."""
        text, expected = "", 0
        for sequence, piece in sorted(self.pieces.items()):
            text += piece if sequence == expected else GAP + piece
            expected = sequence + 1
        return text + (GAP if self.end is not None and expected < self.end["chunks"] else "")

    @property
    def is_whole(self) -> bool:
        """Whether every piece came, and they are what was written."""
        if self.end is None or len(self.pieces) != self.end["chunks"]:
            return False
        return hashlib.sha256(self.text().encode()).hexdigest() == _hexadecimal(self.end["sha256"])


class ConversationBook:
    """All conversations that were heard of."""

    def __init__(self) -> None:
        self._conversations: OrderedDict[int, OrderedDict[int, _Turn]] = OrderedDict()
        self._models: dict[str, Any] | None = None
        self._models_tai_ns = 0

    def prompted(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Take in a command that the station gave; those that are no prompts are left aside.

        Once something of a reply came, what it answers is known: another prompt of its number will be refused.
        """
        if name == PROMPT:
            turn = self._turn(arguments["conversation"], arguments["turn"])
            if turn.prompt is None or not (turn.pieces or turn.end):
                turn.prompt = arguments["text"]

    def note(self, name: str, values: Mapping[str, Any], tai_ns: int) -> None:
        """Take in a report; those that are about no conversation and no models are left aside."""
        if name == MODELS and tai_ns >= self._models_tai_ns:
            self._models, self._models_tai_ns = plain(dict(values)), tai_ns
        if name not in (CHUNK, END):
            return
        turn = self._turn(values["conversation"], values["turn"])
        if values["attempt"] < turn.attempt:
            return
        if values["attempt"] > turn.attempt:
            turn.attempt, turn.end = values["attempt"], None
            turn.pieces.clear()
        if name == CHUNK:
            turn.pieces[values["sequence"]] = values["text"]
        else:
            turn.end = plain(dict(values))

    def reply(self, conversation: int, turn: int) -> dict[str, Any] | None:
        """Give what is known of one turn, in plain values; None if nothing is."""
        known = self._conversations.get(conversation, {}).get(turn)
        return None if known is None else _plain_turn(turn, known)

    def last_turn(self, conversation: int) -> int:
        """Give the number of the latest turn that was heard of, 0 if there is none."""
        return max(self._conversations.get(conversation, {}), default=0)

    def snapshot(self) -> dict[str, list[dict[str, Any]]]:
        """Give all conversations by their numbers, each with its turns in order, in plain values."""
        return {
            str(number): [_plain_turn(turn, known) for turn, known in sorted(turns.items())]
            for number, turns in sorted(self._conversations.items())
        }

    @property
    def models(self) -> dict[str, Any] | None:
        """The latest report of models, in plain values."""
        return self._models

    def _turn(self, conversation: int, turn: int) -> _Turn:
        turns = self._conversations.setdefault(conversation, OrderedDict())
        self._conversations.move_to_end(conversation)
        if len(self._conversations) > CONVERSATIONS_KEPT_MAX:
            self._conversations.popitem(last=False)
        known = turns.setdefault(turn, _Turn())
        if len(turns) > TURNS_KEPT_MAX:
            del turns[min(turns)]
        return known


def recall(history: History) -> ConversationBook:
    """Give the conversations that an archive holds, as far back as is looked.

    Raises:
        MalformedError: The archive is damaged.
    """
    book = ConversationBook()
    for command in reversed(history.commands(RECALLED_MAX)):
        if command.stage is not Stage.REFUSED:
            book.prompted(command.name, command.arguments)
    for name in (CHUNK, END, MODELS):
        for packet in reversed(history.packets(name, RECALLED_MAX)):
            book.note(name, packet.values, packet.tai_ns)
    return book


def _plain_turn(number: int, turn: _Turn) -> dict[str, Any]:
    return {
        "turn": number,
        "prompt": turn.prompt,
        "reply": turn.text(),
        "attempt": turn.attempt,
        "is_whole": turn.is_whole,
        "end": turn.end,
    }


def _hexadecimal(digest: str | bytes) -> str:
    return digest.hex() if isinstance(digest, bytes) else digest
