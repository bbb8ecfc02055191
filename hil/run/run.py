"""One run of a scenario: corpora, the undisturbed reference, the run itself, the verdict, and the files.

The folder it writes: ``result.json``, ``events.jsonl`` (every event, in order), ``report.html``, ``uplink.bin`` and
``downlink.bin`` (all octets sent in each direction), the spacecraft's ``store``, and the ``keys`` of both ends.
"""

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from ccsds.errors import MisuseError
from flight.jobs.corpus import CorpusFile
from hil.link.recording import load_truths
from hil.report.page import write_report
from hil.rig.rig import Rig
from hil.rig.wiring import Wiring
from hil.run.checks import Check, Reference, judge
from hil.run.evidence import Evidence
from hil.run.reference import ReferenceRun
from hil.scenario.scenario import Scenario
from hil.soak.invariants import Aftermath, breaches
from hil.world import World

# What a run may leave in its folder, and so what `--force` may remove from it: never anything else.
_OWN_NAMES = {
    "result.json", "events.jsonl", "report.html", "uplink.bin", "downlink.bin", "store", "archive.sqlite",
    "archive.sqlite-wal", "archive.sqlite-shm", "archive.sqlite.lock", "board", "station", "flight.log", "ground.log",
    "archive.sqlite.audit", "keys", "capture.pcapng", "store.removed", "files", "files.removed",
    "passes.toml", "sensors",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run came to."""

    scenario: Scenario
    seed: int
    wiring: Wiring
    evidence: Evidence
    checks: list[Check]
    reference: Reference | None
    corpora: Mapping[str, CorpusFile]
    link_sha256: str
    mission_s: float
    wall_s: float

    @property
    def is_pass(self) -> bool:
        """Whether every check holds."""
        return all(check.ok for check in self.checks)

    def plain(self) -> dict[str, Any]:
        """Give the machine-readable result."""
        submitted = self.scenario.submitted()
        job = self.evidence.job_reports.get(submitted["job_id"], {}) if submitted else {}
        samples = self.evidence.samples
        return {
            "scenario": self.scenario.name,
            "mode": self.wiring.mode.value,
            "verdict": "pass" if self.is_pass else "fail",
            "seed": self.seed,
            "validation_loss": job.get("validation_loss"),
            "weights_sha256": job.get("weights_sha256"),
            "reference_sha256": self.reference.weights_sha256 if self.reference else None,
            "reference_validation_loss": _finite(self.reference.validation_loss) if self.reference else None,
            "bigram_loss": _finite(self.reference.bigram_loss) if self.reference else None,
            "link_sha256": self.link_sha256,
            "corpora": {
                name: {"sha256": corpus.sha256, "origin": corpus.origin.value} for name, corpus in self.corpora.items()
            },
            "mission_seconds": round(self.mission_s, 3),
            "wall_seconds": round(self.wall_s, 3),
            "checks": [asdict(check) for check in self.checks],
            "commands": list(self.evidence.commands.values()),
            "counts": dict(sorted(self.evidence.counts.items())),
            "sample": samples.get(submitted["job_id"], "") if submitted else next(iter(samples.values()), ""),
        }


def prepare_folder(folder: Path, *, force: bool) -> None:
    """Make the folder of a run, empty.

    Raises:
        MisuseError: It holds something already, and ``force`` is not given or it is not a run's.
    """
    if folder.exists() and not folder.is_dir():
        raise MisuseError(f"--out {folder}: expected a directory, found a file")
    found = {entry.name for entry in folder.iterdir()} if folder.exists() else set()
    if found and not force:
        raise MisuseError(f"--out {folder}: expected an empty or missing directory; --force overwrites an earlier run")
    strange = found - _OWN_NAMES
    if strange:
        raise MisuseError(f"--out {folder}: expected an earlier run, found {sorted(strange)[0]!r}; nothing was removed")
    for name in found:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    folder.mkdir(parents=True, exist_ok=True)


def with_recording(scenario: Scenario, folder: Path, *, capture: bool, replay: Path | None) -> Scenario:
    """Give a scenario whose link is captured, replayed, or both, where it is not so already.

    Args:
        scenario: What happens.
        folder: Where the files of the run go; what is replayed may not lie there, since they are removed.
        capture: Whether the link is captured.
        replay: The capture to be replayed.

    Raises:
        MisuseError: The capture to be replayed cannot be read, or lies in the folder.
    """
    link = msgspec.structs.replace(
        scenario.link,
        capture=capture or scenario.link.capture,
        replay=str(replay) if replay is not None else scenario.link.replay,
    )
    if link.replay is not None:
        load_truths(link.replay)
        if Path(link.replay).resolve().parent == folder.resolve():
            raise MisuseError(
                f"--out {folder}: expected another directory than that of {link.replay}, which is replayed"
            )
    return msgspec.structs.replace(scenario, link=link)


def run_scenario(
    scenario: Scenario,
    *,
    seed: int,
    folder: Path,
    wiring: Wiring,
    corpora: Mapping[str, CorpusFile],
    watch: Callable[[str, Mapping[str, Any]], None],
    clock_s: Callable[[], float],
) -> Result:
    """Run a scenario and judge it.

    Args:
        scenario: What happens.
        seed: From which every random choice comes.
        folder: Where the files go, made by `prepare_folder`.
        wiring: Under which clock, and over what.
        corpora: The texts on board, by `hil.run.corpora.find_corpora`.
        watch: Called with each event as it happens, with its source.
        clock_s: A monotonic clock, to say how long the run took.
    """
    begun_s = clock_s()
    submitted = scenario.submitted()
    wants_reference = scenario.expect.weights_as_reference or scenario.expect.below_bigram_by is not None
    reference_run = None
    if submitted and wants_reference:
        reference_run = ReferenceRun(submitted, corpora[submitted["corpus"]])
    try:
        course = (
            Rig(scenario, seed, folder, corpora, watch, wiring)
            if wiring.is_real_time
            else World(scenario, seed, folder, corpora, watch)
        )
        evidence = course.run()
        reference = reference_run.result() if reference_run else None
    finally:
        if reference_run:
            reference_run.stop()
    checks = judge(scenario, evidence, course.procedure.failures, course.procedure.is_done, reference)
    if scenario.expect.invariants and isinstance(course, World):
        checks += [
            Check(name, not texts, "; ".join(texts) or "it holds")
            for name, texts in breaches(Aftermath.of(scenario, course)).items()
        ]
    result = Result(
        scenario=scenario,
        seed=seed,
        wiring=wiring,
        evidence=evidence,
        checks=checks,
        reference=reference,
        corpora=corpora,
        link_sha256=_digest(folder / "uplink.bin", folder / "downlink.bin"),
        mission_s=course.now_ns / 1e9,
        wall_s=clock_s() - begun_s,
    )
    (folder / "result.json").write_text(json.dumps(result.plain(), indent=2) + "\n")
    write_report(folder / "report.html", result)
    return result


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
