"""A scenario: one TOML file that says all of a run, checked before anything starts.

It says who flies, over which link, what goes wrong when, what the ground does, and what must come of it.
The same file runs in virtual time (`hil.world`) and in real time between two processes (`hil.rig.rig`).
"""

import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta

from ccsds.errors import MisuseError
from hil.almanac import NS_PER_S, Almanac
from hil.link.lines import check_lines
from hil.orbit.outlook import Outlook
from hil.scenario.agreement import check_agreement
from hil.scenario.attacker import AttackerTable, check_attacker
from hil.scenario.environment import EnvironmentTable, check_environment
from hil.scenario.expect import ExpectTable, check_goals
from hil.scenario.faults import FaultTable, check_faults
from hil.scenario.link import LinkTable, check_directions, check_passes
from hil.scenario.orbit import OrbitTable, SiteTable, outlook_of
from hil.scenario.procedure import StepTable, check_instants, check_procedure
from hil.scenario.spacecraft import SpacecraftTable, StationTable, check_files
from hil.scenario.table import Label, Table
from hil.sky import contact_plan
from mission.definition import DICTIONARY
from mission.profile_file import open_profile


class Scenario(Table, frozen=True, kw_only=True):
    """The whole file."""

    name: Label
    title: str = ""
    duration_s: Annotated[float, Meta(gt=0, le=10 * 365 * 86_400)] = 3_600.0
    """Mission time after which it is given up."""
    spacecraft: SpacecraftTable = SpacecraftTable()
    station: StationTable = StationTable()
    link: LinkTable = LinkTable()
    orbit: OrbitTable | None = None
    """Without one, passes are those of the link."""
    environment: EnvironmentTable | None = None
    """Without one there is power without end, no heat and no radiation."""
    stations: list[SiteTable] = msgspec.field(default_factory=list)
    """Where the station has its antennas, if there is an orbit."""
    faults: list[FaultTable] = msgspec.field(default_factory=list)
    attacker: AttackerTable | None = None
    procedure: list[StepTable]
    expect: ExpectTable = ExpectTable()

    def submitted(self) -> dict[str, Any] | None:
        """Give the arguments of the first job that the procedure submits, completed, or None."""
        for step in self.procedure:
            if step.command == "job.submit":
                return DICTIONARY.command("job.submit").arguments.complete(step.arguments)
        return None

    def outlook(self) -> Outlook | None:
        """Give what lies ahead by its orbit, or None if it has none.

        Raises:
            MisuseError: Naming the key, what was expected and what was found.
        """
        if self.orbit is None:
            return None
        return outlook_of(self.orbit, self.stations, self.spacecraft.tai_s, self.duration_s)


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
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MisuseError(f"scenario {where}: expected TOML: {error}") from None
    return build_scenario(tables, where)


def build_scenario(tables: Mapping[str, Any], where: str) -> Scenario:
    """Make a scenario from its tables; see `parse_scenario`."""
    try:
        scenario = msgspec.convert(tables, Scenario)
    except msgspec.ValidationError as error:
        raise MisuseError(f"scenario {where}: {_in_keys(str(error))}") from None
    try:
        _check(scenario)
    except MisuseError as error:
        raise MisuseError(f"scenario {where}: {error}") from None
    return scenario


def _check(scenario: Scenario) -> None:
    """Refuse what is well-formed but makes no sense."""
    open_profile(scenario.link.profile)
    check_directions(scenario.link)
    check_files(scenario.spacecraft.files, "spacecraft.files")
    check_files(scenario.station.files, "station.files")
    check_lines(scenario.link)
    check_passes(scenario.link.passes, scenario.duration_s)
    outlook = _check_sky(scenario)
    plan = contact_plan(outlook, scenario.link.passes)
    passes_s = [each.start_ns / NS_PER_S for each in plan.passes]
    check_faults(scenario.faults, duration_s=scenario.duration_s, passes_s=passes_s, has_orbit=outlook is not None)
    check_procedure(scenario.procedure, scenario.duration_s)
    check_instants(scenario.procedure, Almanac(plan, outlook, duration_s=scenario.duration_s))
    check_attacker(scenario.attacker, scenario.duration_s)
    check_goals(scenario.expect.goals, scenario.duration_s)
    _check_dropouts(scenario)
    for number, pull in enumerate(scenario.link.cable_pulls):
        if pull.at_s > scenario.duration_s:
            raise MisuseError(
                f"link.cable_pulls[{number}].at_s: expected at most duration_s = {scenario.duration_s:g}, "
                f"found {pull.at_s:g}"
            )
    expect = scenario.expect
    check_agreement(scenario.procedure, scenario.faults, expect)
    most = expect.brown_outs_max
    if most is not None and most < expect.brown_outs_min:
        raise MisuseError(
            f"expect.brown_outs_max: expected at least brown_outs_min = {expect.brown_outs_min}, found {most}"
        )
    wants_sky = expect.limited_for or expect.brown_outs_min or expect.brown_outs_max is not None
    if (wants_sky or expect.device_c_below is not None) and scenario.environment is None:
        raise MisuseError("expect: power or heat is expected to do something, but there is no [environment]")
    has_radiation = scenario.environment is not None and scenario.environment.radiation is not None
    if expect.particles_min and not has_radiation:
        raise MisuseError("expect.particles_min: expected none without an [environment.radiation]")
    wants_job = expect.weights_as_reference or expect.sample or expect.below_bigram_by is not None
    wants_job = wants_job or expect.workers_lost_min or expect.faults_mended_min or expect.validation_loss_below
    if wants_job and scenario.submitted() is None:
        raise MisuseError("expect: a job is expected, but no step of the procedure submits one")


def _check_sky(scenario: Scenario) -> Outlook | None:
    """Refuse an orbit that is none, and what contradicts it; give what lies ahead, if there is one."""
    if scenario.orbit is not None and scenario.link.passes:
        raise MisuseError("link.passes: expected none beside an [orbit], from which passes follow")
    outlook = scenario.outlook()
    if scenario.environment is not None:
        if outlook is None:
            raise MisuseError("environment: expected an [orbit] beside it, by which the Sun shines")
        check_environment(scenario.environment, scenario.duration_s)
    if outlook is None:
        if scenario.stations:
            raise MisuseError("stations: expected none without an [orbit]")
        for name in ("up", "down"):
            if getattr(scenario.link, name).eb_n0_db is not None:
                raise MisuseError(f"link.{name}.eb_n0_db: expected none without an [orbit], which gives the range")
    return outlook


def _check_dropouts(scenario: Scenario) -> None:
    names = [step.name for step in scenario.procedure]
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


def _table_at(key: str) -> type[Table]:
    """Give the table that a key names, such as ``link.dropouts[...]``."""
    table: type[Table] = Scenario
    for name in filter(None, re.sub(r"\[.*?\]", "", key).split(".")):
        kind = next(field.type for field in msgspec.structs.fields(table) if field.name == name)
        table = next((each for each in get_args(kind) if each is not type(None)), kind)
    return table
