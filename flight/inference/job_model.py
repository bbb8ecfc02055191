"""A model that a job has trained, as one that writes; its tokens are characters, bytes or byte pairs.

It knows no turns. What was said in a conversation and what it replied are one text, which it goes on with; characters
that have no token are left out. Of a conversation that is longer than the window the oldest turns are left out.
It never says that it has ended.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ccsds.errors import MalformedError, MisuseError
from flight.disk import Disk
from flight.inference.cached_gpt import CachedGPT
from flight.inference.messages import Begin
from flight.inference.model_files import read_card
from flight.inference.sliding_swift import SlidingSwift
from flight.jobs.model import GPT, Shape
from flight.jobs.ngram_counts import NgramCounts
from flight.jobs.recipe import Recipe, load_recipe
from flight.jobs.state import weights_sha256
from flight.jobs.swift_model import SwiftModel
from flight.jobs.swift_recipe import COUNTED_TEXT, SwiftRecipe
from flight.jobs.vocabulary import Vocabulary, restore_vocabulary


class Window(Protocol):
    """A model with the tokens that it sees."""

    context: int
    """Tokens that it sees at once."""

    def begin(self) -> None:
        """Empty it."""
        ...

    def read(self, tokens: Sequence[int]) -> Tensor:
        """Take tokens behind those that are in it, and give the logits (V) of the one that comes next."""
        ...

    def weights(self) -> Mapping[str, Tensor]:
        """Give the weights as they lie in memory, by name."""
        ...


class JobModel:
    """A `flight.inference.text_model.TextModel`.

    Args:
        window: The model.
        vocabulary: Its tokens.
        parameters: That it has.
    """

    ends: frozenset[int] = frozenset()

    def __init__(self, window: Window, vocabulary: Vocabulary, parameters: int) -> None:
        self._window = window
        self._vocabulary = vocabulary
        self.context = window.context
        self.parameters = parameters

    def encode(self, prompt: Begin) -> tuple[list[int], int]:
        """See `flight.inference.text_model.TextModel`."""
        tokens = self._tokens(f"{prompt.telemetry}{prompt.text}")
        if len(tokens) > self.context:
            raise MisuseError(f"prompt: expected at most {self.context} tokens, found {len(tokens)}")
        left_out = len(prompt.turns)
        for text, reply in reversed(prompt.turns):
            turn = self._tokens(text + reply)
            if len(turn) + len(tokens) > self.context:
                break
            tokens = turn + tokens
            left_out -= 1
        return tokens or [0], left_out

    def room(self, prompt_tokens: int) -> int:
        """See `flight.inference.text_model.TextModel`; a full window goes on with its latest part."""
        return 1 << 32

    def decode(self, tokens: Sequence[int]) -> str:
        """See `flight.inference.text_model.TextModel`."""
        return self._vocabulary.decode(tokens)

    def begin(self) -> None:
        """See `flight.inference.text_model.TextModel`."""
        self._window.begin()

    def read(self, tokens: Sequence[int]) -> Tensor:
        """See `flight.inference.text_model.TextModel`."""
        return self._window.read(tokens)

    def weights(self) -> Mapping[str, Tensor]:
        """See `flight.inference.text_model.TextModel`."""
        return self._window.weights()

    def _tokens(self, text: str) -> list[int]:
        return self._vocabulary.encode(text).tolist()


def load_job_model(disk: Disk, path: str) -> JobModel:
    """Bring the model of a job into memory.

    Raises:
        MisuseError: The file is no model of a job, or of another architecture.
        MalformedError: Its weights, or the text that it counts, are not those that it says they are.
        OSError: The store failed.
    """
    card = read_card(disk, path)
    recipe = load_recipe(card.recipe)
    shape = Shape(
        vocabulary=len(card.vocabulary),
        context=recipe.model.context,
        layers=recipe.model.layers,
        heads=recipe.model.heads,
        width=recipe.model.width,
    )
    try:
        weights = safetensors.torch.load(disk.read(path))
    except safetensors.SafetensorError as error:
        raise MalformedError(f"{path}: expected a safetensors file, found {error}") from None
    text_M = weights.pop(COUNTED_TEXT, None)
    found = weights_sha256(weights)
    if not card.is_layered and found != card.weights_sha256:
        raise MalformedError(f"{path}: expected weights with SHA-256 {card.weights_sha256[:16]}, found {found[:16]}")
    if recipe.swift is None:
        model = GPT(shape, torch.Generator())
    else:
        model = _swift(path, recipe, recipe.swift, shape, text_M, card.beside_sha256)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise MisuseError(f"{path}: expected the weights of its recipe, found {str(error)[:300]}") from None
    window = CachedGPT(model.eval()) if isinstance(model, GPT) else SlidingSwift(model)
    vocabulary = restore_vocabulary(recipe.tokens, card.vocabulary, card.merges)
    return JobModel(window, vocabulary, sum(weight.numel() for weight in model.parameters()))


def _swift(
    path: str, recipe: Recipe, swift: SwiftRecipe, shape: Shape, text_M: Tensor | None, text_sha256: str
) -> SwiftModel:
    model = SwiftModel(shape, swift, torch.Generator(), recipe.ngram)
    if recipe.counts is None:
        return model
    if text_M is None or text_M.dim() != 1 or len(text_M) < 2 or text_M.is_floating_point():
        raise MisuseError(f"{path}: expected the tokens of its training text, {COUNTED_TEXT}, found none")
    if not 0 <= int(text_M.min()) <= int(text_M.max()) < shape.vocabulary:
        raise MalformedError(f"{path}: expected a text of {shape.vocabulary} tokens, found one with others")
    found = weights_sha256({COUNTED_TEXT: text_M})
    if found != text_sha256:
        raise MalformedError(f"{path}: expected a training text with SHA-256 {text_sha256[:16]}, found {found[:16]}")
    model.counts = NgramCounts(text_M, shape.vocabulary, recipe.counts)
    return model
