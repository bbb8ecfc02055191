"""What a job is, as data: model, training, sampling and execution settings, from TOML. It holds no code of any job.

A recipe text states every setting; there are no hidden defaults. Overrides change single settings, and are TOML too:
``training.steps = 100``. Whatever is unknown, missing, of another type or out of range is refused, by name.
"""

import difflib
import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from enum import StrEnum
from importlib import resources
from typing import Any, Self

from ccsds.errors import MisuseError

# A recipe is some thirty short lines; the bound keeps an uploaded one small enough to travel in a worker's request.
RECIPE_TEXT_OCTETS_MAX = 16 << 10

# Whatever is sampled must fit the sample report (`mission.jobs.SAMPLE_OCTETS_MAX`) at four octets a character.
SAMPLE_CHARACTERS_MAX = 500


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
        _require(self, "model", layers=(1, 64), heads=(1, 64), width=(1, 8192), context=(1, 8192), dropout=(0.0, 0.9))
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
        _require(
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
        _require(self, "sample", length_characters=(1, SAMPLE_CHARACTERS_MAX), temperature=(0.01, 10.0))


@dataclass(frozen=True, kw_only=True)
class ExecutionRecipe:
    """What the arithmetic runs on, as far as it changes the result."""

    threads: int
    """Another number of threads sums in another order and gives other weights."""
    inexact: bool
    """Whether the job may go on from a checkpoint of another exactness key, which changes the result; it is told."""

    def __post_init__(self) -> None:
        """Refuse what cannot be run.

        Raises:
            MisuseError: Naming the setting, what was expected and what was found.
        """
        _require(self, "execution", threads=(1, 256))


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
        _require(self, "devices", processes=(1, PROCESSES_MAX))


class GuardLevel(StrEnum):
    """How closely a job is watched; see `flight.jobs.guard.guarded_job`."""

    OFF = "off"
    STATE = "state"
    COMPUTE = "compute"
    REPLAY = "replay"
    DOUBLE = "double"


@dataclass(frozen=True, kw_only=True)
class GuardRecipe:
    """How closely the job is watched for what radiation does. It never changes the result."""

    level: GuardLevel
    replay_share: float
    """Share of the steps that level ``replay`` does twice."""
    snapshot_interval: int
    """Steps between two copies in memory: as many are done again at most when State is struck."""

    def __post_init__(self) -> None:
        """Refuse what cannot be done.

        Raises:
            MisuseError: Naming the setting, what was expected and what was found.
        """
        _require(self, "guard", replay_share=(0.0, 1.0), snapshot_interval=(1, 10_000))


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One kind of job with all its settings."""

    name: str
    kind: str
    """``train`` is the only one so far."""
    model: ModelRecipe
    training: TrainingRecipe
    sample: SampleRecipe
    execution: ExecutionRecipe
    devices: DevicesRecipe
    guard: GuardRecipe

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

    def override(self, text: str) -> Self:
        """Give the same recipe with single settings changed.

        Args:
            text: TOML, such as ``training.steps = 100``; several lines or tables as liked, or nothing.

        Raises:
            MisuseError: A key is unknown, or its value of another type or out of range.
        """
        where = f"overrides of recipe {self.name!r}"
        changes = _parse(text, where)
        for fixed in ("name", "kind"):
            if fixed in changes:
                raise MisuseError(f"{where}: {fixed} cannot be changed")
        try:
            return _merge(self, changes, "")
        except MisuseError as error:
            raise MisuseError(f"{where}: {error}") from None

    def to_toml(self) -> str:
        """Write every setting, in one fixed order; `load_recipe` gives the same recipe again."""
        lines: list[str] = []
        for key, value in asdict(self).items():
            if isinstance(value, Mapping):
                lines += ["", f"[{key}]", *(f"{name} = {_toml_value(each)}" for name, each in value.items())]
            else:
                lines.append(f"{key} = {_toml_value(value)}")
        return "\n".join(lines) + "\n"

    @property
    def digest(self) -> str:
        """SHA-256 of `to_toml`, in hexadecimal."""
        return hashlib.sha256(self.to_toml().encode()).hexdigest()


def recipe_names() -> tuple[str, ...]:
    """Give the names of the recipes on board."""
    found = (resource.name for resource in _recipes().iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def load_recipe(name_or_text: str) -> Recipe:
    """Read a recipe.

    Args:
        name_or_text: The name of a recipe on board, or a whole recipe in TOML.

    Raises:
        MisuseError: There is none of this name, or the text is not a recipe.
    """
    if "=" in name_or_text:
        return _build(_parse(name_or_text, "recipe"), "recipe")
    known = recipe_names()
    if name_or_text not in known:
        raise MisuseError(f"unknown recipe {name_or_text!r}: expected one of {', '.join(known)}")
    where = f"recipe {name_or_text!r}"
    return _build(_parse(_recipes().joinpath(f"{name_or_text}.toml").read_text("utf-8"), where), where)


def _recipes() -> Any:
    return resources.files("flight.jobs") / "recipes"


def _parse(text: str, where: str) -> dict[str, Any]:
    length_octets = len(text.encode())
    if length_octets > RECIPE_TEXT_OCTETS_MAX:
        raise MisuseError(f"{where}: expected at most {RECIPE_TEXT_OCTETS_MAX} octets, found {length_octets}")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # Beside its own errors: numbers too long, tables too deep.
        raise MisuseError(f"{where}: expected TOML such as 'training.steps = 100': {error}") from None


def _build(settings: dict[str, Any], where: str) -> Recipe:
    """Make a recipe of a text that states every setting."""
    try:
        return _make(Recipe, settings, "")
    except MisuseError as error:
        raise MisuseError(f"{where}: {error}") from None


def _make(kind: type[Any], settings: object, prefix: str) -> Any:
    table = _table(settings, prefix)
    _refuse_unknown(kind, table, prefix)
    missing = [prefix + field.name for field in fields(kind) if field.name not in table]
    if missing:
        raise MisuseError(f"missing {', '.join(missing)}")
    values: dict[str, Any] = {}
    for field in fields(kind):
        value = table[field.name]
        is_table = isinstance(field.type, type) and is_dataclass(field.type)
        path = prefix + field.name
        values[field.name] = (
            _make(field.type, value, f"{path}.") if is_table else _typed(field.type, value, path)  # type: ignore[arg-type]
        )
    return kind(**values)


def _merge(settings: Any, changes: object, prefix: str) -> Any:
    table = _table(changes, prefix)
    _refuse_unknown(type(settings), table, prefix)
    values: dict[str, Any] = {}
    for field in fields(settings):
        if field.name in table:
            path, old = prefix + field.name, getattr(settings, field.name)
            new = table[field.name]
            values[field.name] = _merge(old, new, f"{path}.") if is_dataclass(old) else _typed(field.type, new, path)
    return replace(settings, **values)


def _table(value: object, prefix: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MisuseError(f"{prefix.removesuffix('.')}: expected a table of settings, found {value!r}")
    return value


def _refuse_unknown(kind: type[Any], table: Mapping[str, Any], prefix: str) -> None:
    known = [prefix + field.name for field in fields(kind)]
    for key in table:
        path = prefix + key
        if path not in known:
            close = difflib.get_close_matches(path, known, n=1, cutoff=0.7)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise MisuseError(f"unknown key {path}: expected one of {', '.join(known)}{hint}")


def _typed(kind: object, value: object, path: str) -> object:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise MisuseError(f"{path}: expected a number within double precision, found one beyond it") from None
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if value not in list(kind):
            raise MisuseError(f"{path}: expected one of {', '.join(kind)}, found {value!r}")
        return kind(value)
    if not isinstance(kind, type) or type(value) is not kind:
        names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
        wanted = names.get(kind, "another type")  # type: ignore[arg-type]
        raise MisuseError(f"{path}: expected {wanted}, found {value!r}")
    return value


def _require(settings: object, table: str, **ranges: tuple[float, float]) -> None:
    for name, (minimum, maximum) in ranges.items():
        value = getattr(settings, name)
        if not minimum <= value <= maximum:  # Also true for a value that is not a number.
            raise MisuseError(f"{table}.{name}: expected {minimum} to {maximum}, found {value}")


def _toml_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    # JSON's escapes are TOML's too; DEL alone would need one that JSON does not make.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f") if isinstance(value, str) else repr(value)
