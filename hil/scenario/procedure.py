"""What the ground does, step by step."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ccsds.errors import MisuseError
from hil.scenario.table import Label, Seconds, Table
from mission.definition import DICTIONARY
from mission.dictionary import Command

STEP_KINDS = ("command", "wait_for_job", "wait_for_reply", "put_file", "wait_for_file", "wait_s", "wait_until_s")
"""What a step of the procedure can be."""

# A command that does not complete in so many attempts does not for a reason.
ATTEMPTS_MAX = 10


class StepTable(Table, frozen=True, kw_only=True):
    """One step of the ground's procedure: something that is done, or awaited. Exactly one of `STEP_KINDS`."""

    command: str | None = None
    arguments: dict[str, Any] = msgspec.field(default_factory=dict)
    wait_for_job: Annotated[int, Meta(ge=1)] | None = None
    wait_for_reply: Annotated[int, Meta(ge=1)] | None = None
    """A conversation: the end of the reply to its latest prompt is awaited."""
    put_file: str | None = None
    """A file of the station, which is sent up to the same name."""
    wait_for_file: str | None = None
    """The name under which a file comes down, or up; its transfer's end is awaited."""
    wait_s: Annotated[float, Meta(gt=0)] | None = None
    wait_until_s: Seconds | None = None
    """A mission time; one that is past is not waited for."""
    may_fail: bool = False
    """Whether the procedure goes on if the command is refused, fails or is lost, or the file does not arrive."""
    attempts: Annotated[int, Meta(ge=1, le=ATTEMPTS_MAX)] = 1
    """How often a command is given until it completes: whoever hears that a reset fell into it gives it again."""
    waits: bool = True
    """Whether the end of a command is awaited before the next step begins."""
    label: Label | None = None

    @property
    def name(self) -> str:
        """By which dropouts refer to it: its label, or its command."""
        if self.label or self.command:
            return self.label or self.command or ""
        return " ".join(f"{kind} {getattr(self, kind)}" for kind in self.kinds())

    def kinds(self) -> list[str]:
        """Give which of `STEP_KINDS` it has."""
        return [kind for kind in STEP_KINDS if getattr(self, kind) is not None]


def check_procedure(procedure: list[StepTable]) -> None:
    """Refuse steps that are well-formed but make no sense.

    Raises:
        MisuseError: Naming the key, what was expected and what was found.
    """
    for number, step in enumerate(procedure):
        key = f"procedure[{number}]"
        chosen = step.kinds()
        if len(chosen) != 1:
            found = " and ".join(chosen) or "none"
            raise MisuseError(f"{key}: expected one of {', '.join(STEP_KINDS)}, found {found}")
        if step.command is not None:
            try:
                command: Command = DICTIONARY.command(step.command)
                command.arguments.complete(step.arguments)
            except MisuseError as error:
                raise MisuseError(f"{key}: {error}") from None
        elif step.arguments:
            raise MisuseError(f"{key}.arguments: expected none beside `{chosen[0]}`")
        if not step.waits and step.command is None:
            raise MisuseError(f"{key}.waits: expected it beside `command` alone, found `{chosen[0]}`")
        if step.attempts > 1 and (step.command is None or not step.waits):
            raise MisuseError(f"{key}.attempts: expected it beside a command that is waited for, found `{step.name}`")
        if step.may_fail and step.command is None and step.put_file is None and step.wait_for_file is None:
            raise MisuseError(f"{key}.may_fail: expected it beside a command or a file, found `{chosen[0]}`")
