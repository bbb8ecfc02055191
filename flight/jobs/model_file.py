"""The finished model: one file, ``jobs/<job_id>/model.safetensors``, with weights and what one needs to use them."""

import contextlib
from collections.abc import Mapping
from typing import Protocol

import msgspec
import safetensors.torch
from torch import Tensor

from flight.disk import Disk, directory_of
from flight.jobs.manifest import Identity
from flight.jobs.package.package_recipe import PackageRecipe
from flight.jobs.recipe import Recipe
from flight.jobs.state import weights_sha256
from flight.jobs.vocabulary import vocabulary_sha256


class TrainedJob(Protocol):
    """A job whose weights are to be kept."""

    @property
    def recipe(self) -> Recipe | PackageRecipe:
        """What it was asked to do."""
        ...

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Its tokens, if it has any."""
        ...

    @property
    def merges(self) -> tuple[tuple[str, str], ...]:
        """Which of them become one, if they are byte pairs."""
        ...

    @property
    def steps_done(self) -> int:
        """Steps done."""
        ...

    def weights(self) -> Mapping[str, Tensor]:
        """Give the weights by name."""
        ...

    def beside_weights(self) -> Mapping[str, Tensor]:
        """Give what the model predicts by beside them, by name."""
        ...

    def weights_sha256(self) -> str:
        """Digest them."""
        ...


def save_model(disk: Disk, identity: Identity, job: TrainedJob, inexact: tuple[str, ...] = ()) -> tuple[str, int]:
    """Write the weights of a finished job, all or nothing; they are synced when this returns.

    The file carries the recipe, the vocabulary and the origin of the weights as JSON under the one metadata key
    ``starloop`` (one, since safetensors writes several in a random order, and equal jobs must give equal files).

    Args:
        disk: Where to.
        identity: Of the job.
        job: The job.
        inexact: Where it went on under another exactness key.

    Returns:
        The path on the disk, and the length in octets.

    Raises:
        OSError: The disk failed; the file is the old one, the new one, or missing.
    """
    weights = job.weights_sha256()
    about = {
        "corpus_sha256": identity.corpus_sha256,
        "inexact": inexact,
        "merges": job.merges,
        "recipe": job.recipe.to_toml(),
        "seed": identity.seed,
        "step": job.steps_done,
        "vocabulary": job.vocabulary,
        "weights_sha256": weights,
    }
    if isinstance(job.recipe, Recipe):
        about["vocabulary_sha256"] = vocabulary_sha256(weights, job.recipe.tokens, job.vocabulary, job.merges)
    beside = job.beside_weights()
    if beside:
        about["beside_sha256"] = weights_sha256(beside)
    data = safetensors.torch.save(
        {**job.weights(), **beside}, metadata={"starloop": msgspec.json.encode(about).decode()}
    )
    path = f"jobs/{identity.job_id}/model.safetensors"
    partial = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        disk.remove(partial)  # Left by a worker that was killed: what follows is appended, and must begin at nothing.
    try:
        disk.append(partial, data)
        disk.fsync(partial)
    except OSError:
        # A disk that is full must not stay so for the sake of half a model: the journal needs room.
        with contextlib.suppress(OSError):
            disk.remove(partial)
        raise
    disk.rename(partial, path)
    disk.fsync(directory_of(path))
    return path, len(data)
