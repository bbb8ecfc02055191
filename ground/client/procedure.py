"""Procedures: plain Python files whose ``run`` does what an operator would, with a live transcript and a report.

A procedure is a file with a function ``run(sc, ...)``: ``sc`` is an `ground.client.operator.Operator`, and what else it
takes may be given by name when it is started. Whatever is wrong with the file, or goes wrong in it, is told with file,
line and reason; the station goes on.
"""

import inspect
import os
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from ccsds.errors import MisuseError, StarloopError
from ground.client.client import Client
from ground.client.operator import Operator

# A procedure that tells more is not read by anybody; its report keeps the last lines.
LINES_MAX = 10_000

_READERS: dict[Any, Callable[[str], Any]] = {
    int: lambda text: int(text, 0),
    float: float,
    bool: lambda text: {"true": True, "false": False}[text.lower()],
    str: str,
    inspect.Parameter.empty: str,
}
"""How a value is read that was typed, by the annotation of the parameter that takes it."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a transcript."""

    elapsed_s: float
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.elapsed_s:9.3f} s  {self.kind:<12} {self.text}"


@dataclass(kw_only=True)
class Report:
    """What came of one run."""

    procedure: str
    title: str
    arguments: dict[str, Any]
    started_unix_ns: int
    verdict: str = "RUNNING"
    reason: str = ""
    elapsed_s: float = 0.0
    lines: list[Line] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """Whether it came to its end without anything going wrong."""
        return self.verdict == "DONE"


class Procedure:
    """One procedure, loaded.

    Args:
        path: Of its file.
        run: Its function.
        title: The first line of what it says about itself.
    """

    def __init__(self, path: Path, run: Callable[..., Any], title: str) -> None:
        self._path = path
        self._run = run
        self.title = title

    @classmethod
    def load(cls, path: Path) -> "Procedure":
        """Read a procedure from its file; what stands at its top level is executed.

        Raises:
            MisuseError: It is none; the text says in which line, and why.
        """
        if not path.is_file():
            raise MisuseError(f"expected a procedure at {path}, found no file")
        names: dict[str, Any] = {"__name__": path.stem, "__file__": str(path)}
        try:
            exec(compile(path.read_bytes(), str(path), "exec"), names)
        except SyntaxError as error:
            raise MisuseError(f"{path}:{error.lineno}: {error.msg}") from None
        except Exception as error:
            raise MisuseError(where(path, error)) from None
        run = names.get("run")
        if not callable(run):
            raise MisuseError(f"{path}: expected a function run(sc, ...), found none")
        return cls(path, run, (names.get("__doc__") or path.stem).strip().splitlines()[0])

    def arguments(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """Read what was typed for its parameters.

        Raises:
            MisuseError: It takes no such parameter, misses one, or the value is of another type.
        """
        parameters = dict(list(inspect.signature(self._run, eval_str=True).parameters.items())[1:])
        values: dict[str, Any] = {}
        for name, text in texts.items():
            if name not in parameters:
                known = f"one of {', '.join(parameters)}" if parameters else "no arguments"
                raise MisuseError(f"{self._path}: expected {known}, found {name!r}")
            annotation = parameters[name].annotation
            try:
                values[name] = _READERS.get(annotation, str)(text)
            except (ValueError, KeyError):
                raise MisuseError(
                    f"{self._path}: {name}: expected {getattr(annotation, '__name__', annotation)}, found {text!r}"
                ) from None
        for name, parameter in parameters.items():
            if parameter.default is inspect.Parameter.empty and name not in values:
                raise MisuseError(f"{self._path}: {name}: expected a value, found none")
        return values

    def run(self, client: Client, arguments: Mapping[str, Any], tell: Callable[[Line], None]) -> Report:
        """Do it, and report what came of it; whatever goes wrong is in the report.

        Args:
            client: The station.
            arguments: As `arguments` gave them.
            tell: Takes each line of the transcript as it comes.
        """
        started_s = time.monotonic()
        report = Report(
            procedure=self._path.name,
            title=self.title,
            arguments=dict(arguments),
            started_unix_ns=time.time_ns(),
        )

        def note(kind: str, text: str) -> None:
            line = Line(elapsed_s=time.monotonic() - started_s, kind=kind, text=text)
            report.lines.append(line)
            del report.lines[:-LINES_MAX]
            tell(line)

        try:
            self._run(Operator(client, note), **arguments)
            report.verdict = "DONE"
        except KeyboardInterrupt:
            report.verdict, report.reason = "STOPPED", "it was interrupted"
        except Exception as error:
            report.verdict, report.reason = "FAILED", where(self._path, error)
        report.elapsed_s = time.monotonic() - started_s
        note(report.verdict.lower(), report.reason or self.title)
        return report


def where(path: Path, error: Exception) -> str:
    """Say in which line of a procedure something went wrong, and what."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if each.filename == str(path)]
    place = f"{path}:{frames[-1].lineno}" if frames else str(path)
    kind = "" if isinstance(error, StarloopError) else f"{type(error).__name__}: "
    return f"{place}: {kind}{error}"


def procedures_in(directory: Path) -> list[Path]:
    """Give the procedures of a directory, by name."""
    if not directory.is_dir():
        return []
    return sorted(path for path in directory.glob("*.py") if not path.name.startswith(("_", ".")))


TOKEN_VARIABLE = "STARLOOP_TOKEN"
"""Of the environment: the session under which a procedure runs that a station started for somebody."""


def lent_token() -> str | None:
    """Give the session that the station lent, if it started this program."""
    return os.environ.get(TOKEN_VARIABLE)
