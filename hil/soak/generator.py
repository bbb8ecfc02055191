"""A mission drawn from a seed, as a scenario: link, passes, commands, files, jobs, faults, perhaps an attacker.

Some are flown in an orbit: then passes, light and particles come of it. Each matter has a random stream of its own, so
that what is added to one shifts no other. Whatever is drawn, the mission ends quietly: from some time on nothing more
ends a life on board, the ground asks for what it is owed, and all of it must come.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ccsds.pus.telecommand import Telecommand
from hil.almanac import NS_PER_S, Almanac
from hil.scenario.orbit import OrbitTable, SiteTable, outlook_of
from hil.scenario.scenario import Scenario, parse_scenario
from hil.scenario.spacecraft import SpacecraftTable
from hil.scenario.toml import dump_plain
from hil.sky import contact_plan
from hil.soak.chance import pick
from hil.soak.faults import add_memory_faults, add_orbit_faults, draw_faults
from hil.streams import Streams
from mission.channels import Apid
from mission.definition import DICTIONARY

# How long a mission may go on once it is quiet: a backlog over the thinnest link, with retries and back-offs.
QUIET_S_MAX = 6_000.0

# The same over an orbit, where contact is a few minutes at a time and then none for up to 8.2 hours.
QUIET_IN_ORBIT_S_MAX = 43_200.0
# Of the missions that much are flown in an orbit.
ORBIT_SHARE = 0.25

# Of the battery as an orbit begins: from just above a brown-out to full.
CHARGE = (0.12, 1.0)

# Whoever prepares a schedule has an identity of its own: no station draws 0, and this one seldom.
PLANNER_SOURCE_ID = 0xFFFF

COMMANDS_MAX = 12
WAIT_S_MAX = 30.0
# How often the ground gives what must complete: a fade is so many octets long, and a line that is silent between short
# commands loses dozens of them in one.
ATTEMPTS = 8

JOB_STEPS = 30
OVERRIDES = (
    "model.layers = 1\nmodel.width = 16\ntraining.batch = 4",
    "model.layers = 1\nmodel.width = 16\ntraining.batch = 4\nmodel.dropout = 0.1",
)


def draw_mission(seed: int) -> Scenario:
    """Draw the mission of a seed; equal seeds give equal missions."""
    streams = Streams(seed).scoped("soak")
    link, quiet_s = _link(streams.block("link", 0))
    sky = _sky(streams.block("orbit", 0))
    if sky:
        # Passes follow from the orbit; what goes wrong does so in its first hours.
        link["passes"], quiet_s = [], sky.pop("quiet_s")
        # So low at times that jobs wait for power, or that an eclipse empties it.
        charge = round(float(streams.block("battery", 0).uniform(*CHARGE)), 3)
        sky["environment"]["battery"]["charge"] = charge
    jobs = _jobs(streams.block("jobs", 0))
    files = _files(streams.block("files", 0), link["profile"])
    job_steps = JOB_STEPS if jobs else 0
    faults = draw_faults(streams.block("faults", 0), quiet_s, job_steps, link["passes"])
    if sky:
        add_orbit_faults(streams.block("orbit faults", 0), faults, quiet_s, job_steps, _almanac(sky, quiet_s))
    add_memory_faults(streams.block("memory", 0), faults, quiet_s)
    procedure = _procedure(streams.block("commands", 0), quiet_s, jobs, files)
    plain: dict[str, Any] = {
        "name": f"soak-{seed}",
        "title": f"A mission drawn from seed {seed}",
        "duration_s": quiet_s + (QUIET_IN_ORBIT_S_MAX if sky else QUIET_S_MAX),
        "spacecraft": {
            "corpora": ["verses"],
            "worker": "inline",
            "work": {"start_s": 2.0, "step_s": 0.8, "evaluate_s": 1.0, "save_s": 1.5, "copy_s": 0.1},
            "files": files["down"],
        },
        "station": {"files": files["up"]},
        "link": link,
        **sky,
        "faults": faults,
        "procedure": procedure,
        "expect": {"invariants": True},
    }
    attacker = _attacker(streams.block("attacker", 0), quiet_s)
    if attacker is not None and link["security"] == "keys":
        plain["attacker"] = attacker
    return parse_scenario(dump_plain(plain), f"of seed {seed}")


def _link(chance: np.random.Generator) -> tuple[dict[str, Any], float]:
    """Give the link, and when the mission becomes quiet."""
    directions = {name: _direction(chance) for name in ("up", "down")}
    passes: list[dict[str, float]] = []
    if chance.random() < 0.3:
        quiet_s = float(chance.integers(80, 200))
    else:
        at_s = float(chance.integers(0, 100))
        for _ in range(int(chance.integers(1, 4))):
            duration_s = float(chance.integers(40, 120))
            passes.append({"at_s": at_s, "duration_s": duration_s})
            at_s += duration_s + float(pick(chance, (60, 300, 1_800, 5_400)))
        quiet_s = at_s
        passes.append({"at_s": at_s, "duration_s": QUIET_S_MAX})
    dropouts = [
        {
            "direction": str(pick(chance, ("up", "down"))),
            "at_s": round(quiet_s * float(chance.random()), 3),
            "duration_s": round(float(chance.uniform(0.1, 20)), 3),
        }
        for _ in range(int(chance.integers(3)))
    ]
    link = {
        "profile": str(pick(chance, ("serial", "uhf", "sband", "xband"))),
        "security": "keys" if chance.random() < 0.85 else "none",
        **directions,
        "dropouts": dropouts,
        "passes": passes,
    }
    return link, quiet_s


def _sky(chance: np.random.Generator) -> dict[str, Any]:
    """Give orbit, stations and environment, and when the mission becomes quiet; nothing for a mission without an orbit.

    Not every orbit comes within sight of a station. The longest gap between contacts, in hours, over svalbard_78 and
    over inuvik_68: starcloud_325 7.6 and 2.9, sso_500 6.3 and 1.5, dawn_dusk_650 1.6 and 8.2.

    The device is an edge module, which the array feeds outside of eclipses alone.
    """
    if chance.random() >= ORBIT_SHARE:
        return {}
    quiet_s = float(chance.integers(6_000, 16_000))
    station = str(pick(chance, ("svalbard_78", "inuvik_68")))
    return {
        "quiet_s": quiet_s,
        "orbit": {
            "name": str(pick(chance, ("starcloud_325", "sso_500", "dawn_dusk_650"))),
            "anomaly_deg": float(chance.integers(360)),
        },
        "stations": [{"name": station}],
        "environment": {
            "array": {"area_m2": float(pick(chance, (0.5, 1.5)))},
            "battery": {"capacity_wh": float(pick(chance, (40, 100)))},
            "loads": {"bus_w": 20.0, "off_w": 1.0, "device_off_w": 0.0, "device_idle_w": 15.0, "device_busy_w": 60.0},
            "radiation": {
                "stress": float(pick(chance, (1, 1_000, 10_000))),
                "stress_until_s": quiet_s,
                "latch_ups_at_s": [round(quiet_s * float(chance.random()), 3)] if chance.random() < 0.5 else [],
            },
        },
    }


def _almanac(sky: dict[str, Any], quiet_s: float) -> Almanac:
    """Give what comes in an orbit until the mission becomes quiet."""
    sites = [SiteTable(**site) for site in sky["stations"]]
    tai_s = SpacecraftTable().tai_s
    outlook = outlook_of(OrbitTable(**sky["orbit"]), sites, tai_s, quiet_s + QUIET_IN_ORBIT_S_MAX)
    return Almanac(contact_plan(outlook), outlook, duration_s=quiet_s)


def _direction(chance: np.random.Generator) -> dict[str, float]:
    return {
        "delay_s": round(float(chance.uniform(0, 0.4)), 4),
        "bit_error_rate": float(pick(chance, (0.0, 1e-7, 1e-6, 1e-5))),
        "frame_loss": float(pick(chance, (0.0, 0.0, 0.02, 0.1))),
        "frame_loss_burst": float(pick(chance, (1.0, 3.0))),
    }


def _jobs(chance: np.random.Generator) -> list[dict[str, Any]]:
    return [
        {
            "job_id": number,
            "recipe": "tiny",
            "corpus": "verses",
            "seed": int(chance.integers(1, 4)),
            "steps": JOB_STEPS,
            "overrides": str(pick(chance, OVERRIDES)),
        }
        for number in range(1, 1 + int(pick(chance, (0, 1, 1, 2))))
    ]


def _files(chance: np.random.Generator, profile: str) -> dict[str, list[dict[str, Any]]]:
    octets_max = 4_000 if profile == "uhf" else 30_000
    return {
        direction: [
            {"name": f"{direction}-{number}.bin", "octets": int(octets_max * float(chance.random()) ** 2)}
            for number in range(int(chance.integers(3)))
        ]
        for direction in ("up", "down")
    }


def _procedure(
    chance: np.random.Generator,
    quiet_s: float,
    jobs: list[dict[str, Any]],
    files: Mapping[str, list[dict[str, Any]]],
) -> list[dict[str, Any]]:
    groups: list[list[dict[str, Any]]] = [[{"command": "job.submit", "arguments": job}] for job in jobs]
    groups += [[{"put_file": file["name"]}] for file in files["up"]]
    groups += [[_step("file.send", name=file["name"])] for file in files["down"]]
    groups += [_command(chance, number, quiet_s, jobs) for number in range(int(chance.integers(2, COMMANDS_MAX + 1)))]
    order = chance.permutation(len(groups))
    busy = [{**step, "may_fail": True} for number in order for step in groups[int(number)]]
    for step in busy:
        if "command" in step and chance.random() < 0.5:
            step["waits"] = False
    for _ in range(int(chance.integers(4))):
        wait_s = round(float(chance.uniform(1, WAIT_S_MAX)), 3)
        busy.insert(int(chance.integers(len(busy) + 1)), {"wait_s": wait_s})
    return [*busy, *_quiet_steps(quiet_s, jobs, files)]


def _quiet_steps(
    quiet_s: float, jobs: list[dict[str, Any]], files: Mapping[str, list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Give what the ground does once nothing goes wrong any more: it asks for all that it is owed."""
    steps: list[dict[str, Any]] = [
        {"wait_until_s": quiet_s + 70.0},
        {**_owed("test.connection"), "label": "commandable"},
        {"command": "device.trust", "may_fail": True},
        _owed("mode.enter", mode="COMPUTE"),
        _owed("schedule.enable"),
        _owed("scrub.start"),
    ]
    for job in jobs:
        # One whose submission never came is submitted now; for the others it is the same job.
        steps.append({**_owed("job.submit", **job), "may_fail": True})
        steps.append({"command": "job.resume", "arguments": {"job_id": job["job_id"]}, "may_fail": True})
    steps += [{"wait_for_job": job["job_id"]} for job in jobs]
    steps += [_owed("job.report", job_id=job["job_id"]) for job in jobs]
    steps += [{"wait_for_file": file["name"], "may_fail": True} for file in files["up"]]
    steps += [_owed("file.send", name=file["name"], destination=f"again-{file['name']}") for file in files["down"]]
    steps += [{"wait_for_file": f"again-{file['name']}"} for file in files["down"]]
    return [*steps, {"wait_s": 15.0}, {**_owed("test.connection"), "label": "commandable at the end"}]


def _owed(command: str, **arguments: Any) -> dict[str, Any]:
    """Give the step of a command that must complete."""
    return {**_step(command, **arguments), "attempts": ATTEMPTS}


def _command(
    chance: np.random.Generator, number: int, quiet_s: float, jobs: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    match int(chance.integers(12)):
        case 0:
            return [_step("housekeeping.once", structures=[1])]
        case 1:
            return [_step("housekeeping.enable", structures=[1])]
        case 2:
            return [_step("parameter.set", values={"clock_drift": float(chance.integers(1, 100))})]
        case 3 | 4:
            return [_step("directory.make", name=f"made-{number}")]
        case 5 | 6:
            late = float(chance.random()) * quiet_s
            return [_step("schedule.enable"), _step("schedule.insert", activities=[_activity(number, late)])]
        case 7 if jobs:
            job = int(chance.integers(1, len(jobs) + 1))
            return [_step(str(pick(chance, ("job.pause", "job.resume", "job.report"))), job_id=job)]
        case 8:
            reset = DICTIONARY.command("spacecraft.reset")
            return [
                _step("command.arm", service=reset.service, subtype=reset.subtype),
                _step("spacecraft.reset"),
            ]
        case 9:
            return [_step("mode.enter", mode=str(pick(chance, ("NOMINAL", "SAFE", "COMPUTE"))))]
        case 10:
            return [_step(str(pick(chance, ("boot.report", "file.list", "scrub.start", "schedule.report_fates"))))]
    return [_step("test.connection")]


def _step(command: str, **arguments: Any) -> dict[str, Any]:
    return {"command": command} | ({"arguments": arguments} if arguments else {})


def _activity(number: int, at_s: float) -> dict[str, Any]:
    """Give a directory to be made on board at a mission time, if the on-board clock is right."""
    command = DICTIONARY.command("directory.make")
    data = command.arguments.encode({"name": f"due-{number}"})
    packet = Telecommand(Apid.CORE, number, command.service, command.subtype, PLANNER_SOURCE_ID, data=data)
    tai_ns = round((SpacecraftTable().tai_s + at_s) * NS_PER_S)
    return {"release_time": tai_ns, "request": packet.encode().hex()}


def _attacker(chance: np.random.Generator, quiet_s: float) -> dict[str, Any] | None:
    if chance.random() < 0.7:
        return None
    return {
        "per_minute": float(pick(chance, (2, 10, 30))),
        "until_s": quiet_s,
        "alters": float(pick(chance, (0.0, 0.02, 0.1))),
    }
