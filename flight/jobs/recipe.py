"""What a job is, as data: model, training, sampling and execution settings, from TOML. It holds no code of any job.

A recipe text states every setting; there are no hidden defaults. Overrides change single settings, and are TOML too:
``training.steps = 100``. Whatever is unknown, missing, of another type or out of range is refused, by name.
"""

from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import Any

from ccsds.errors import MisuseError
from flight.jobs.guard_recipe import GuardLevel, GuardRecipe
from flight.jobs.package.package_recipe import KIND as PACKAGE
from flight.jobs.package.package_recipe import PackageRecipe, make_package_recipe
from flight.jobs.settings import NamedSettings, make, parse, require
from flight.jobs.swift_recipe import (
    CountsRecipe,
    DataRecipe,
    MuonRecipe,
    NgramRecipe,
    Order,
    Split,
    SwiftRecipe,
    Tokens,
)

# Whatever is sampled must fit the sample report (`mission.jobs.SAMPLE_OCTETS_MAX`) at four octets a character.
SAMPLE_CHARACTERS_MAX = 500


# Matrices are cut into squares of this model's width, whose rows begin on a cache line.
MUON_WIDTH_UNIT = 16

# One board has no more accelerators than this; across boards nothing is meant to run yet.
PROCESSES_MAX = 16


@dataclass(frozen=True, kw_only=True)
class ModelRecipe:
    """The sizes of the model."""

    layers: int
    heads: int
    width: int
    """Length of the vector that stands for a position; a multiple of ``heads``."""
    context: int
    """Tokens that the model sees at once."""
    dropout: float
    """Share of activations dropped while training."""

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises:
            MisuseError: Naming the setting, what was expected and what was found.
        """
        require(self, "model", layers=(1, 64), heads=(1, 64), width=(1, 8192), context=(1, 8192), dropout=(0.0, 0.9))
        if self.width % self.heads:
            raise MisuseError(f"model.width: expected a multiple of model.heads = {self.heads}, found {self.width}")


@dataclass(frozen=True, kw_only=True)
class TrainingRecipe:
    """How the model is trained."""

    steps: int
    """Steps in all; the learning rate falls over all of them."""
    batch: int
    """Windows of ``model.context`` tokens in a step."""
    learning_rate: float
    """The highest, reached after the warm-up."""
    learning_rate_min: float
    """The last."""
    warmup_steps: int
    beta1: float
    """Decay of AdamW's mean of gradients."""
    beta2: float
    """Decay of AdamW's mean of squared gradients."""
    weight_decay: float
    """Of matrices; vectors do not decay."""
    gradient_norm_max: float
    """Longer gradients are shortened to this."""
    validation_fraction: float
    """Share of the corpus, at its end, that is never trained on."""
    evaluation_interval: int
    """Steps between two evaluations on the validation split."""
    checkpoint_interval: int
    """Steps that are lost at most when a worker is; a checkpoint is begun a sixteenth of it before it has to count."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            MisuseError: Naming the setting, what was expected and what was found.
        """
        require(
            self,
            "training",
            steps=(1, 10_000_000),
            batch=(1, 4096),
            learning_rate=(1e-9, 10.0),
            learning_rate_min=(0.0, self.learning_rate),
            warmup_steps=(0, 1_000_000),
            beta1=(0.0, 0.9999),
            beta2=(0.0, 0.9999),
            weight_decay=(0.0, 10.0),
            gradient_norm_max=(1e-3, 1e6),
            validation_fraction=(0.001, 0.5),
            evaluation_interval=(1, 10_000_000),
            checkpoint_interval=(1, 10_000_000),
        )


@dataclass(frozen=True, kw_only=True)
class SampleRecipe:
    """What the trained model is asked to write."""

    prompt: str
    """What it goes on from; characters that the corpus does not have are left out."""
    length_characters: int
    temperature: float
    """Below 1 it keeps to what is likely; above, it wanders."""

    def __post_init__(self) -> None:
        """Refuse what cannot be sampled.

        Raises:
            MisuseError: Naming the setting, what was expected and what was found.
        """
        require(self, "sample", length_characters=(1, SAMPLE_CHARACTERS_MAX), temperature=(0.01, 10.0))


class Device(StrEnum):
    """What computes; see `flight.jobs.compute_device`."""

    CPU = "cpu"
    CUDA = "cuda"
    """The first GPU that torch finds."""


@dataclass(frozen=True, kw_only=True)
class ExecutionRecipe:
    """What the arithmetic runs on, as far as it changes the result."""

    threads: int
    """Another number of threads sums in another order and gives other weights."""
    inexact: bool
    """Whether the job may go on from a checkpoint of another exactness key, which changes the result; it is told."""
    device: Device | None = None
    """Where weights, batches and gradients are; left out, the processor."""

    def __post_init__(self) -> None:
        """Refuse what cannot be run.

        Raises:
            MisuseError: Naming the setting, what was expected and what was found.
        """
        require(self, "execution", threads=(1, 256))


class Parallel(StrEnum):
    """How several processes share a job; see `flight.jobs.group_job`."""

    DDP = "ddp"
    """Each has the whole model, and gradients are averaged."""
    FSDP2 = "fsdp2"
    """Each has a share of every weight, moment and gradient."""


@dataclass(frozen=True, kw_only=True)
class DevicesRecipe:
    """How many processes do the job together, one to a device."""

    processes: int
    """Another number sums in another order and gives other weights."""
    parallel: Parallel
    """Means nothing to a job of one process."""

    def __post_init__(self) -> None:
        """Refuse what cannot be run.

        Raises:
            MisuseError: Naming the setting, what was expected and what was found.
        """
        require(self, "devices", processes=(1, PROCESSES_MAX))


@dataclass(frozen=True, kw_only=True)
class Recipe(NamedSettings):
    """One kind of job with all its settings."""

    name: str
    kind: str
    """``train``; what is of another kind has another recipe (`load_any_recipe`)."""
    model: ModelRecipe
    training: TrainingRecipe
    sample: SampleRecipe
    execution: ExecutionRecipe
    devices: DevicesRecipe
    guard: GuardRecipe
    swift: SwiftRecipe | None = None
    """The model is swift's; without it, nanoGPT's."""
    muon: MuonRecipe | None = None
    """Matrices are trained by Muon; without it, AdamW trains all."""
    ngram: NgramRecipe | None = None
    """The model has tables of n-grams."""
    counts: CountsRecipe | None = None
    """What the model predicts is mixed with counts of the training text."""
    data: DataRecipe | None = None
    """Tokens and order; without it, characters and windows at random."""

    def __post_init__(self) -> None:
        """Refuse kinds of job that there are not, and settings that do not go together.

        Raises:
            MisuseError: Naming the setting, what was expected and what was found.
        """
        if self.kind != "train":
            raise MisuseError(f"kind: expected train, found {self.kind!r}")
        processes, batch = self.devices.processes, self.training.batch
        if batch % processes:
            raise MisuseError(f"training.batch: expected a multiple of devices.processes = {processes}, found {batch}")
        is_sharded = processes > 1 and self.devices.parallel is Parallel.FSDP2
        if is_sharded and self.guard.level is not GuardLevel.OFF:
            raise MisuseError(f"guard.level: expected off, since it does not see fsdp2, found {self.guard.level}")
        if processes > 1 and self.device is not Device.CPU:
            raise MisuseError(
                f"devices.processes: expected 1 with execution.device = {self.device}, since ranks have no device of "
                f"their own yet, found {processes}"
            )
        self._check_swift()

    @property
    def device(self) -> Device:
        """What computes."""
        return self.execution.device or Device.CPU

    @property
    def order(self) -> Order:
        """In which order windows are seen."""
        return self.data.order if self.data is not None else Order.RANDOM

    @property
    def tokens(self) -> Tokens:
        """What the text is cut into."""
        return self.data.tokens if self.data is not None else Tokens.CHARACTERS

    @property
    def split(self) -> Split:
        """Which part of the corpus is validated on."""
        return self.data.validation if self.data is not None else Split.LAST

    def _check_swift(self) -> None:
        """Refuse tables that do not go together."""
        if (self.swift is None) != (self.muon is None):
            raise MisuseError("swift, muon: expected both tables or neither: each is made for the other")
        if self.swift is None:
            for name, table in (("ngram", self.ngram), ("counts", self.counts)):
                if table is not None:
                    raise MisuseError(f"{name}: expected a recipe with tables swift and muon, found one without")
            return
        if self.model.width % MUON_WIDTH_UNIT or self.model.width // self.model.heads % 8:
            raise MisuseError(
                f"model.width: expected a multiple of {MUON_WIDTH_UNIT}, and of 8 a head, found {self.model.width} "
                f"and {self.model.heads} heads"
            )
        if self.model.dropout:
            raise MisuseError(f"model.dropout: expected 0, since swift has none, found {self.model.dropout}")
        processes, parallel = self.devices.processes, self.devices.parallel
        if processes > 1 and (parallel is not Parallel.DDP or self.ngram is not None):
            raise MisuseError(
                f"devices.processes: expected 1 with swift, or ddp without tables of n-grams, "
                f"found {processes} and {parallel}"
            )


def recipe_names() -> tuple[str, ...]:
    """Give the names of the recipes on board."""
    found = (resource.name for resource in _recipes().iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def load_recipe(name_or_text: str) -> Recipe:
    """Read a recipe of kind ``train``.

    Args:
        name_or_text: The name of a recipe on board, or a whole recipe in TOML.

    Raises:
        MisuseError: There is none of this name, or the text is not a recipe of this kind.
    """
    recipe = load_any_recipe(name_or_text)
    if isinstance(recipe, PackageRecipe):
        raise MisuseError(f"recipe {recipe.name!r}: kind: expected train, found {recipe.kind}")
    return recipe


def load_any_recipe(name_or_text: str) -> Recipe | PackageRecipe:
    """Read a recipe of any kind.

    Args:
        name_or_text: The name of a recipe on board, or a whole recipe in TOML.

    Raises:
        MisuseError: There is none of this name, or the text is not a recipe.
    """
    if "=" in name_or_text:
        return _build(parse(name_or_text, "recipe"), "recipe")
    known = recipe_names()
    if name_or_text not in known:
        raise MisuseError(f"unknown recipe {name_or_text!r}: expected one of {', '.join(known)}")
    where = f"recipe {name_or_text!r}"
    return _build(parse(_recipes().joinpath(f"{name_or_text}.toml").read_text("utf-8"), where), where)


def _recipes() -> Any:
    return resources.files("flight.jobs") / "recipes"


def _build(settings: dict[str, Any], where: str) -> Recipe | PackageRecipe:
    """Make a recipe of a text that states every setting."""
    try:
        if settings.get("kind") == PACKAGE:
            return make_package_recipe(settings)
        return make(Recipe, settings)
    except MisuseError as error:
        raise MisuseError(f"{where}: {error}") from None
