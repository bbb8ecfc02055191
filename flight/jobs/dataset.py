"""A corpus as tokens: a training split, a validation split, and the vocabulary. Nothing of it ever changes.

It can lie in a file that is mapped into memory, so that a large one needs no memory of its own. A token file is a line
of JSON, padded to a page, and the tokens of both splits, little-endian; the line vouches for them by SHA-256. A mapping
is private: what strikes it in memory does not reach the file.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import torch
from torch import Tensor

from ccsds.errors import MalformedError, MisuseError
from flight.jobs.corpus import split_text
from flight.jobs.recipe import Recipe
from flight.jobs.swift_recipe import Split, Tokens
from flight.jobs.vocabulary import Bytes, Characters, Vocabulary, make_vocabulary

MAGIC = "starloop tokens 1"

# The line has the characters of the vocabulary, at twelve octets each at most where they are escaped.
HEADER_OCTETS_MAX = 1 << 20
_PAGE_OCTETS = 4096


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """What a job learns from and is judged on."""

    vocabulary: Vocabulary
    train_N: Tensor
    """Token ids, int32."""
    validation_N: Tensor

    @classmethod
    def of(cls, recipe: Recipe, text: str) -> "Dataset":
        """Cut a text into tokens as a recipe says.

        Raises:
            MisuseError: The vocabulary cannot be made here.
        """
        train, validation = split_text(text, recipe.training.validation_fraction, first=recipe.split is Split.FIRST)
        vocabulary = make_vocabulary(recipe.tokens, recipe.data.vocabulary if recipe.data else 0, text, train)
        return cls(
            vocabulary=vocabulary,
            train_N=torch.from_numpy(vocabulary.encode(train)),
            validation_N=torch.from_numpy(vocabulary.encode(validation)),
        )


class _Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line of a token file."""

    magic: str
    sha256: str
    """Of the tokens as they lie in the file."""
    split: str
    train: Annotated[int, msgspec.Meta(ge=0)]
    validation: Annotated[int, msgspec.Meta(ge=0)]
    vocabulary: tuple[str, ...]


def write_tokens(path: Path, dataset: Dataset, recipe: Recipe) -> None:
    """Write a token file, whole or not at all.

    Raises:
        MisuseError: Byte pairs, whose vocabulary is no list of characters.
        OSError: It could not be written.
    """
    if recipe.tokens is Tokens.BPE:
        raise MisuseError("token file: expected characters or bytes, found bpe")
    data = b"".join(each.numpy().astype("<i4").tobytes() for each in (dataset.train_N, dataset.validation_N))
    header = _Header(
        magic=MAGIC,
        sha256=hashlib.sha256(data).hexdigest(),
        split=_split_of(recipe),
        train=len(dataset.train_N),
        validation=len(dataset.validation_N),
        vocabulary=dataset.vocabulary.tokens,
    )
    line = msgspec.json.encode(header) + b"\n"
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(line + b" " * (-len(line) % _PAGE_OCTETS) + data)
    partial.replace(path)


def map_tokens(path: Path, recipe: Recipe) -> Dataset:
    """Map a token file into memory, and verify it.

    Args:
        path: The file.
        recipe: What it is for.

    Raises:
        MisuseError: There is no such file.
        MalformedError: It is no token file, damaged, cut short, or of another split.
    """
    header, offset_octets = _read_header(path)
    if header.split != _split_of(recipe):
        raise MalformedError(f"token file {path.name}: expected split {_split_of(recipe)}, found {header.split}")
    count = header.train + header.validation
    found_octets = path.stat().st_size - offset_octets
    if found_octets != 4 * count:
        raise MalformedError(f"token file {path.name}: expected {4 * count} octets of tokens, found {found_octets}")
    tokens = np.memmap(path, "<i4", "c", offset_octets, (count,))
    found = hashlib.sha256(tokens.data).hexdigest()
    if found != header.sha256:
        raise MalformedError(f"token file {path.name}: expected SHA-256 {header.sha256}, found {found}")
    whole = torch.from_numpy(tokens)
    vocabulary = Bytes() if recipe.tokens is Tokens.BYTES else Characters(header.vocabulary)
    return Dataset(vocabulary=vocabulary, train_N=whole[: header.train], validation_N=whole[header.train :])


def _split_of(recipe: Recipe) -> str:
    return f"{recipe.tokens} {recipe.split} {recipe.training.validation_fraction}"


def _read_header(path: Path) -> tuple[_Header, int]:
    try:
        with path.open("rb") as file:
            line = file.readline(HEADER_OCTETS_MAX)
        header = msgspec.json.decode(line, type=_Header)
    except OSError as error:
        raise MisuseError(f"token file {path}: expected a readable file: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedError(f"token file {path.name}: expected a token file, found something else") from None
    if header.magic != MAGIC or not header.vocabulary or any(len(each) != 1 for each in header.vocabulary):
        raise MalformedError(f"token file {path.name}: expected {MAGIC!r}, found {header.magic[:40]!r}")
    return header, len(line) + -len(line) % _PAGE_OCTETS
