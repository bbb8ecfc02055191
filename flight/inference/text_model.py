"""What a model that writes has to be able to do: the port between a reply and what computes it. It holds no behaviour.

Shapes: V tokens in the vocabulary.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import Tensor

from flight.inference.messages import Begin


class TextModel(Protocol):
    """A model in memory, with one window."""

    context: int
    """Tokens that it sees at once."""
    parameters: int
    ends: frozenset[int]
    """Tokens by which it says that it has ended."""

    def encode(self, prompt: Begin) -> tuple[list[int], int]:
        """Give the tokens of a prompt with what was said before, and how many turns there was no room for.

        Raises:
            MisuseError: The prompt alone is too long.
        """
        ...

    def room(self, prompt_tokens: int) -> int:
        """Give how many tokens may follow a prompt of so many."""
        ...

    def decode(self, tokens: Sequence[int]) -> str:
        """Give the text of tokens."""
        ...

    def begin(self) -> None:
        """Empty the window."""
        ...

    def read(self, tokens: Sequence[int]) -> Tensor:
        """Take tokens behind those that are in the window, and give the logits (V) of the one that comes next."""
        ...

    def weights(self) -> Mapping[str, Tensor]:
        """Give the weights as they lie in memory, by name."""
        ...
