"""A team's job as the worker sees it: each answer is checked, whoever gave it. It touches no file and no clock."""

import contextlib
import math
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

import xxhash
from torch import Tensor

from ccsds.errors import MisuseError
from flight.jobs.package.package_recipe import PackageRecipe
from flight.jobs.recipe import SAMPLE_CHARACTERS_MAX
from flight.jobs.state import State, tensor_octets, weights_sha256
from flight.jobs.train import StepReport

_MODEL = "model/"

Digests = Mapping[str, bytes]
"""Of each entry of State, by its name."""


class PackageError(MisuseError):
    """The package is at fault: trying again gives the same."""


@contextlib.contextmanager
def blaming_package() -> Iterator[None]:
    """Take whatever its code raises for its fault: it cannot say that the store, the memory or the device is to blame.

    Raises:
        PackageError: In the place of any other error.
    """
    try:
        yield
    except PackageError:
        raise
    except Exception as error:
        traceback.print_exception(error)  # The whole story goes to the flight process by way of standard error.
        raise PackageError(f"package: {type(error).__name__}: {error}") from error


class PackageJob:
    """One run of a package.

    Args:
        recipe: How far it goes.
        job: What its entry made; see `flight.jobs.package.protocol.Job`.
    """

    vocabulary: tuple[str, ...] = ()
    merges: tuple[tuple[str, str], ...] = ()
    """Of no use to a package; it stands in the file of its model."""

    def __init__(self, recipe: PackageRecipe, job: Any) -> None:
        for name in ("state", "load", "step"):
            if not callable(getattr(job, name, None)):
                raise PackageError(f"package: expected a job with a method {name}, found {type(job).__name__} without")
        self.recipe = recipe
        self._job = job
        self.steps_done = 0
        self.state()

    def step(self) -> StepReport:
        """Do one step.

        Raises:
            PackageError: It failed, or what it reports is no report of this step.
        """
        with blaming_package():
            report = self._job.step()
        expected = self.steps_done + 1
        if not isinstance(report, StepReport) or report.step != expected:
            raise PackageError(f"package: expected a StepReport of step {expected}, found {report!r}")
        figures = (report.loss, report.gradient_norm, report.learning_rate)
        if not all(isinstance(each, float | int) for each in figures):
            raise PackageError(f"package: step {expected}: expected numbers in its report, found {figures}")
        self.steps_done = expected
        return report

    def state(self) -> State:
        """Give its State.

        Raises:
            PackageError: It is none, or there is nothing in it.
        """
        with blaming_package():
            state = self._job.state()
        if not isinstance(state, State) or not (state.tensors or state.octets):
            raise PackageError(f"package: expected a State with something in it, found {type(state).__name__}")
        if not all(isinstance(each, Tensor) for each in state.tensors.values()):
            raise PackageError("package: expected tensors in the tensors of State, found something else")
        if not all(isinstance(each, bytes) for each in state.octets.values()):
            raise PackageError("package: expected bytes in the octets of State, found something else")
        return state

    def load(self, state: State, step: int) -> None:
        """Go on from a State, and make sure that it is what the job has now.

        Raises:
            PackageError: What the job has is not what was loaded, and where it differs.
        """
        expected = digest_entries(state)
        with blaming_package():
            self._job.load(state.clone())
        names = differing(expected, digest_entries(self.state()))
        if names:
            raise PackageError(f"package: expected the State that it was to load, found other octets in {names[:3]}")
        self.steps_done = step

    def evaluate(self) -> float:
        """Give its validation loss, not-a-number if it has none."""
        evaluate = getattr(self._job, "evaluate", None)
        with blaming_package():
            return float(evaluate()) if evaluate is not None else math.nan

    def sample(self) -> str:
        """Give some words of it, none if it has none."""
        sample = getattr(self._job, "sample", None)
        with blaming_package():
            return str(sample())[:SAMPLE_CHARACTERS_MAX] if sample is not None else ""

    def beside_weights(self) -> dict[str, Tensor]:
        """Give what its model needs beside its weights: nothing that we know of."""
        return {}

    def weights(self) -> dict[str, Tensor]:
        """Give its weights by name."""
        tensors = self.state().tensors
        weights = {name.removeprefix(_MODEL): each for name, each in tensors.items() if name.startswith(_MODEL)}
        return {name: each.detach() for name, each in (weights or tensors).items()}

    def weights_sha256(self) -> str:
        """Digest its weights (see `flight.jobs.state.weights_sha256`)."""
        return weights_sha256(self.weights())


def digest_entries(state: State) -> Digests:
    """Digest each entry of State by itself."""
    tensors = {name: xxhash.xxh3_128_digest(tensor_octets(tensor)) for name, tensor in state.tensors.items()}
    return tensors | {name: xxhash.xxh3_128_digest(octets) for name, octets in state.octets.items()}


def differing(expected: Digests, found: Digests) -> list[str]:
    """Give the names of the entries in which two States differ, sorted."""
    return sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
