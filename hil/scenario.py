"""A scenario: one TOML file that says all of a run, checked before anything starts.

It says who flies, over which link, what goes wrong when, what the ground does, and what must come of it.
The same file runs in virtual time (`hil.world`) and in real time between two processes (`hil.rig`).
"""

import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from ccsds.errors import MisuseError
from hil.faults.flip import Spread
from hil.faults.part import Part
from mission.definition import DICTIONARY
from mission.dictionary import Command
from mission.profiles import find_profile

Seconds = Annotated[float, Meta(ge=0, le=10 * 365 * 86_400)]
Probability = Annotated[float, Meta(ge=0, lt=1)]
STEP_KINDS = ("command", "wait_for_job", "put_file", "wait_for_file", "wait_s")
"""What a step of the procedure can be."""

WORKER_FAULTS = ("kill_worker", "hang_worker", "slow_worker", "starve_worker", "flip")
"""What befalls a worker."""
IN_WORKER_FAULTS = ("starve_worker", "flip")
"""What of it happens inside the process."""

Label = Annotated[str, Meta(min_length=1, max_length=64)]

# Ten years of fourteen passes a day.
PASSES_MAX = 51_100

# Drawn and written before the run begins; CFDP itself takes more.
FILE_OCTETS_MAX = 8 << 30


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file; a key that is not declared is an error."""


class WorkDurations(_Table, frozen=True, kw_only=True):
    """What a worker's requests take in virtual time. They decide when, never what."""

    start_s: Seconds = 2.0
    step_s: Annotated[float, Meta(gt=0)] = 0.04
    evaluate_s: Seconds = 1.5
    copy_s: Seconds = 0.02
    """Of State, which is all that training waits for when a checkpoint is written."""
    save_s: Seconds = 0.05
    """Of a checkpoint, from the copy until it counts."""
    sample_s: Seconds = 1.0
    finish_s: Seconds = 0.1


class FileTable(_Table, frozen=True, kw_only=True):
    """A file that is there before the run, with content drawn from the seed."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$")]
    octets: Annotated[int, Meta(ge=0, le=FILE_OCTETS_MAX)]


class SpacecraftTable(_Table, frozen=True, kw_only=True):
    """The spacecraft."""

    corpora: list[str] = msgspec.field(default_factory=lambda: ["tinyshakespeare"])
    """Corpora that are on board: names, or paths of text files."""
    tai_s: Annotated[float, Meta(ge=0, lt=1 << 32)] = 2_174_000_000.0
    """On-board time at the start, in seconds of TAI since 1958 (late November 2026 by default)."""
    work: WorkDurations = WorkDurations()
    files: list[FileTable] = []
    """In its store of files."""


class StationTable(_Table, frozen=True, kw_only=True):
    """The ground station."""

    files: list[FileTable] = []
    """In its directory of files."""


class DirectionTable(_Table, frozen=True, kw_only=True):
    """What one direction of the link does to octets."""

    delay_s: Seconds = 0.0
    bit_error_rate: Probability = 0.0
    frame_loss: Probability = 0.0
    """The share of frames that fades take, by frames of the profile's full length."""
    frame_loss_burst: Annotated[float, Meta(ge=1, le=1_000)] = 1.0
    """Frames that one fade takes in the mean."""


class DropoutTable(_Table, frozen=True, kw_only=True):
    """A time in which every octet of one direction is lost; it starts at a time or just before a step."""

    direction: Literal["up", "down"]
    duration_s: Annotated[float, Meta(gt=0)]
    at_s: Seconds | None = None
    before: Label | None = None


class PassTable(_Table, frozen=True, kw_only=True):
    """A contact, or one that comes again and again."""

    at_s: Seconds
    duration_s: Annotated[float, Meta(gt=0)]
    every_s: Annotated[float, Meta(gt=0)] | None = None
    """From the beginning of one to that of the next; without it there is one."""
    count: Annotated[int, Meta(ge=1, le=PASSES_MAX)] | None = None
    """How many there are."""

    def starts_s(self) -> list[float]:
        """Give when they begin."""
        return [self.at_s + number * (self.every_s or 0.0) for number in range(self.count or 1)]


class LinkTable(_Table, frozen=True, kw_only=True):
    """The link between the two."""

    profile: str = "sband"
    security: Literal["keys", "none"] = "keys"
    """Whether both ends have keys, drawn from the seed, or believe every frame."""
    up: DirectionTable = DirectionTable()
    down: DirectionTable = DirectionTable()
    dropouts: list[DropoutTable] = []
    passes: list[PassTable] = []
    """Outside of these nothing is sent and nothing arrives. Without any, there is contact all the time."""


class FaultTable(_Table, frozen=True, kw_only=True):
    """Something that goes wrong: what befalls a worker at a step, or an end that loses its power at a time."""

    kind: Literal[
        "kill_worker", "hang_worker", "slow_worker", "starve_worker", "flip", "reboot_spacecraft", "reboot_station"
    ]
    job_step: Annotated[int, Meta(ge=0)] | None = None
    """What befalls a worker does so once telemetry has told of this step."""
    factor: Annotated[float, Meta(gt=1, le=1e6)] | None = None
    """So many times as long a slow worker takes for everything, until it is replaced."""
    part: Part | None = None
    """What of the job's memory is struck; drawn, if it is not said."""
    spread: Spread | None = None
    """How far apart the bits that flip lie at most, in octets; drawn, if it is not said."""
    at_s: Seconds | None = None
    """When an end loses its power."""
    down_s: Annotated[float, Meta(gt=0)] = 30.0
    """How long it is off."""


class StepTable(_Table, frozen=True, kw_only=True):
    """One step of the ground's procedure: something that is done, or awaited. Exactly one of `STEP_KINDS`."""

    command: str | None = None
    arguments: dict[str, Any] = {}
    wait_for_job: Annotated[int, Meta(ge=1)] | None = None
    put_file: str | None = None
    """A file of the station, which is sent up to the same name."""
    wait_for_file: str | None = None
    """The name under which a file comes down, or up; its transfer's end is awaited."""
    wait_s: Annotated[float, Meta(gt=0)] | None = None
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


class ExpectTable(_Table, frozen=True, kw_only=True):
    """What must come of it, beside what must always hold."""

    weights_as_reference: bool = False
    """The finished weights are bit for bit those of the same job run undisturbed."""
    below_bigram_by: Annotated[float, Meta(ge=0)] | None = None
    """Nats by which the validation loss is under the validation split's own bigram model."""
    validation_loss_below: dict[str, float] = {}
    """For a corpus, by its SHA-256, what the validation loss must be under; other corpora are not judged by it."""
    sample: bool = False
    """The trained model's sample text arrives."""
    commands_sent_again_min: Annotated[int, Meta(ge=0)] = 0
    """Commands that the tracker had to send more than once."""
    answers_from_journal_min: Annotated[int, Meta(ge=0)] = 0
    """Commands that came again and were answered from the journal."""
    workers_lost_min: Annotated[int, Meta(ge=0)] = 0
    faults_mended_min: Annotated[int, Meta(ge=0)] = 0
    """Strikes that the job's guard found and undid, by the job's report."""


class Scenario(_Table, frozen=True, kw_only=True):
    """The whole file."""

    name: Label
    title: str = ""
    duration_s: Annotated[float, Meta(gt=0, le=10 * 365 * 86_400)] = 3_600.0
    """Mission time after which it is given up."""
    spacecraft: SpacecraftTable = SpacecraftTable()
    station: StationTable = StationTable()
    link: LinkTable = LinkTable()
    faults: list[FaultTable] = []
    procedure: list[StepTable]
    expect: ExpectTable = ExpectTable()

    def submitted(self) -> dict[str, Any] | None:
        """Give the arguments of the first job that the procedure submits, completed, or None."""
        for step in self.procedure:
            if step.command == "job.submit":
                return DICTIONARY.command("job.submit").arguments.complete(step.arguments)
        return None


def load_scenario(name_or_path: str) -> Scenario:
    """Read a scenario.

    Args:
        name_or_path: The name of a shipped scenario, or the path of a file.

    Raises:
        MisuseError: There is no such scenario, or it is wrong; one line with the file, the key and what was expected.
    """
    path = Path(name_or_path)
    shipped = resources.files("hil") / "scenarios" / f"{name_or_path}.toml"
    if path.suffix == ".toml":
        try:
            text = path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise MisuseError(f"scenario {name_or_path}: expected a readable file, found {error}") from None
    elif shipped.is_file():
        text = shipped.read_text()
    else:
        raise MisuseError(
            f"unknown scenario {name_or_path!r}: expected the path of a .toml file or one of "
            f"{', '.join(shipped_scenarios())}"
        )
    return parse_scenario(text, name_or_path)


def shipped_scenarios() -> list[str]:
    """Give the names of the scenarios that come with the package."""
    folder = resources.files("hil") / "scenarios"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def parse_scenario(text: str, where: str) -> Scenario:
    """Read a scenario from its text.

    Args:
        text: TOML.
        where: What to call it in messages.

    Raises:
        MisuseError: It is wrong; one line with the key and what was expected.
    """
    try:
        scenario = msgspec.convert(tomllib.loads(text), Scenario)
    except tomllib.TOMLDecodeError as error:
        raise MisuseError(f"scenario {where}: expected TOML, found {error}") from None
    except msgspec.ValidationError as error:
        raise MisuseError(f"scenario {where}: {_in_keys(str(error))}") from None
    try:
        _check(scenario)
    except MisuseError as error:
        raise MisuseError(f"scenario {where}: {error}") from None
    return scenario


def _check(scenario: Scenario) -> None:
    """Refuse what is well-formed but makes no sense."""
    find_profile(scenario.link.profile)
    _check_passes(scenario.link.passes)
    _check_faults(scenario.faults)
    names = [step.name for step in scenario.procedure]
    for number, step in enumerate(scenario.procedure):
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
    for number, dropout in enumerate(scenario.link.dropouts):
        key = f"link.dropouts[{number}]"
        if (dropout.at_s is None) == (dropout.before is None):
            raise MisuseError(f"{key}: expected either `at_s` or `before`")
        if dropout.before is not None and dropout.before not in names:
            raise MisuseError(
                f"{key}.before: expected the label of a step ({', '.join(names)}), found {dropout.before!r}"
            )
        if dropout.at_s is not None and dropout.at_s > scenario.duration_s:
            raise MisuseError(
                f"{key}.at_s: expected at most duration_s = {scenario.duration_s:g}, found {dropout.at_s:g}"
            )
    expect = scenario.expect
    wants_job = expect.weights_as_reference or expect.sample or expect.below_bigram_by is not None
    if wants_job and scenario.submitted() is None:
        raise MisuseError("expect: a job is expected, but no step of the procedure submits one")


def _check_passes(passes: list[PassTable]) -> None:
    for number, each in enumerate(passes):
        key = f"link.passes[{number}]"
        if (each.every_s is None) != (each.count is None):
            raise MisuseError(f"{key}: expected both `every_s` and `count`, or neither")
        if each.every_s is not None and each.every_s <= each.duration_s:
            raise MisuseError(f"{key}.every_s: expected above duration_s = {each.duration_s:g}, found {each.every_s:g}")
    count = sum(each.count or 1 for each in passes)
    if count > PASSES_MAX:
        raise MisuseError(f"link.passes: expected at most {PASSES_MAX} in all, found {count}")


def _check_faults(faults: list[FaultTable]) -> None:
    for number, fault in enumerate(faults):
        wanted, other = ("job_step", "at_s") if fault.kind in WORKER_FAULTS else ("at_s", "job_step")
        if getattr(fault, wanted) is None or getattr(fault, other) is not None:
            raise MisuseError(f"faults[{number}]: expected `{wanted}` and no `{other}` for {fault.kind}")
        if (fault.factor is not None) != (fault.kind == "slow_worker"):
            raise MisuseError(f"faults[{number}].factor: expected one for slow_worker, and for nothing else")
        if fault.kind != "flip" and (fault.part is not None or fault.spread is not None):
            raise MisuseError(f"faults[{number}]: expected `part` and `spread` for flip alone, found {fault.kind}")


def _in_keys(message: str) -> str:
    """Say a validation error with the key first: ``link.up.delay_s: expected `float` >= 0.0``."""
    text, _, path = message.partition(" - at `$")
    key = path.rstrip("`").lstrip(".")
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", text)
    if unknown:
        known = ", ".join(field.name for field in msgspec.structs.fields(_table_at(key)))
        return f"unknown key {'.'.join(filter(None, (key, unknown[1])))}: expected one of {known}"
    text = text[0].lower() + text[1:]
    return f"{key}: {text}" if key else text


def _table_at(key: str) -> type[_Table]:
    """Give the table that a key names, such as ``link.dropouts[...]``."""
    table: type[_Table] = Scenario
    for name in filter(None, re.sub(r"\[.*?\]", "", key).split(".")):
        kind = next(field.type for field in msgspec.structs.fields(table) if field.name == name)
        table = next(iter(get_args(kind)), kind)
    return table
