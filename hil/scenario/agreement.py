"""What one table of a scenario says of things that another has to bring about: jobs, files, replies.

A wait for what nobody has asked for would end with mission time, and a fault of a job that nobody submits would never
come. Where commands are in the procedure that carry others, or where there is none, as with a test that acts by hand,
nobody can tell from here. Which files there are is known where nobody but the scenario lays any (`check_files_there`).
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

from ccsds.errors import MisuseError
from flight.filestore.shelf import JOBS_DIRECTORY
from ground.storage import CONFIRM
from hil.scenario.expect import ExpectTable
from hil.scenario.faults import FaultTable
from hil.scenario.procedure import StepTable
from hil.scenario.spacecraft import FileTable
from mission.definition import DICTIONARY

# Of what is done to a file on board, what leaves none of its name.
_TAKING = ("file.delete", "file.move")

_CARRIERS = ("schedule.insert", "schedule.insert_relative", "reaction.add")

# Given by the station itself, whatever the procedure says.
_AUTOMATIC = {CONFIRM}


def check_agreement(procedure: Sequence[StepTable], faults: Sequence[FaultTable], expect: ExpectTable) -> None:
    """Refuse what waits for, strikes or expects what nobody brings about.

    Args:
        procedure: Of a scenario.
        faults: Of it.
        expect: Of it.

    Raises:
        MisuseError: Naming the key, what was expected and what was found.
    """
    if not procedure or _has_carriers(procedure):
        return
    asked = _Asked()
    for number, step in enumerate(procedure):
        asked.take(step, f"procedure[{number}]")
    asked.check_faults(faults)
    asked.check_expect(expect)


def check_files_there(
    procedure: Sequence[StepTable], on_board: Sequence[FileTable], at_station: Sequence[FileTable]
) -> None:
    """Refuse steps that send a file which is not there by then: neither laid before the run, nor come in it.

    Args:
        procedure: Of a scenario.
        on_board: What its spacecraft has in its store of files, and all that it has.
        at_station: The same of its station.

    Raises:
        MisuseError: Naming the key, what was expected and what was found.
    """
    if _has_carriers(procedure):
        return
    here, there = {file.name for file in at_station}, {file.name for file in on_board}
    jobs: set[int] = set()
    for number, step in enumerate(procedure):
        key = f"procedure[{number}]"
        match step.command:
            case "job.submit":
                jobs.add(_arguments(step)["job_id"])
            case "file.delete" | "file.move" | "model.pack" | "model.unpack":
                arguments = _arguments(step)
                if step.command in _TAKING and not step.may_fail and step.release is None:
                    there.discard(arguments["name"])
                if "destination" in arguments:
                    there.add(arguments["destination"])
            case "file.send":
                arguments = _arguments(step)
                name = arguments["name"]
                if not step.may_fail and name not in there and not _is_of_a_job(name, jobs):
                    raise MisuseError(
                        f"{key}.arguments.name: expected a file that is on board by then "
                        f"({', '.join(sorted(there)) or 'none is'}), found {name!r}"
                    )
                destination = arguments["destination"] or name
                here |= {destination, PurePosixPath(destination).name}
                # What is done to files at the ground, together with this one.
                here |= {each for row in arguments["requests"] for each in (row["first"], row["second"])}
        if step.put_file is not None:
            if step.put_file not in here:
                raise MisuseError(
                    f"{key}.put_file: expected a file that the station has by then "
                    f"({', '.join(sorted(here)) or 'it has none'}), found {step.put_file!r}"
                )
            there.add(step.put_file)


class _Asked:
    """What the ground has asked for, step by step."""

    def __init__(self) -> None:
        self._jobs: set[int] = set()
        self._files: set[str] = set()
        self._conversations: set[int] = set()
        self._commands = set(_AUTOMATIC)

    def take(self, step: StepTable, key: str) -> None:
        """Take a step; refuse one that waits for what no step before it has asked for."""
        self._commands |= {step.command or ""}
        if step.wait_for_job is not None:
            self._commands.add("job.report")  # Of which nothing was heard for long is asked after.
        if step.send_orbit_events is not None:
            self._commands.add("schedule.set_orbit_events")
        if step.release is not None:
            self._commands.add("schedule.insert_relative")
        match step.command:
            case "job.submit":
                self._jobs.add(_arguments(step)["job_id"])
            case "chat.prompt":
                self._conversations.add(_arguments(step)["conversation"])
            case "file.send":
                arguments = _arguments(step)
                name = arguments["destination"] or arguments["name"]
                self._files |= {name, PurePosixPath(name).name}
        if step.put_file is not None:
            self._files.add(step.put_file)
        for name, waits_for, known, how in (
            ("wait_for_job", step.wait_for_job, self._jobs, "a job that a step before submits"),
            ("wait_for_reply", step.wait_for_reply, self._conversations, "a conversation that a step before prompts"),
            ("wait_for_file", step.wait_for_file, self._files, "a file that a step before puts, or has sent"),
        ):
            if waits_for is not None and waits_for not in known:
                raise MisuseError(f"{key}.{name}: expected {how}, found {waits_for!r}")

    def check_faults(self, faults: Sequence[FaultTable]) -> None:
        """Refuse faults of a job that nobody submits; one that waits for a step of any job may wait in vain."""
        for number, fault in enumerate(faults):
            key = f"faults[{number}]"
            if fault.job_id is not None and fault.job_id not in self._jobs:
                raise MisuseError(f"{key}.job_id: expected a job that a step submits, found {fault.job_id}")

    def check_expect(self, expect: ExpectTable) -> None:
        """Refuse expectations of what nobody asks for."""
        if expect.replies_min and not self._conversations:
            raise MisuseError("expect.replies_min: expected none, since no step of the procedure prompts a model")
        for number, goal in enumerate(expect.goals):
            key = f"expect.goals[{number}]"
            if goal.job is not None and goal.job not in self._jobs:
                raise MisuseError(f"{key}.job: expected a job that a step submits, found {goal.job}")
            if goal.file is not None and goal.file not in self._files:
                raise MisuseError(f"{key}.file: expected a file that a step puts, or has sent, found {goal.file!r}")
            if goal.command is not None and goal.command not in self._commands:
                raise MisuseError(f"{key}.command: expected a command that a step gives, found {goal.command!r}")


def _has_carriers(procedure: Sequence[StepTable]) -> bool:
    commands = [step.command or "" for step in procedure]
    return any(name in _CARRIERS or name.startswith("procedure.") for name in commands)


def _is_of_a_job(name: str, jobs: set[int]) -> bool:
    """Tell whether a file may lie with what a job has made."""
    root, _, rest = name.partition("/")
    return root == JOBS_DIRECTORY and rest.partition("/")[0] in map(str, jobs)


def _arguments(step: StepTable) -> dict:
    return DICTIONARY.command(step.command or "").arguments.complete(step.arguments)
