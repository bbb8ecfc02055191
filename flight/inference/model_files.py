"""What a model in the store is, and whether it may be loaded: looked at from outside, without any weight being read.

Two kinds there are: a safetensors file with the recipe of a job (`flight.jobs.model_file`), and a directory of a
Hugging Face causal language model. A directory may hold what a model is made of and nothing else: **a pickle is never
loaded, and neither is code**. It imports no torch, so the flight process can refuse what is wrong before any worker
is begun.

Names are those of `file.list`: ``jobs/<job_id>/model.safetensors``, or what lies in the store of files.
"""

import math
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import msgspec

from ccsds.errors import MalformedError, MisuseError
from flight.disk import Disk
from flight.filestore.disk_source import DiskSource
from flight.filestore.shelf import JOBS_DIRECTORY, MODEL_NAME
from flight.jobs.recipe import Recipe, load_recipe
from flight.jobs.swift_recipe import COUNTED_TEXT, COUNTS_KEPT_MAX, Tokens
from flight.jobs.vocabulary import check_vocabulary, vocabulary_sha256
from mission.files import FILES_DIRECTORY
from mission.inference import ModelKind
from packing.layers import LAYERS_KEY
from packing.layout import Tensor, tensors_of

SUFFIX = ".safetensors"
CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
INDEX = "model.safetensors.index.json"

# Configurations and indices are some kilobytes, and read within one command; a tokenizer of 260,000 words has 35 MB.
TEXT_OCTETS_MAX = 64 << 20
CONFIG_OCTETS_MAX = 1 << 20
_END_OCTETS = 16
_OCTETS_PER_MIB = 1 << 20

# A model of a hundred shards is far beyond what a spacecraft holds in memory.
FILES_MAX = 128

# What serving takes of the memory, of what the weights take in the store: they themselves, a copy while they are
# loaded or, of a small one, to compute with, and a window of keys and values.
MEMORY_PERCENT = {ModelKind.JOB_MODEL: 300, ModelKind.LANGUAGE_MODEL: 130}

# What the counts of a text take while they are made, and less from then on. For each token: its context and what came
# after it, both in order and as they are sorted and counted. For each chance of those that are kept: the count, and the
# chance with what it is smoothed by. What loading takes is measured at 0.4 to 0.8 of it.
COUNTED_TOKEN_OCTETS = 100
COUNTED_CHANCE_OCTETS = 18

# What every model of a job calls the rows of its tokens.
_EMBEDDING = "tokens.weight"

# How what is no safetensors file begins if it is a pickle, by its protocol, or one of torch, which is a ZIP archive.
_PICKLED = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK")

_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".npy", ".npz")
_TEXTS = frozenset(
    (
        "config.json generation_config.json tokenizer.json tokenizer_config.json special_tokens_map.json "
        "added_tokens.json chat_template.jinja chat_template.json tokenizer.model vocab.json merges.txt "
        "preprocessor_config.json processor_config.json README.md LICENSE .gitattributes"
    ).split()
)
_WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What a model is, as far as its files tell."""

    kind: ModelKind
    length_octets: int
    """What its weights take in the store, and the text that it counts."""
    context: int
    """Tokens that it sees at once."""
    files: tuple[str, ...]
    """Paths of all that it is made of, sorted, on the disk of the spacecraft."""
    tokens: Tokens | None = None
    """What it cuts a text into; of a model of a job."""
    vocabulary: int = 0
    """How many it knows; of a model of a job."""
    counted_tokens: int = 0
    """Length of the text that it counts, if it counts one."""

    def check_memory(self, name: str, limit_octets: int) -> None:
        """Refuse a model that takes more memory than it may.

        Raises:
            MisuseError: How much it may take, and how much it would.
        """
        if self.memory_octets > limit_octets:
            limit_mib, found_mib = limit_octets // _OCTETS_PER_MIB, -(-self.memory_octets // _OCTETS_PER_MIB)
            raise MisuseError(
                f"{name}: expected a model that takes at most {limit_mib} MiB of memory, found one of {found_mib} MiB"
            )

    def check_prompt(self, text: str) -> None:
        """Refuse a prompt that is longer than what the model sees; of byte pairs the worker does, who can count them.

        Raises:
            MisuseError: It is longer.
        """
        match self.tokens:
            case Tokens.CHARACTERS:
                length, unit = len(text), "characters"
            case Tokens.BYTES:
                length, unit = len(text.encode()), "octets"
            case _:
                return
        if length > self.context:
            raise MisuseError(f"text: expected at most {self.context} {unit}, which the model sees, found {length}")

    @property
    def memory_octets(self) -> int:
        """What serving it takes, about."""
        chances = min(COUNTS_KEPT_MAX, self.counted_tokens * self.vocabulary)
        counts_octets = self.counted_tokens * COUNTED_TOKEN_OCTETS + chances * COUNTED_CHANCE_OCTETS
        return self.length_octets * MEMORY_PERCENT[self.kind] // 100 + counts_octets


class ModelCard(msgspec.Struct, frozen=True):
    """What a file of a job says of its weights; see `flight.jobs.model_file`."""

    recipe: str
    vocabulary: tuple[str, ...]
    weights_sha256: str
    is_layered: bool = False
    """Whether it is made of some layers of another file: then its weights are near those of the job, not the same."""
    merges: tuple[tuple[str, str], ...] = ()
    """Which tokens become one, of byte pairs."""
    vocabulary_sha256: str = ""
    """Of tokens and merges with these weights; empty in a file of an earlier software, whose tokens are characters."""
    beside_sha256: str = ""
    """Of what the model predicts by beside its weights, digested as they are; empty if there is nothing."""


def path_of(disk: Disk, name: str) -> str:
    """Give where a model lies on the disk, from its name.

    Raises:
        MisuseError: No model can have this name.
    """
    parts = PurePosixPath(name).parts
    if not parts or name.startswith(("/", ".")) or ".." in parts or str(PurePosixPath(name)) != name:
        raise MisuseError(f"expected the name of a model in the store, found {name!r}")
    if parts[0] == JOBS_DIRECTORY:
        if len(parts) != 3 or parts[2] != MODEL_NAME:
            raise MisuseError(f"expected {JOBS_DIRECTORY}/NUMBER/{MODEL_NAME}, found {name!r}")
        return name
    path = f"{FILES_DIRECTORY}/{name}"
    if not disk.is_inside(path, FILES_DIRECTORY):
        raise MisuseError(f"expected a name in the store of files, found {name!r}")
    return path


def look_at(disk: Disk, path: str) -> ModelFacts:
    """Say what a model is.

    Raises:
        MisuseError: It cannot be served, and why: what was expected where, and what was found.
        OSError: The store failed.
    """
    try:
        if disk.is_directory(path):
            return _look_at_directory(disk, path)
        if not path.endswith(SUFFIX):
            raise MisuseError(f"{path}: expected a {SUFFIX} file or a directory, found {_what(path)}")
        tensors = _tensors(disk, path)
        card = read_card(disk, path)
        recipe = _recipe_of(path, card)
        _check_vocabulary(path, card, recipe, tensors)
        return ModelFacts(
            kind=ModelKind.JOB_MODEL,
            length_octets=_octets_of(tensors),
            context=recipe.model.context,
            files=(path,),
            tokens=recipe.tokens,
            vocabulary=len(card.vocabulary),
            counted_tokens=sum(math.prod(tensor.shape) for tensor in tensors if tensor.name == COUNTED_TEXT),
        )
    except (FileNotFoundError, NotADirectoryError):
        raise MisuseError(f"{path}: expected a model, found nothing") from None


def read_card(disk: Disk, path: str) -> ModelCard:
    """Read what a file of a job says of its weights.

    Raises:
        MisuseError: It says nothing of the kind.
        OSError: The store failed.
    """
    header_octets = int.from_bytes(disk.read(path, 0, 8), "little")
    try:
        header = msgspec.json.decode(disk.read(path, 8, header_octets))
        metadata = header["__metadata__"]
        card = msgspec.json.decode(metadata["starloop"], type=ModelCard)
        return msgspec.structs.replace(card, is_layered=LAYERS_KEY in metadata)
    except KeyError:
        raise MisuseError(f"{path}: expected weights with the recipe and vocabulary of a job, found neither") from None
    except (msgspec.MsgspecError, TypeError, RecursionError) as error:
        raise MisuseError(
            f"{path}: expected weights with the recipe and vocabulary of a job, found {type(error).__name__}: {error}"
        ) from None


def models_in(disk: Disk) -> list[str]:
    """Give the names of all models in the store, whole or not, sorted."""
    names = {path for path in disk.list(JOBS_DIRECTORY) if path.endswith(f"/{MODEL_NAME}")}
    directories: set[str] = set()
    single: set[str] = set()
    for path in disk.list(FILES_DIRECTORY):
        name = path.removeprefix(f"{FILES_DIRECTORY}/")
        if name.startswith("."):
            continue
        if name.endswith(f"/{CONFIG}"):
            directories.add(str(PurePosixPath(name).parent))
        elif name.endswith(SUFFIX):
            single.add(name)
    return sorted(names | directories | {name for name in single if str(PurePosixPath(name).parent) not in directories})


def _look_at_directory(disk: Disk, path: str) -> ModelFacts:
    files = disk.list(path)
    if not 0 < len(files) <= FILES_MAX:
        raise MisuseError(f"{path}: expected 1 to {FILES_MAX} files, found {len(files)}")
    names = {file.removeprefix(f"{path}/") for file in files}
    for name in sorted(names):
        if name.endswith(_PICKLES):
            raise MisuseError(f"{path}/{name}: expected weights as safetensors, found a pickle, which is never loaded")
        if name not in _TEXTS and name != INDEX and not _WEIGHTS.fullmatch(name):
            raise MisuseError(f"{path}/{name}: expected nothing but the files of a model, found {_what(name)}")
        if not disk.is_inside(f"{path}/{name}", path):
            raise MisuseError(f"{path}/{name}: expected a file, found a link that leads out")
    for name in (CONFIG, TOKENIZER):
        if name not in names:
            raise MisuseError(f"{path}: expected {name}, found none")
    config = _read_json(disk, f"{path}/{CONFIG}", CONFIG_OCTETS_MAX)
    _check_ends(disk, f"{path}/{TOKENIZER}")
    shards = _shards(disk, path, names)
    return ModelFacts(
        kind=ModelKind.LANGUAGE_MODEL,
        length_octets=sum(_octets_of(_tensors(disk, f"{path}/{shard}")) for shard in shards),
        context=_check_config(f"{path}/{CONFIG}", config),
        files=tuple(files),
    )


def _shards(disk: Disk, path: str, names: set[str]) -> list[str]:
    """Give the files of the weights, all of which are there, with every tensor that the index tells of."""
    found = sorted(name for name in names if _WEIGHTS.fullmatch(name))
    if INDEX not in names:
        if found != [MODEL_NAME]:
            raise MisuseError(f"{path}: expected {MODEL_NAME}, or {INDEX}, found {', '.join(found) or 'neither'}")
        return found
    index = _read_json(disk, f"{path}/{INDEX}", CONFIG_OCTETS_MAX)
    places = index.get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(each, str) for each in places.values()):
        raise MisuseError(f"{path}/{INDEX}: expected a weight_map, found none")
    told = sorted(set(places.values()))
    if told != found:
        raise MisuseError(f"{path}: expected the shards {', '.join(told)}, found {', '.join(found) or 'none'}")
    for shard in told:
        held = {tensor.name for tensor in _tensors(disk, f"{path}/{shard}")}
        missing = sorted({name for name, place in places.items() if place == shard} - held)
        if missing:
            raise MisuseError(f"{path}/{shard}: expected tensor {missing[0]}, found none")
    return told


def _check_config(path: str, config: dict[str, Any]) -> int:
    if "auto_map" in config:
        raise MisuseError(f"{path}: expected a model of the library, found one that brings code (auto_map)")
    architectures = config.get("architectures")
    if not isinstance(architectures, list) or not any(
        isinstance(each, str) and each.endswith("ForCausalLM") for each in architectures
    ):
        raise MisuseError(f"{path}: expected a causal language model, found architectures {architectures!r}")
    context = config.get("max_position_embeddings")
    if not isinstance(context, int) or context < 2:
        raise MisuseError(f"{path}: expected max_position_embeddings of 2 or more, found {context!r}")
    return context


def _recipe_of(path: str, card: ModelCard) -> Recipe:
    try:
        return load_recipe(card.recipe)
    except MisuseError as error:
        raise MisuseError(f"{path}: {error}") from None


def _check_vocabulary(path: str, card: ModelCard, recipe: Recipe, tensors: list[Tensor]) -> None:
    """Refuse a vocabulary that is missing, cut off, of another kind, or of another model."""
    try:
        check_vocabulary(recipe.tokens, card.vocabulary, card.merges)
    except MisuseError as error:
        raise MisuseError(f"{path}: {error}") from None
    rows = next((tensor.shape[0] for tensor in tensors if tensor.name == _EMBEDDING and tensor.shape), 0)
    if rows != len(card.vocabulary):
        raise MisuseError(
            f"{path}: expected a vocabulary of {rows} tokens, as its weights, found {len(card.vocabulary)}"
        )
    found = vocabulary_sha256(card.weights_sha256, recipe.tokens, card.vocabulary, card.merges)
    is_earlier = not card.vocabulary_sha256 and recipe.tokens is Tokens.CHARACTERS
    if found != card.vocabulary_sha256 and not is_earlier:
        raise MisuseError(
            f"{path}: expected the vocabulary of its weights, SHA-256 {card.vocabulary_sha256[:16] or 'none'}, found "
            f"another, {found[:16]}"
        )


def _octets_of(tensors: list[Tensor]) -> int:
    return sum(tensor.end - tensor.start for tensor in tensors)


def _tensors(disk: Disk, path: str) -> list[Tensor]:
    try:
        tensors = tensors_of(DiskSource(disk, path))
    except MalformedError as error:
        if disk.read(path, 0, 2) in _PICKLED:
            raise MisuseError(
                f"{path}: expected weights as safetensors, found a pickle, which is never loaded"
            ) from None
        raise MisuseError(f"{path}: {error}") from None
    if not tensors:
        raise MisuseError(f"{path}: expected weights, found none")
    return tensors


def _check_ends(disk: Disk, path: str) -> None:
    """Refuse a large JSON object that is cut off, or another file, without reading it; the worker reads it whole."""
    size_octets = disk.size(path)
    if size_octets > TEXT_OCTETS_MAX:
        raise MisuseError(f"{path}: expected at most {TEXT_OCTETS_MAX} octets, found {size_octets}")
    ends = disk.read(path, 0, 1) + disk.read(path, max(size_octets - _END_OCTETS, 0)).strip()[-1:]
    if ends != b"{}":
        raise MisuseError(f"{path}: expected a JSON object, found one that is cut off, or another file")


def _read_json(disk: Disk, path: str, octets_max: int) -> dict[str, Any]:
    size_octets = disk.size(path)
    if size_octets > octets_max:
        raise MisuseError(f"{path}: expected at most {octets_max} octets, found {size_octets}")
    try:
        return msgspec.json.decode(disk.read(path), type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MisuseError(f"{path}: expected a JSON object, found {error}") from None


def _what(name: str) -> str:
    return "a pickle, which is never loaded" if name.endswith(_PICKLES) else f"another file, {PurePosixPath(name).name}"
