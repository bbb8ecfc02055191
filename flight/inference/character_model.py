"""A model that a job has trained, as one that writes: its vocabulary is the characters of its corpus.

It knows no turns. What was said in a conversation and what it replied are one text, which it goes on with; characters
outside its vocabulary are left out. Of a conversation that is longer than the window the oldest turns are left out.
It never says that it has ended.
"""

from collections.abc import Mapping, Sequence

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ccsds.errors import MalformedError, MisuseError
from flight.disk import Disk
from flight.inference.cached_gpt import CachedGPT
from flight.inference.messages import Begin
from flight.inference.model_files import read_card
from flight.jobs.model import GPT, Shape
from flight.jobs.recipe import load_recipe
from flight.jobs.state import weights_sha256


class CharacterModel:
    """A `flight.inference.text_model.TextModel`.

    Args:
        model: The model.
        vocabulary: Its characters, in the order of its tokens.
    """

    ends: frozenset[int] = frozenset()

    def __init__(self, model: GPT, vocabulary: Sequence[str]) -> None:
        self._cached = CachedGPT(model)
        self._vocabulary = vocabulary
        self._token_of = {character: token for token, character in enumerate(vocabulary)}
        self.context = self._cached.context
        self.parameters = sum(weight.numel() for weight in model.parameters())

    def encode(self, prompt: Begin) -> tuple[list[int], int]:
        """See `flight.inference.text_model.TextModel`."""
        tokens = self._tokens(f"{prompt.telemetry}{prompt.text}")
        if len(tokens) > self.context:
            raise MisuseError(f"prompt: expected at most {self.context} characters, found {len(tokens)}")
        left_out = len(prompt.turns)
        for text, reply in reversed(prompt.turns):
            turn = self._tokens(text + reply)
            if len(turn) + len(tokens) > self.context:
                break
            tokens = turn + tokens
            left_out -= 1
        return tokens or [0], left_out

    def room(self, prompt_tokens: int) -> int:
        """See `flight.inference.text_model.TextModel`; a full window goes on with its latest half."""
        return 1 << 32

    def decode(self, tokens: Sequence[int]) -> str:
        """See `flight.inference.text_model.TextModel`."""
        return "".join(self._vocabulary[token] for token in tokens)

    def begin(self) -> None:
        """See `flight.inference.text_model.TextModel`."""
        self._cached.begin()

    def read(self, tokens: Sequence[int]) -> Tensor:
        """See `flight.inference.text_model.TextModel`."""
        return self._cached.read(tokens)

    def weights(self) -> Mapping[str, Tensor]:
        """See `flight.inference.text_model.TextModel`."""
        return self._cached.weights()

    def _tokens(self, text: str) -> list[int]:
        return [self._token_of[character] for character in text if character in self._token_of]


def load_character_model(disk: Disk, path: str) -> CharacterModel:
    """Bring the model of a job into memory.

    Raises:
        MisuseError: The file is no model of a job, or of another architecture.
        MalformedError: Its weights are not those that it says they are.
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
    found = weights_sha256(weights)
    if found != card.weights_sha256:
        raise MalformedError(f"{path}: expected weights with SHA-256 {card.weights_sha256[:16]}, found {found[:16]}")
    model = GPT(shape, torch.Generator())
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise MisuseError(f"{path}: expected the weights of a nanogpt, found {str(error)[:300]}") from None
    return CharacterModel(model.eval(), card.vocabulary)
