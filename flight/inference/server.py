"""The server of models: which model is in memory, whose prompt is next, and what its worker is asked for. No torch.

It drives a worker port by one request at a time: load the model, ask it its canary, read a prompt, write some tokens.
Prompts are answered in the order in which they came. What a reply says is told as it is written; that it is whole is
durable before it is told. A reply that anything broke off, be it a reset, is begun anew with the same seed: its pieces
carry the number of the attempt, and those of an earlier one are void.

A model is loaded when somebody asks for it, proves itself by its canary before anybody is answered, is asked it again
at an interval, and leaves the memory when nobody has asked for long. Weights that were struck in memory, and a canary
that fails once, have it loaded again; one that fails then, or is damaged in the store, is left for the other slot.

Rates come from ``now_ns``, so that under virtual time equal seeds give equal telemetry.
"""

import math
from collections.abc import Callable

from msgspec.structs import replace as changed

from ccsds.errors import MisuseError
from flight.books.inference import HeldModel, InferenceBook, ReplyBegun, ReplyEnded, Turn
from flight.disk import Disk
from flight.inference import model_slots
from flight.inference.messages import (
    Begin,
    Begun,
    Check,
    Checked,
    Load,
    Loaded,
    Sampling,
    ServerReply,
    ServerRequest,
    Write,
    Written,
)
from flight.inference.model_files import ModelFacts, look_at, path_of
from flight.inference.server_settings import NS_PER_S, ServerConfig, ServerSettings
from flight.inference.telling import chunks_of, end_report, model_report
from flight.inference.writing import Writing, said_before
from flight.jobs.messages import Failed, FailureKind
from flight.jobs.supervision import Supervision
from flight.jobs.worker_port import WorkerPort
from flight.ledger import Ledger
from flight.parameters import ParameterPool, Source
from flight.reporter import Reporter, clip_reason
from mission.inference import REPLY_OCTETS_MAX, ModelFault, ReplyEnd
from mission.slots import Phase, Slot
from mission.words.core import STORE_FAILED
from mission.words.inference import (
    MODEL_ACTIVATED,
    MODEL_REFUSED,
    MODEL_ROLLED_BACK,
    MODEL_SERVED,
    MODEL_STRUCK,
    SERVER_LOST,
)

CANARY_DEFAULT = "The quick brown fox jumps over the lazy dog."
# Enough that weights that were struck harmfully show, and no more than a fifth of a second of a small model.
CANARY_TOKENS = 16


class Server:
    """Serves the models of one spacecraft.

    Args:
        config: How.
        ledger: Where conversations and slots are kept.
        worker: The worker port, or None on a board that serves no models.
        reporter: Where reports and events go.
        disk: The store, to look at models.
        may_serve: Tells whether models may be served now, from whether a worker runs: not if mode, power or heat holds
            jobs.
    """

    def __init__(
        self,
        config: ServerConfig,
        ledger: Ledger,
        worker: WorkerPort[ServerRequest] | None,
        reporter: Reporter,
        disk: Disk,
        may_serve: Callable[[bool], bool],
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._worker = worker
        self._reporter = reporter
        self._disk = disk
        self._may_serve = may_serve
        self._supervision = Supervision(config.supervision)
        self._settings = ServerSettings(config)
        self._loaded = Slot.BUILT_IN
        """The slot whose model the worker has, or is loading; BUILT_IN if there is no worker."""
        self._described: Loaded | None = None
        self._is_proven = False
        """Whether the model in memory has answered its canary since it was loaded."""
        self._is_doubted = False
        """Whether its last canary failed, or its weights were struck, so that it must prove itself from a new load."""
        self._asked: ServerRequest | None = None
        self._asked_ns = 0
        self._writing: Writing | None = None
        self._is_check_wanted = False
        self._check_due_ns = 0
        self._idle_due_ns = 0
        self._tokens_per_s = math.nan
        self.checks = 0
        """Canaries that were asked since the start."""
        self.faults = 0
        """What was found wrong since the start."""

    @property
    def book(self) -> InferenceBook:
        """Conversations and slots, as they are durable."""
        return self._ledger.inference

    @property
    def can_serve(self) -> bool:
        """Whether this board serves models at all."""
        return self._worker is not None

    # What drives it.

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        if self._worker is None or self._is_idle:
            return
        if not self._may_serve(self._loaded is not Slot.BUILT_IN):
            self._release()
            return
        if self._asked is not None:
            if now_ns >= self._asked_ns + self._config.deadline_ns:
                waited_s = self._config.deadline_ns // NS_PER_S
                self.lost(f"no answer to {type(self._asked).__name__} in {waited_s} s", now_ns)
            return
        if now_ns >= self._supervision.hold_until_ns:
            try:
                self._go_on(now_ns)
            except OSError as error:
                self._store_failed(error, now_ns)

    def next_deadline(self) -> int | None:
        """Give the time at which `advance` has something to do."""
        if self._worker is None:
            return None
        if self._is_idle:
            return None
        if not self._may_serve(self._loaded is not Slot.BUILT_IN):
            return 0 if self._loaded is not Slot.BUILT_IN else None
        if self._asked is not None:
            return self._asked_ns + self._config.deadline_ns
        if self._is_wanted:
            return self._supervision.hold_until_ns
        if self._loaded is Slot.BUILT_IN:
            return None
        return min(self._check_due_ns, self._idle_due_ns)

    def _canary(self) -> str:
        """Give the canary of a model that was given none: as much as it sees at once, if that is little."""
        return CANARY_DEFAULT if self._described is None else CANARY_DEFAULT[: self._described.context]

    def reply(self, reply: ServerReply, now_ns: int) -> None:
        """Take the worker's reply to what it was asked for."""
        request, self._asked = self._asked, None
        if request is None:
            return  # The worker was killed while this was on its way.
        try:
            match reply:
                case Loaded():
                    self._described = reply
                    self._idle_due_ns = now_ns + self._settings.idle_ns
                case Checked():
                    self._checked(reply, now_ns)
                case Begun(prompt_tokens=tokens) if self._writing is not None:
                    self._writing.prompt_tokens = tokens
                    self._writing.begun_ns = now_ns
                case Written() if self._writing is not None:
                    self._written(self._writing, reply, now_ns)
                case Failed():
                    self._failed(request, reply, now_ns)
        except OSError as error:
            self._store_failed(error, now_ns)

    def lost(self, reason: str, now_ns: int) -> None:
        """Take note that the worker is gone, or is to be taken for gone."""
        if self._loaded is Slot.BUILT_IN:
            return
        self._reporter.event(SERVER_LOST, name=self._name_of(self._loaded), reason=clip_reason(reason))
        self._count_loss(reason, now_ns)

    # What an operator wishes; it is committed by the service.

    def stopped(self, conversation: int, now_ns: int) -> None:
        """Act upon the end of a conversation's replies, once it is committed."""
        if self._writing is not None and self._writing.turn.prompted.conversation == conversation:
            self._writing = None

    def ending_of(self, conversation: int, turn: Turn) -> ReplyEnded:
        """Give what ends a reply by command, with what was written of it."""
        writing = self._writing if self._writing is not None and self._writing.turn is turn else None
        return ReplyEnded(
            conversation=conversation,
            turn=turn.prompted.turn,
            end=ReplyEnd.STOPPED,
            reason="by command",
            text=writing.text if writing else "",
            chunks=writing.chunks if writing else 0,
            prompt_tokens=writing.prompt_tokens if writing else 0,
            tokens=writing.tokens if writing else 0,
            model_sha256=self._sha256 if writing else "",
        )

    def moved(self, now_ns: int) -> None:
        """Act upon slots that an operator has changed, once it is committed."""
        if self._loaded is not self.book.models.served:
            self._release()  # What was on trial there may be another model by now.
        self._supervision.progressed()
        self._supervision.hold_until_ns = min(self._supervision.hold_until_ns, now_ns)

    def ask_check(self) -> None:
        """Have the canary asked as soon as it can be."""
        self._is_check_wanted = True

    def look_at(self, name: str) -> ModelFacts:
        """Say what a model in the store is.

        Raises:
            MisuseError: It cannot be served, and why.
            OSError: The store failed.
        """
        facts = look_at(self._disk, path_of(self._disk, name))
        limit_octets = self._settings.memory_octets_max
        if limit_octets:
            facts.check_memory(name, limit_octets)
        return facts

    # What it tells.

    def report(self) -> dict[str, object]:
        """Give the fields of the report of models."""
        described = self._described if self._loaded is not Slot.BUILT_IN else None
        counts = {"checks": self.checks, "faults": self.faults}
        return {**model_report(self.book.models, self._loaded, described), **counts}

    def sources(self) -> dict[str, Source]:
        """Give where the parameters of inference have their values from."""
        return {
            "prompts_waiting": lambda _: len(self.book.waiting),
            "conversation": lambda _: self._writing.turn.prompted.conversation if self._writing else 0,
            "reply_tokens": lambda _: self._writing.tokens if self._writing else 0,
            "reply_tokens_per_s": lambda _: self._tokens_per_s,
            "model_slot": lambda _: self.book.models.served,
            "model_checks": lambda _: self.checks,
            "model_faults": lambda _: self.faults,
        }

    def bind(self, pool: ParameterPool) -> None:
        """Follow the settings by which an operator changes how models are served."""
        self._settings.bind(pool)

    # The work.

    @property
    def _is_wanted(self) -> bool:
        """Whether there is something to do as soon as it may be done."""
        if self._writing is not None:
            return True
        models = self.book.models
        if models.wanted is Slot.BUILT_IN:
            return False
        is_asked_for = bool(self.book.waiting) or models.phase is not Phase.SETTLED or self._is_check_wanted
        return is_asked_for or (self._loaded is models.wanted and not self._is_proven)

    @property
    def _is_idle(self) -> bool:
        """Whether there is nothing to do, be it allowed or not: most of the time."""
        return self._loaded is Slot.BUILT_IN and self._asked is None and not self._is_wanted

    def _go_on(self, now_ns: int) -> None:
        """Ask for what comes next."""
        if self._writing is not None:
            self._ask(Write(self._settings.chunk_tokens), now_ns)
            return
        wanted = self.book.models.wanted
        if wanted is Slot.BUILT_IN:
            self._release()
        elif self._loaded is not wanted:
            if self._is_wanted:
                self._load(wanted, now_ns)
            else:
                self._release()
        elif not self._is_proven or self._is_check_wanted or now_ns >= self._check_due_ns:
            self._is_check_wanted = False
            self._ask(Check(self._held(wanted).canary or self._canary(), CANARY_TOKENS), now_ns)
        elif self.book.waiting:
            self._begin(next(iter(self.book.waiting.values())), now_ns)
        elif now_ns >= self._idle_due_ns:
            self._release()

    def _load(self, slot: Slot, now_ns: int) -> None:
        held = self._held(slot)
        self._release()
        try:
            facts = self.look_at(held.name)
            path = path_of(self._disk, held.name)
        except MisuseError as error:
            self._leave(ModelFault.DAMAGED, str(error), now_ns)
            return
        self._loaded = slot
        assert self._worker is not None
        try:
            self._worker.launch()
        except OSError as error:
            self.lost(f"no worker could be started: {error}", now_ns)
            return
        request = Load(
            path=path, kind=facts.kind, sha256=held.sha256, memory_octets_max=self._settings.memory_octets_max
        )
        self._ask(request, now_ns)

    def _begin(self, turn: Turn, now_ns: int) -> None:
        prompted = turn.prompted
        self._ledger.commit(ReplyBegun(prompted.conversation, prompted.turn))
        self._writing = Writing(turn, begun_ns=now_ns)
        sampling = Sampling(
            temperature=prompted.temperature, top_k=prompted.top_k, top_p=prompted.top_p, seed=prompted.seed
        )
        request = Begin(
            turns=said_before(self.book.conversations[prompted.conversation], prompted.turn),
            telemetry=prompted.telemetry,
            text=prompted.text,
            tokens_max=prompted.tokens_max,
            octets_max=REPLY_OCTETS_MAX,
            sampling=sampling,
        )
        self._ask(request, now_ns)

    def _written(self, writing: Writing, reply: Written, now_ns: int) -> None:
        if reply.struck:
            self._doubt(f"{reply.struck} was struck in memory, in a reply that is begun anew", now_ns)
            return
        writing.tokens = reply.tokens
        for chunk in chunks_of(reply.text):
            self._reporter.report("reply_chunk", {**writing.key, "sequence": writing.chunks, "text": chunk})
            writing.chunks += 1
        writing.text += reply.text
        elapsed_ns = now_ns - writing.begun_ns
        self._tokens_per_s = reply.tokens * NS_PER_S / elapsed_ns if elapsed_ns else math.nan
        if reply.is_whole:
            self._end(writing, ReplyEnd.FINISHED if reply.is_finished else ReplyEnd.LENGTH, "", now_ns)

    def _end(self, writing: Writing, end: ReplyEnd, reason: str, now_ns: int) -> None:
        prompted = writing.turn.prompted
        self._ledger.commit(
            ReplyEnded(
                conversation=prompted.conversation,
                turn=prompted.turn,
                end=end,
                reason=clip_reason(reason),
                text=writing.text,
                chunks=writing.chunks,
                prompt_tokens=writing.prompt_tokens,
                tokens=writing.tokens,
                tokens_per_s=None if math.isnan(self._tokens_per_s) else self._tokens_per_s,
                model_sha256=self._sha256,
            )
        )
        self._writing = None
        self._supervision.progressed()
        self._idle_due_ns = now_ns + self._settings.idle_ns
        self._reporter.report("reply_end", end_report(writing.turn))

    def _checked(self, reply: Checked, now_ns: int) -> None:
        self.checks += 1
        models = self.book.models
        held = self._held(self._loaded)
        if reply.struck:
            self._doubt(f"{reply.struck} was struck in memory", now_ns)
            return
        if held.answer and not reply.answer.startswith(held.answer):
            told = f"canary: expected {held.answer[:60]!r}, found {reply.answer[:60]!r}"
            if models.phase is Phase.SETTLED and not self._is_doubted:
                self._doubt(told, now_ns)
            else:
                self._leave(ModelFault.CANARY, told, now_ns)
            return
        known = changed(held, sha256=self._sha256, answer=held.answer or reply.answer)
        after = model_slots.passed(models, known)
        if after != models:
            self._ledger.commit(after)
        if models.phase is not Phase.SETTLED:
            self._reporter.event(MODEL_ACTIVATED, slot=after.served, name=known.name)
            self._reporter.report("model_report", self.report())
        elif not self._is_proven:
            self._reporter.event(MODEL_SERVED, slot=after.served, name=known.name)
        if self._is_proven or models.phase is not Phase.SETTLED:
            # To be loaded again is no progress: a prompt may end every worker that reads it.
            self._supervision.progressed()
        self._is_proven, self._is_doubted = True, False
        self._check_due_ns = now_ns + self._settings.canary_ns

    def _failed(self, request: ServerRequest, reply: Failed, now_ns: int) -> None:
        match request, reply.kind:
            case _, FailureKind.STORE:
                self._store_failed(OSError(reply.reason), now_ns)
            case _, FailureKind.LOST | FailureKind.MEMORY:
                self.lost(reply.reason, now_ns)
            case Load(), _:
                self._leave(ModelFault.DAMAGED, reply.reason, now_ns)
            case Check(), _:
                self._leave(ModelFault.CANARY, reply.reason, now_ns)
            case _ if self._writing is not None:
                self._end(self._writing, ReplyEnd.FAILED, reply.reason, now_ns)

    def _doubt(self, reason: str, now_ns: int) -> None:
        """Have the model loaded again, and prove itself."""
        self.faults += 1
        self._reporter.event(MODEL_STRUCK, name=self._name_of(self._loaded), reason=clip_reason(reason))
        self._is_doubted = True
        # Memory that is struck again and again is not worth a load each time: the losses in a row are bounded.
        self._count_loss(reason, now_ns)
        self._is_check_wanted = True

    def _count_loss(self, reason: str, now_ns: int) -> None:
        writing = self._writing
        self._release()
        self._supervision.lost()
        self._supervision.back_off(now_ns)
        if not self._supervision.is_at_end:
            return
        told = f"{self._supervision.losses} workers lost in a row: {reason}"
        self._supervision.progressed()
        try:
            if writing is not None:
                self._end(writing, ReplyEnd.FAILED, told, now_ns)
            else:
                self._leave(ModelFault.LOST, told, now_ns)
        except OSError as error:
            self._store_failed(error, now_ns)

    def _leave(self, fault: ModelFault, reason: str, now_ns: int) -> None:
        """Leave the model that is wanted for the other slot."""
        before = self.book.models
        name = self._name_of(before.wanted)
        after = model_slots.failed(before)
        self._release()
        self._ledger.commit(after)
        self.faults += 1
        definition = MODEL_ROLLED_BACK if before.phase is Phase.SETTLED else MODEL_REFUSED
        self._reporter.event(definition, name=name, serving=after.served, fault=fault, reason=clip_reason(reason))
        self._reporter.report("model_report", self.report())
        self._supervision.progressed()

    def _ask(self, request: ServerRequest, now_ns: int) -> None:
        assert self._worker is not None
        self._asked, self._asked_ns = request, now_ns
        self._worker.send(request)

    def _release(self) -> None:
        """Let the worker go, with what it was at."""
        if self._loaded is Slot.BUILT_IN:
            return
        assert self._worker is not None
        self._worker.kill()
        self._loaded, self._described = Slot.BUILT_IN, None
        self._asked = self._writing = None
        self._is_proven = False

    def _store_failed(self, error: OSError, now_ns: int) -> None:
        """Stand still for a while: nothing may happen that cannot be remembered."""
        self._reporter.event(STORE_FAILED, reason=clip_reason(str(error)))
        self._release()
        self._writing = None
        self._supervision.stand_still(now_ns)

    @property
    def _sha256(self) -> str:
        return self._described.sha256 if self._described is not None else ""

    def _held(self, slot: Slot) -> HeldModel:
        return self.book.models.held[slot]

    def _name_of(self, slot: Slot) -> str:
        held = self.book.models.held.get(slot)
        return held.name if held is not None else ""
