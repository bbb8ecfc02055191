"""Conversations with the model on board, put together of prompts that went up and pieces of replies that came down.

A reply that is begun anew on board makes what came of it before void. Pieces may come in any order, and twice.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ground.archive.history import CommandRecord
from ground.events import CommandIssued, CommandStaged, Stage

PROMPT = "chat.prompt"
CHUNK = "reply_chunk"
END = "reply_end"

# What the spacecraft says of the model that it serves.
_SERVED = {"model_served", "model_activated"}
_NOT_SERVED = {"model_refused", "model_rolled_back"}

# Turns of all conversations; what is older is in the archive.
TURNS_MAX = 500


@dataclass(slots=True)
class Turn:
    """One prompt and what came of it."""

    conversation: int
    turn: int
    prompt: str = ""
    asked_unix_ns: int | None = None
    released_unix_ns: int | None = None
    accepted_unix_ns: int | None = None
    first_unix_ns: int | None = None
    """When the first piece of the reply came."""
    ended_unix_ns: int | None = None
    stage: Stage | None = None
    refusal: str = ""
    attempt: int = 0
    pieces: dict[int, str] = field(default_factory=dict)
    end: Mapping[str, Any] | None = None

    @property
    def text(self) -> str:
        """The reply as far as it came, with a mark where a piece is missing."""
        if not self.pieces:
            return ""
        last = max(self.pieces)
        return "".join(self.pieces.get(each, "[…]") for each in range(last + 1))

    @property
    def missing(self) -> int:
        """Pieces that are known to be missing."""
        wanted = self.end["chunks"] if self.end is not None else max(self.pieces, default=-1) + 1
        return wanted - len(self.pieces)


class Talk:
    """All conversations."""

    def __init__(self) -> None:
        self._turns: OrderedDict[tuple[int, int], Turn] = OrderedDict()
        self._asked: dict[int, tuple[int, int]] = {}
        self.revision = 0
        self.model = ""
        """The model that is served, as far as an event has told; empty if none has."""
        self.model_slot = ""
        """Its slot, as far as an event has told."""
        self.model_trouble = ""
        """Why the latest one is not served, if it is not."""

    @property
    def conversations(self) -> list[int]:
        """Their numbers, in order."""
        return sorted({conversation for conversation, _ in self._turns})

    def turns(self, conversation: int) -> list[Turn]:
        """Give the turns of a conversation, in order."""
        return [self._turns[key] for key in sorted(self._turns) if key[0] == conversation]

    def command(self, event: CommandIssued | CommandStaged, unix_ns: int) -> None:
        """Take in a prompt that goes up, and what becomes of it."""
        if event.name != PROMPT:
            return
        self.revision += 1
        if isinstance(event, CommandIssued):
            self._ask(event.command_id, event.arguments, unix_ns)
        elif event.command_id in self._asked:
            turn = self._turn(*self._asked[event.command_id])
            turn.stage = event.stage
            if event.stage is Stage.RELEASED and turn.released_unix_ns is None:
                turn.released_unix_ns = unix_ns
            if event.stage >= Stage.ACCEPTED and turn.accepted_unix_ns is None:
                turn.accepted_unix_ns = unix_ns
            if event.stage in (Stage.REFUSED, Stage.FAILED, Stage.LOST):
                turn.refusal = event.text or event.stage.name

    def recall_prompt(self, record: CommandRecord) -> None:
        """Take in a prompt that the archive kept; other commands are left aside."""
        if record.name == PROMPT:
            self._ask(record.command_id, record.arguments, record.unix_ns)

    def report(self, name: str, values: Mapping[str, Any], unix_ns: int) -> None:
        """Take in a piece of a reply, or its end; other reports are left aside."""
        if name not in (CHUNK, END):
            return
        self.revision += 1
        turn = self._turn(values["conversation"], values["turn"])
        if values["attempt"] < turn.attempt:
            return
        if values["attempt"] > turn.attempt:
            turn.attempt, turn.end = values["attempt"], None
            turn.pieces.clear()
        if name == CHUNK:
            turn.first_unix_ns = turn.first_unix_ns or unix_ns
            turn.pieces[values["sequence"]] = values["text"]
        else:
            turn.end, turn.ended_unix_ns = values, unix_ns

    def event(self, name: str, values: Mapping[str, Any]) -> None:
        """Take in what the spacecraft says of its model; other events are left aside."""
        if name in _SERVED:
            self.model, self.model_trouble = values["name"], ""
            self.model_slot = getattr(values["slot"], "name", str(values["slot"]))
        elif name in _NOT_SERVED:
            self.model_trouble = f"{values['name']}: {values['reason']}"
            if name == "model_rolled_back":
                self.model = ""

    def _ask(self, command_id: int, arguments: Mapping[str, Any], unix_ns: int) -> None:
        turn = self._turn(arguments["conversation"], arguments["turn"])
        turn.prompt, turn.asked_unix_ns, turn.stage = arguments["text"], unix_ns, Stage.QUEUED
        self._asked[command_id] = (turn.conversation, turn.turn)

    def _turn(self, conversation: int, number: int) -> Turn:
        key = (conversation, number)
        if key not in self._turns:
            self._turns[key] = Turn(conversation, number)
            while len(self._turns) > TURNS_MAX:
                self._turns.popitem(last=False)
        return self._turns[key]
