"""What was seen in a run: the events of both ends and of the link, kept for the checks, the log and the report.

It is fed with plain events (dicts with a ``type``), so it does not matter whether they came from a core in this process
or from a program behind a socket. The log holds no wall time, process id or path.
"""

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from ccsds.pus.telecommand import Telecommand
from hil.environment.environment import EnvironmentSample
from hil.latest_word import LatestWord
from hil.sky import LookSample, SkySpan

NS_PER_S = 1_000_000_000


class Evidence:
    """Everything a run left behind.

    Args:
        log_path: Where the event log goes, one JSON object a line.
    """

    def __init__(self, log_path: Path) -> None:
        self._log: BinaryIO = log_path.open("wb")
        self.counts: Counter[str] = Counter()
        """How often each kind of event came, as ``source.type``."""
        self.losses: dict[int, list[tuple[float, int, float]]] = {}
        """For each job, (mission time in s, step, training loss): as told on board if that is seen, else as it came."""
        self.validation_losses: dict[int, list[tuple[float, int, float]]] = {}
        self.job_reports: dict[int, dict[str, Any]] = {}
        self.samples: dict[int, str] = {}
        self.housekeeping: dict[str, dict[str, Any]] = {}
        self.commands: dict[int, dict[str, Any]] = {}
        """For each command: its name, the stages it went through with their times, and its tries."""
        self.executed: Counter[tuple[int, int]] = Counter()
        """How often the spacecraft executed each (source id, sequence count); virtual time only."""
        self.given: set[tuple[int, int]] = set()
        """(source id, sequence count) of each command that the station gave."""
        self.forged = 0
        """What an attacker sent, or changed."""
        self.jobs_done_s: dict[int, float] = {}
        """When the ground heard that a job is done, in s of mission time."""
        self.files_arrived_s: dict[str, float] = {}
        """When the ground knew that a file has arrived, by its name where it went."""
        self.transfers_failed: list[str] = []
        """Files that were given up, as the ground was told."""
        self.lengths: dict[str, tuple[int, int]] = {}
        """The most that a queue has held, with its bound; where somebody has measured it."""
        self.strikes: list[str] = []
        """What went wrong on purpose, one line each with its time."""
        self.marks: list[tuple[float, str, str]] = []
        """(mission time in s, kind, text) of what went wrong and of job states, for the plots."""
        self.onboard_marks: list[tuple[float, str, str]] = []
        """The same of what the spacecraft announced, when it did; virtual time only."""
        self.link_samples: list[tuple[float, str, int]] = []
        """(mission time in s, direction, octets sent by then)."""
        self.dropouts: list[tuple[str, float, float]] = []
        """(direction, start and end in s of mission time) of each span in which octets were lost."""
        self.spans: list[SkySpan] = []
        """Passes, eclipses and zones of radiation, in order of time, if there is an orbit."""
        self.looks: list[LookSample] = []
        """Range and elevation in each pass, if there is an orbit."""
        self.environment_samples: list[EnvironmentSample] = []
        """Charge, powers and temperatures, evenly over the run, if there is an environment."""
        self.environment_changes: Counter[str] = Counter()
        """How often each `hil.environment.environment.Change` came, by name."""
        self.device_c_max: float | None = None
        """The highest temperature of the compute device, if there is an environment."""
        self.limits: Counter[tuple[str, str]] = Counter()
        """How often the governor came to allow jobs only this, and what for, by telemetry: allowance and cause."""
        self.contacts: list[tuple[float, float | None]] = []
        """Begin and end in s of each contact; None if it lasts to the end, nothing at all if contact is never lost."""
        self.modes: list[tuple[float, str]] = []
        """(mission time in s, mode) at each change of the spacecraft's mode."""
        self.job_states: dict[int, list[tuple[float, str]]] = {}
        """For each job, (mission time in s, state) at each change: on board if it can be seen, else as it was told."""
        self.transfers: dict[str, Counter[str]] = {"UP": Counter(), "DOWN": Counter()}
        """For each direction, how many files were started, finished and failed, and the octets of those finished."""
        self.station_state: dict[str, Any] = {}
        """All that the station knows at the end, as `ground.station.Station.snapshot` gives it."""
        self._sees_on_board = False
        self._latest = LatestWord()
        self.files: dict[str, tuple[str, str]] = {}
        """For each file that was laid before the run, its SHA-256 and that of what is at the other end."""
        self.line_counts: dict[str, dict[str, int]] = {}
        """For each direction, what its line did in all."""

    @property
    def cuts(self) -> list[tuple[str, float, float]]:
        """Those of `dropouts` that fell into a contact: what is sent while nobody hears is lost anyway."""
        if not self.contacts:
            return self.dropouts
        ends = [(start_s, math.inf if end_s is None else end_s) for start_s, end_s in self.contacts]
        return [cut for cut in self.dropouts if any(cut[1] < end_s and start_s < cut[2] for start_s, end_s in ends)]

    @property
    def conversations(self) -> dict[str, list[dict[str, Any]]]:
        """What was said to the model on board, and what came of its replies, as the station knows it at the end."""
        return self.station_state.get("conversations", {})

    def note(self, source: str, event: Mapping[str, Any]) -> None:
        """Take one event.

        Args:
            source: ``station``, ``spacecraft``, ``link.up``, ``link.down`` or ``hil``.
            event: The event in plain form, with ``type`` and ``time_ns``.
        """
        kind = event["type"]
        self.counts[f"{source}.{kind}"] += 1
        self._log.write(msgspec.json.encode({"source": source, **event}) + b"\n")
        seconds = event["time_ns"] / NS_PER_S
        if source == "station":
            self._note_station(event, seconds)
        elif source == "spacecraft":
            self._sees_on_board = True
            if kind == "Announced":
                self._note_state(event["name"], event["values"], seconds)
                self.onboard_marks.append((seconds, f"event.{event['name']}", event["text"]))
            if kind == "Reported" and event["name"] in ("job_progress", "job_report"):
                self._note_losses(seconds, event["values"])
            if kind == "CommandAnswered" and event["outcome"] == "executed":
                self.executed[event["source_id"], event["sequence_count"]] += 1
        elif kind == "OctetsLost":
            span = (event["start_ns"] / NS_PER_S, event["end_ns"] / NS_PER_S)
            self.dropouts.append((source.removeprefix("link."), *span))
            self.marks.append((seconds, source, event["text"]))
        elif kind == "Forged":
            self.forged += 1
            self.strikes.append(f"{seconds:.3f} s: {event['text']}")
        elif kind == "ContactChanged":
            self._note_contact(event["text"].startswith("acquisition"), seconds)
        elif source in ("hil", "port") or kind == "OctetsFaded":
            if kind == "EnvironmentChanged":
                self.environment_changes[event["change"]] += 1
            if kind in ("FaultStruck", "ParticleStruck"):
                self.strikes.append(f"{seconds:.3f} s: {event['text']}")
            # What the sky does is no fault.
            self.marks.append((seconds, "sky" if kind == "SkyChanged" else source, event["text"]))

    def count(self, source: str, kind: str) -> None:
        """Count an event that says only that all is well, once a frame, and so is kept out of the log."""
        self.counts[f"{source}.{kind}"] += 1

    def close(self) -> None:
        """Finish the log."""
        self._log.close()

    def _note_station(self, event: Mapping[str, Any], seconds: float) -> None:
        match event:
            case {"type": "CommandIssued"}:
                self.given.add((event["source_id"], event["sequence_count"]))
                for activity in event["arguments"].get("activities", ()):
                    request = Telecommand.decode(bytes.fromhex(activity["request"]))
                    self.given.add((request.source_id, request.sequence_count))
                self.commands[event["command_id"]] = {
                    "name": event["name"],
                    "arguments": event["arguments"],
                    "is_automatic": event["is_automatic"],
                    "source_id": event["source_id"],
                    "sequence_count": event["sequence_count"],
                    "stages": [],
                    "tries": 0,
                }
            case {"type": "CommandStaged"}:
                command = self.commands[event["command_id"]]
                command["stages"].append((seconds, event["stage"], event["text"]))
                command["tries"] = max(command["tries"], event["attempt"])
            case {"type": "ReportReceived", "name": "job_progress", "values": values}:
                self._note_told_losses(seconds, values)
            case {"type": "ReportReceived", "name": "job_report", "values": values}:
                if self._latest.hear(values["job_id"], values["state"], event):
                    self.job_reports[values["job_id"]] = dict(values)
                if values["state"] == "DONE":
                    self.jobs_done_s.setdefault(values["job_id"], seconds)
                self._note_told_losses(seconds, values)
            case {"type": "ReportReceived", "name": "job_sample", "values": values}:
                self.samples[values["job_id"]] = values["text"]
            case {"type": "HousekeepingReceived"}:
                self.housekeeping[event["name"]] = dict(event["values"])
            case {"type": "TransferStarted" | "TransferFinished" | "TransferFailed"}:
                self._note_transfer(event, seconds)
            case {"type": "EventReported", "name": name, "text": text}:
                if name == "allowance_changed":
                    self.limits[event["values"]["after"], event["values"]["cause"]] += 1
                if not self._sees_on_board:
                    self._note_state(name, event["values"], seconds)
                self.counts[f"event.{name}"] += 1
                self.marks.append((seconds, f"event.{name}", text))

    def _note_transfer(self, event: Mapping[str, Any], seconds: float) -> None:
        kind = event["type"].removeprefix("Transfer").lower()
        counts = self.transfers[event["direction"]]
        counts[kind] += 1
        if kind == "finished":
            counts["octets"] += event["size_octets"] or 0
            self.files_arrived_s.setdefault(event["destination_name"], seconds)
        elif kind == "failed":
            self.transfers_failed.append(event["text"])

    def _note_state(self, name: str, values: Mapping[str, Any], seconds: float) -> None:
        if name == "mode_changed":
            self.modes.append((seconds, values["after"]))
        elif name == "job_changed":
            states = self.job_states.setdefault(values["job_id"], [(seconds, values["before"])])
            states.append((seconds, values["after"]))

    def _note_contact(self, is_up: bool, seconds: float) -> None:
        if is_up:
            self.contacts.append((seconds, None))
        elif self.contacts:
            self.contacts[-1] = (self.contacts[-1][0], seconds)

    def _note_told_losses(self, seconds: float, values: Mapping[str, Any]) -> None:
        if not self._sees_on_board:
            self._note_losses(seconds, values)

    def _note_losses(self, seconds: float, values: Mapping[str, Any]) -> None:
        step, loss, validation_loss = values["step"], values["loss"], values["validation_loss"]
        losses = self.losses.setdefault(values["job_id"], [])
        if _is_finite(loss) and (not losses or losses[-1][1:] != (step, loss)):
            losses.append((seconds, step, loss))
        # Each report repeats the latest validation loss; it is a new point only when it has changed.
        validated = self.validation_losses.setdefault(values["job_id"], [])
        if _is_finite(validation_loss) and [point[2] for point in validated[-1:]] != [validation_loss]:
            validated.append((seconds, step, validation_loss))


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
