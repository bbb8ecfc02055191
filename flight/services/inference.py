"""Mission service [129] inference: prompts, conversations, and the models that answer. The server does the rest."""

import math
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any

from msgspec.structs import asdict

from ccsds.errors import MisuseError
from flight.books.inference import ConversationForgotten, HeldModel, Prompted, Turn
from flight.disk import Disk
from flight.inference import model_slots
from flight.inference.model_files import SUFFIX, models_in
from flight.inference.server import Server
from flight.inference.telling import chunks_of, end_report
from flight.parameters import ParameterPool
from flight.reporter import Reporter, clip_reason
from flight.services.mode import ModeService
from flight.services.service import Outcome
from flight.survival.mode import Trigger as ModeTrigger
from mission.dictionary import Command
from mission.inference import CONVERSATIONS_MAX, MODELS_LISTED_MAX, QUEUE_PROMPTS_MAX, ModelKind
from mission.schedule import Switch
from mission.slots import Slot

# What a model is told of the spacecraft, where it asks for it and the board knows: each is a parameter.
TELEMETRY = (
    "mode",
    "latitude",
    "longitude",
    "altitude",
    "eclipse_in",
    "sunlight_in",
    "battery_charge",
    "solar_power",
    "device_power",
    "device_temperature",
    "uptime",
)


class InferenceService:
    """Puts an operator's wishes to the server of models.

    Args:
        server: What serves models.
        reporter: Where reports go.
        mode: What lets models be served; a prompt that is queued here asks for it.
        pool: What the model may be told of the spacecraft.
        disk: The store.
    """

    number = 129

    def __init__(self, server: Server, reporter: Reporter, mode: ModeService, pool: ParameterPool, disk: Disk) -> None:
        self._server = server
        self._reporter = reporter
        self._mode = mode
        self._pool = pool
        self._disk = disk
        self._actions: dict[str, Callable[[Mapping[str, Any], int], Outcome]] = {
            "chat.prompt": self._prompt,
            "chat.stop": self._stop,
            "chat.list": self._list,
            "chat.forget": self._forget,
            "chat.repeat": self._repeat,
            "model.activate": self._activate,
            "model.roll_back": self._roll_back,
            "model.check": self._check,
            "model.report": self._report,
            "model.list": self._list_models,
        }

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        return self._actions[command.name](arguments, now_ns)

    def _prompt(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        book = self._server.book
        telemetry = self._describe(now_ns) if arguments["telemetry"] is Switch.ENABLED else ""
        said = {key: value for key, value in arguments.items() if key != "telemetry"}
        prompted = Prompted(**said, telemetry=telemetry)
        number, turn = prompted.conversation, prompted.turn
        if not (math.isfinite(prompted.temperature) and math.isfinite(prompted.top_p)):
            raise MisuseError("sampling: expected numbers, found not-a-number")
        conversation = book.conversations.get(number)
        if conversation is not None and turn in conversation.turns:
            known = conversation.turns[turn].prompted
            if asdict(known) | {"telemetry": ""} != asdict(prompted) | {"telemetry": ""}:
                raise MisuseError(f"turn {turn} of conversation {number} is another prompt already")
            return Outcome()
        if conversation is not None and turn <= conversation.last:
            raise MisuseError(f"turn: expected more than {conversation.last}, the latest of the conversation")
        if conversation is None and len(book.conversations) >= CONVERSATIONS_MAX:
            raise MisuseError(
                f"expected fewer than {CONVERSATIONS_MAX} conversations, found {len(book.conversations)}; chat.forget "
                "gives one back"
            )
        if len(book.waiting) >= QUEUE_PROMPTS_MAX:
            raise MisuseError(f"the queue is full: expected fewer than {QUEUE_PROMPTS_MAX} prompts")
        self._check_prompt(telemetry + prompted.text)
        wanted = self._mode.changes(ModeTrigger.JOB_QUEUED)
        return Outcome(changes=(prompted, *wanted), afterwards=self._mode.settle)

    def _check_prompt(self, text: str) -> None:
        """Refuse a prompt that no model would answer, or the one that is wanted could not read.

        Raises:
            MisuseError: Why.
        """
        models = self._server.book.models
        if models.wanted is Slot.BUILT_IN:
            raise MisuseError("expected a model that is served, found none; model.activate serves one")
        if not text:
            raise MisuseError("text: expected a prompt, found none")
        name = models.held[models.wanted].name
        if not name.endswith(SUFFIX):
            return  # How many tokens it is only its tokenizer knows, which is with the worker.
        try:
            facts = self._server.look_at(name)
        except MisuseError:
            return  # It was struck, and is left for the other one as soon as it is loaded.
        facts.check_prompt(text)

    def _stop(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        number: int = arguments["conversation"]
        turns = self._waiting(number)
        ends = tuple(self._server.ending_of(number, turn) for turn in turns)

        def stopped(now_ns: int) -> None:
            self._server.stopped(number, now_ns)
            for turn in turns:
                self._reporter.report("reply_end", end_report(turn))

        return Outcome(changes=ends, afterwards=stopped)

    def _list(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        book = self._server.book
        rows = [
            {
                "conversation": number,
                "turns": len(conversation.turns),
                "last": conversation.last,
                "waiting": len(conversation.waiting),
            }
            for number, conversation in sorted(book.conversations.items())
        ]
        report = {"waiting": len(book.waiting), "conversations": rows}
        return Outcome(answers=(self._reporter.encode("chat_report", report),))

    def _forget(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        number: int = arguments["conversation"]
        waiting = self._waiting(number)
        if waiting:
            raise MisuseError(
                f"expected a conversation in which no prompt waits, found {len(waiting)}; chat.stop ends them"
            )
        return Outcome(changes=(ConversationForgotten(number),))

    def _repeat(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        number, turn_number = arguments["conversation"], arguments["turn"]
        self._waiting(number)
        turn = self._server.book.conversations[number].turns.get(turn_number)
        if turn is None or turn.ended is None:
            raise MisuseError(f"expected a turn with a whole reply, found {'one without' if turn else 'none'}")
        # A reply of several workers' chunks may have been cut at other places: the end tells how many there are now.
        pieces = chunks_of(turn.ended.text)
        key = {"conversation": number, "turn": turn_number, "attempt": turn.attempts + 1}
        chunks = [
            self._reporter.encode("reply_chunk", {**key, "sequence": sequence, "text": text})
            for sequence, text in enumerate(pieces)
        ]
        end = {**end_report(turn), **key, "chunks": len(pieces)}
        return Outcome(answers=(*chunks, self._reporter.encode("reply_end", end)))

    def _activate(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        if not self._server.can_serve:
            raise MisuseError("expected a board that serves models, found one that has nobody to do it")
        name: str = arguments["name"]
        self._server.look_at(name)
        model = HeldModel(
            name=name,
            sha256=arguments["sha256"].hex(),
            canary=arguments["canary"],
            answer=arguments["answer"],
        )
        if arguments["sha256"] and len(arguments["sha256"]) != 32:
            raise MisuseError(f"sha256: expected 32 octets or none, found {len(arguments['sha256'])}")
        if model.answer and not model.canary:
            raise MisuseError("answer: expected a canary that it answers, found none")
        models = model_slots.activate(self._server.book.models, model)
        wanted = self._mode.changes(ModeTrigger.JOB_QUEUED)

        def moved(now_ns: int) -> None:
            self._mode.settle(now_ns)
            self._server.moved(now_ns)

        return Outcome(changes=(models, *wanted), afterwards=moved)

    def _roll_back(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        models = model_slots.roll_back(self._server.book.models)
        return Outcome(changes=(models,), afterwards=self._server.moved)

    def _check(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        if self._server.book.models.wanted is Slot.BUILT_IN:
            raise MisuseError("expected a model that is served, found none")
        self._server.ask_check()
        return Outcome()

    def _report(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        return Outcome(answers=(self._reporter.encode("model_report", self._server.report()),))

    def _list_models(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        names, first = models_in(self._disk), arguments["first"]
        rows = [self._row(name) for name in names[first : first + MODELS_LISTED_MAX]]
        report = {"total": len(names), "first": first, "models": rows}
        return Outcome(answers=(self._reporter.encode("model_list", report),))

    def _row(self, name: str) -> dict[str, Any]:
        try:
            facts = self._server.look_at(name)
        except MisuseError as error:
            return {"name": name, "kind": ModelKind.NONE, "size": 0, "refusal": clip_reason(str(error))}
        return {"name": name, "kind": facts.kind, "size": facts.length_octets, "refusal": ""}

    def _waiting(self, number: int) -> list[Turn]:
        """Give the turns of a conversation without a whole reply.

        Raises:
            MisuseError: There is no such conversation.
        """
        conversation = self._server.book.conversations.get(number)
        if conversation is None:
            raise MisuseError(f"unknown conversation {number}")
        return [conversation.turns[turn] for turn in conversation.waiting]

    def _describe(self, now_ns: int) -> str:
        """Say in words what the spacecraft is like now."""
        told: list[str] = []
        for name in TELEMETRY:
            value = self._pool.read(name, now_ns)
            if isinstance(value, float) and not math.isfinite(value):
                continue
            unit = self._pool.find(name).shape.unit
            shown = value.name if isinstance(value, IntEnum) else f"{value:g}"
            told.append(f"{name.replace('_', ' ')} {shown}{f' {unit}' if unit else ''}")
        return f"[Spacecraft: {', '.join(told)}]\n"
