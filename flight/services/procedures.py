"""ST[21] request sequencing: procedures taken on board, started, ended and reported.

A procedure is checked as a whole before it is taken; one that is not good is refused with the line and column of its
first fault, and the one of that name that was on board stays in force. What is kept is the text itself, with its
digest, in the ledger. It takes no steps: that is the work of `flight.procedures.runner`.

Source: ECSS-E-ST-70-41C 6.21 and 8.21.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

from ccsds.errors import MalformedError, MisuseError
from flight.acceptance import Acceptance, RefusedError, requests_in
from flight.autonomy.causes import Causes
from flight.books.procedures import ProcedureEnded, ProcedureLoaded, ProcedureStarted, ProcedureUnloaded
from flight.disk import Disk
from flight.ledger import Ledger
from flight.parameters import Source
from flight.procedures.runner import ProcedureRunner
from flight.procedures.text import Procedure, Send, read_procedure
from flight.reporter import Reporter
from flight.services.service import Outcome
from mission.dictionary import Command, Dictionary
from mission.files import FILES_DIRECTORY
from mission.procedures import (
    CAUSE_DEPTH_MAX,
    CONTENT_OCTETS_MAX,
    PROCEDURE_DIRECTORY,
    PROCEDURES_MAX,
    TEXT_OCTETS_MAX,
    ProcedureEnd,
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_STARTS = ("procedure.start", "procedure.load_and_start")

Handler = Callable[[Mapping[str, Any]], Outcome]


class ProcedureService:
    """Keeps the procedures.

    Args:
        ledger: Where they are kept.
        dictionary: What their texts may name.
        reporter: Where reports go.
        disk: Where uploaded files are.
        causes: The chain of causes at hand.
        runner: What takes their steps.
    """

    number = 21

    def __init__(
        self,
        ledger: Ledger,
        dictionary: Dictionary,
        reporter: Reporter,
        disk: Disk,
        causes: Causes,
        runner: ProcedureRunner,
    ) -> None:
        self._book = ledger.procedures
        self._dictionary = dictionary
        self._reporter = reporter
        self._disk = disk
        self._causes = causes
        self._runner = runner
        self._handlers: dict[str, Handler] = {
            "procedure.load_direct": lambda given: Outcome((self._load(given["procedure"], given["text"].encode()),)),
            "procedure.load": lambda given: Outcome((self._load(given["procedure"], self._file(given["procedure"])),)),
            "procedure.unload": self._unload,
            "procedure.start": lambda given: Outcome((self._start(self._found(given["procedure"])),)),
            "procedure.abort": lambda given: self._abort((self._running(given["procedure"]),)),
            "procedure.report_status": lambda _: self._report_status(),
            "procedure.load_and_start": self._load_and_start,
            "procedure.report_digests": lambda _: self._report_digests(),
            "procedure.report_text": self._report_text,
            "procedure.abort_all": lambda _: self._abort_all(),
        }

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        return self._handlers[command.name](arguments)

    def sources(self) -> dict[str, Source]:
        """Give where the parameters of the procedures structure have their values from."""
        return {
            "procedures_loaded": lambda _: len(self._book.loaded),
            "procedures_running": lambda _: len(self._book.runs),
            "procedure_commands": lambda _: self._book.sent_count,
        }

    def _load(self, name: str, text: bytes) -> ProcedureLoaded:
        if not _NAME.fullmatch(name):
            raise MisuseError(f"expected a name of letters, digits, dots, dashes and underscores, found {name!r}")
        if name in self._book.runs:
            raise MisuseError(f"expected procedure {name} not to run while it is loaded, found it running")
        if name not in self._book.loaded and len(self._book.loaded) == PROCEDURES_MAX:
            raise MisuseError(f"expected at most {PROCEDURES_MAX} procedures, found one more")
        try:
            procedure = read_procedure(text, self._dictionary)
        except MalformedError as error:
            raise MisuseError(f"{name}, {error}") from None
        self._check_requests(name, procedure)
        self._check_starts(name, procedure)
        return ProcedureLoaded(name, text, hashlib.sha256(text).digest())

    def _check_requests(self, name: str, procedure: Procedure) -> None:
        """Refuse a procedure that puts a telecommand into the schedule or a reaction which cannot be one."""
        acceptance = Acceptance(self._dictionary, procedures={*self._book.loaded, name})
        for step in procedure.steps:
            if not isinstance(step, Send):
                continue
            for argument, position, request in requests_in(step.arguments):
                try:
                    acceptance.read(request)
                except RefusedError as error:
                    place = f"{name}, line {step.line}, column {step.columns[argument]}"
                    raise MisuseError(f"{place}: {argument}[{position}]: {error}") from None

    def _check_starts(self, name: str, procedure: Procedure) -> None:
        """Refuse a procedure that starts what is not there, or that comes back to itself."""
        for step in procedure.steps:
            if not isinstance(step, Send) or step.command.name not in _STARTS:
                continue
            target = step.arguments["procedure"]
            place = f"{name}, line {step.line}, column {step.columns['procedure']}"
            if target not in self._book.loaded and target != name:
                raise MisuseError(f"{place}: expected a procedure on board, found {target!r}")
            if name in self._reached(target):
                raise MisuseError(f"{place}: expected no loop, found one by way of {target}")

    def _reached(self, name: str) -> set[str]:
        """Give all procedures that a procedure starts, and those start in turn, itself among them."""
        reached: set[str] = set()
        waiting = [name]
        while waiting:
            here = waiting.pop()
            if here in reached:
                continue
            reached.add(here)
            loaded = self._book.loaded.get(here)
            try:
                steps = () if loaded is None else read_procedure(loaded.text, self._dictionary).steps
            except MalformedError:  # It is not one that can run any more.
                continue
            waiting += [
                step.arguments["procedure"] for step in steps if isinstance(step, Send) and step.command.name in _STARTS
            ]
        return reached

    def _file(self, name: str) -> bytes:
        if not _NAME.fullmatch(name):
            raise MisuseError(f"expected a name of letters, digits, dots, dashes and underscores, found {name!r}")
        path = f"{FILES_DIRECTORY}/{PROCEDURE_DIRECTORY}/{name}"
        try:
            return self._disk.read(path, 0, TEXT_OCTETS_MAX + 1)
        except FileNotFoundError:
            raise MisuseError(f"expected an uploaded file {PROCEDURE_DIRECTORY}/{name}, found none") from None

    def _load_and_start(self, given: Mapping[str, Any]) -> Outcome:
        loaded = self._load(given["procedure"], self._file(given["procedure"]))
        return Outcome((loaded, self._start(loaded)))

    def _found(self, name: str) -> ProcedureLoaded:
        if name not in self._book.loaded:
            known = ", ".join(self._book.loaded) or "none"
            raise MisuseError(f"expected a procedure on board ({known}), found {name!r}")
        return self._book.loaded[name]

    def _running(self, name: str) -> str:
        if name not in self._book.runs:
            raise MisuseError(f"expected a procedure that runs, found {name!r}")
        return name

    def _unload(self, given: Mapping[str, Any]) -> Outcome:
        loaded = self._found(given["procedure"])
        if loaded.name in self._book.runs:
            raise MisuseError(f"expected a procedure that does not run, found {loaded.name!r} running")
        return Outcome((ProcedureUnloaded(loaded.name),))

    def _start(self, loaded: ProcedureLoaded) -> ProcedureStarted:
        if loaded.name in self._book.runs:
            raise MisuseError(f"expected a procedure that does not run, found {loaded.name!r} running")
        if self._causes.depth > CAUSE_DEPTH_MAX:
            raise MisuseError(f"expected a chain of at most {CAUSE_DEPTH_MAX} causes, found a longer one: a loop")
        try:
            procedure = read_procedure(loaded.text, self._dictionary)
        except MalformedError as error:  # Good when it was loaded; the dictionary is another one since.
            raise MisuseError(f"{loaded.name}, {error}") from None
        return ProcedureStarted(loaded.name, procedure.priority, self._causes.depth, self._book.run_count + 1)

    def _abort(self, names: tuple[str, ...]) -> Outcome:
        def afterwards(now_ns: int) -> None:
            for name in names:
                self._runner.forget(name)
                self._runner.tell_ended(name, ProcedureEnd.ABORTED)

        return Outcome(tuple(ProcedureEnded(name, ProcedureEnd.ABORTED) for name in names), afterwards=afterwards)

    def _abort_all(self) -> Outcome:
        names = tuple(self._book.runs)
        ended = self._abort(names)
        report = self._reporter.encode("procedures_aborted", {"procedures": [{"procedure": name} for name in names]})
        return Outcome(ended.changes, (report,), ended.afterwards)

    def _report_status(self) -> Outcome:
        rows = []
        for name in self._book.loaded:
            run = self._book.runs.get(name)
            rows.append(
                {
                    "procedure": name,
                    "activity": self._runner.doing(name),
                    "line": self._runner.line_of(name),
                    "sent": run.sent if run else 0,
                    "failed": run.failed if run else 0,
                }
            )
        return Outcome(answers=(self._reporter.encode("procedure_status", {"procedures": rows}),))

    def _report_digests(self) -> Outcome:
        rows = [
            {"procedure": loaded.name, "octets": len(loaded.text), "sha256": loaded.sha256}
            for loaded in self._book.loaded.values()
        ]
        return Outcome(answers=(self._reporter.encode("procedure_digests", {"procedures": rows}),))

    def _report_text(self, given: Mapping[str, Any]) -> Outcome:
        loaded = self._found(given["procedure"])
        position = given["position"]
        values = {
            "procedure": loaded.name,
            "octets": len(loaded.text),
            "position": position,
            "text": loaded.text[position : position + CONTENT_OCTETS_MAX],
        }
        return Outcome(answers=(self._reporter.encode("procedure_text", values),))
