"""The worker of a package: it answers what every worker is asked, with a team's job. It has one job, and one process.

State is written while nothing else goes on: a package promises nothing of where its tensors lie. What goes wrong in a
package is the package's fault, and trying again gives the same; so memory and file length over its limits fail the job,
where one of ours would begin anew.
"""

import errno
import importlib
import random
import sys
from functools import partial
from pathlib import Path

import torch

from ccsds.errors import MalformedError, MisuseError
from flight.disk import Disk
from flight.jobs.checkpoint import KeyDiffersError, Origin, load_checkpoint, save_checkpoint
from flight.jobs.compute_device import HOST, prepare_torch
from flight.jobs.device import check_device
from flight.jobs.guard.finding import LostError
from flight.jobs.manifest import Identity
from flight.jobs.messages import (
    REASON_CHARACTERS_MAX,
    Collect,
    Evaluate,
    Evaluated,
    Failed,
    FailureKind,
    Finish,
    Join,
    Probe,
    Probed,
    Reply,
    Request,
    Sample,
    Sampled,
    Save,
    Saved,
    Saving,
    Start,
    Started,
    Step,
    Stepped,
)
from flight.jobs.package.guarded_package import GuardedPackage
from flight.jobs.package.package_job import PackageError, PackageJob, blaming_package
from flight.jobs.package.package_recipe import PackageRecipe
from flight.jobs.package.protocol import Order
from flight.jobs.recipe import ExecutionRecipe
from flight.jobs.worker import CheckpointError, failure_kind, failure_reason, write_model
from mission.packages import PackageManifest


class PackageWorker:
    """Does what it is asked, one request at a time.

    Args:
        disk: Where checkpoints and models are kept.
        recipe: Of the job.
        manifest: Of the package.
        directory: Where its files are.
        refused: What the kernel refused of its confinement.
    """

    def __init__(
        self, disk: Disk, recipe: PackageRecipe, manifest: PackageManifest, directory: Path, refused: tuple[str, ...]
    ) -> None:
        self._disk = disk
        self._recipe = recipe
        self._manifest = manifest
        self._directory = directory
        self._refused = refused
        self._identity: Identity | None = None
        self._guarded: GuardedPackage | None = None
        self._inexact: tuple[str, ...] = ()
        self._written: Saved | None = None

    def answer(self, request: Request) -> Reply:
        """Do what a request asks; whatever is raised on the way becomes a `Failed`."""
        try:
            return self._answer(request)
        except Exception as error:
            findings = self._guarded.take_findings() if self._guarded is not None else ()
            if isinstance(request, Start | Step) or isinstance(error, LostError):
                self._guarded = None
            return Failed(self._reason(error), _kind(error), findings)

    def _answer(self, request: Request) -> Reply:
        if isinstance(request, Probe):
            check_device(HOST)
            return Probed()
        if isinstance(request, Start):
            return self._start(request)
        guarded, identity = self._guarded, self._identity
        if guarded is None or identity is None:
            raise MisuseError(f"{type(request).__name__}: expected an open job, found none")
        job = guarded.job
        match request:
            case Step(count, tai_ns):
                guarded.tai_ns = tai_ns
                return self._step(guarded, count)
            case Evaluate():
                guarded.verify()
                return Evaluated(job.steps_done, job.evaluate(), guarded.take_findings())
            case Save(slot, parent):
                guarded.verify()
                return self._save(guarded, identity, slot, parent)
            case Collect() | Join():
                return self._take_checkpoint(request)
            case Sample():
                return Sampled(job.sample())
            case Finish():
                return write_model(self._disk, identity, guarded, self._inexact)

    def _start(self, request: Start) -> Started:
        if self._identity is not None:
            raise MisuseError("Start: expected one job in the process of a package, found a second one")
        recipe = self._recipe
        identity = self._identity = Identity(
            job_id=request.job_id,
            recipe_digest=recipe.digest,
            corpus_sha256=request.corpus_sha256,
            seed=request.seed,
        )
        job = PackageJob(recipe, self._make(request.seed))
        found = ""
        if request.checkpoint is not None:
            try:
                loaded = load_checkpoint(
                    self._disk, request.checkpoint, identity, allows_inexact=recipe.execution.inexact
                )
            except KeyDiffersError:
                raise
            except MalformedError as error:
                raise CheckpointError(str(error)) from error
            job.load(loaded.state, request.checkpoint.step)
            self._inexact = loaded.inexact
            found = "; ".join(loaded.inexact[len(loaded.manifest.inexact) :])
        self._guarded = GuardedPackage(job, request.tai_ns)
        return Started(
            step=job.steps_done,
            steps=recipe.training.steps,
            parameters=sum(weight.numel() for weight in job.weights().values()),
            tokens_per_step=1,
            vocabulary=0,
            train_tokens=0,
            validation_tokens=0,
            inexact=found[:REASON_CHARACTERS_MAX],
            unconfined="; ".join(self._refused)[:REASON_CHARACTERS_MAX],
        )

    def _make(self, seed: int) -> object:
        execution = self._recipe.execution
        prepare_torch(ExecutionRecipe(threads=execution.threads, inexact=execution.inexact))
        torch.manual_seed(seed)
        random.seed(seed)
        # Its own modules first, but nothing of them in the place of ours, which are imported by now.
        sys.path.insert(0, str(self._directory))
        sys.dont_write_bytecode = True
        module, _, attribute = self._manifest.entry.partition(":")
        with blaming_package():
            imported = importlib.import_module(module)
        if not Path(imported.__file__ or "").is_relative_to(self._directory):
            raise PackageError(f"package: entry: expected a module of its own, found {module}, which is there already")
        entry = getattr(imported, attribute, None)
        if not callable(entry):
            raise PackageError(f"package: entry: expected {attribute} in {module}, found none that can be called")
        order = Order(
            directory=self._directory, seed=seed, steps=self._recipe.training.steps, threads=execution.threads
        )
        with blaming_package():
            return entry(order)

    def _step(self, guarded: GuardedPackage, count: int) -> Stepped:
        left = self._recipe.training.steps - guarded.job.steps_done
        if not 1 <= count <= left:
            raise MisuseError(f"Step: expected 1 to {left} steps, which are left, found {count}")
        last = [guarded.step() for _ in range(count)][-1]
        return Stepped(
            step=last.step,
            loss=float(last.loss),
            gradient_norm=float(last.gradient_norm),
            learning_rate=float(last.learning_rate),
            findings=guarded.take_findings(),
        )

    def _save(self, guarded: GuardedPackage, identity: Identity, slot: str, parent: str) -> Saving:
        job = guarded.job
        self._written = None
        origin = Origin(parent=parent, inexact=self._inexact)
        state = job.state()
        vouch = partial(guarded.vouch, state)
        written = save_checkpoint(self._disk, slot, identity, job.steps_done, state, origin, vouch)
        self._written = Saved(
            step=job.steps_done,
            slot=slot,
            sha256=written.sha256,
            length_octets=written.length_octets,
            written_octets=written.written_octets,
        )
        return Saving(step=job.steps_done, findings=guarded.take_findings())

    def _take_checkpoint(self, request: Collect | Join) -> Saved:
        written, self._written = self._written, None
        if written is None:
            raise MisuseError(f"{type(request).__name__}: expected a checkpoint that was begun, found none")
        return written

    def _reason(self, error: Exception) -> str:
        reason = failure_reason(error)
        if failure_kind(error) is FailureKind.MEMORY:
            reason = f"package: expected at most {self._manifest.needs.memory_mib} MiB of memory, as it needs: {reason}"
        elif _is_too_long(error):
            reason = f"package: expected files of at most {self._manifest.needs.file_mib} MiB, as it needs: {reason}"
        return reason[:REASON_CHARACTERS_MAX]


def _kind(error: Exception) -> FailureKind:
    kind = failure_kind(error)
    return FailureKind.JOB if kind is FailureKind.MEMORY or _is_too_long(error) else kind


def _is_too_long(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EFBIG
