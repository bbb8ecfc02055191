"""A `flight.jobs.swift_model.SwiftModel` that writes: its window slides, and is computed anew for each token.

Nothing is kept: the model is a layer or two, and angles between positions depend on their distance alone, so a token
that leaves the window at its other end changes no more than that it is gone. What is predicted is what the job would.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ccsds.errors import MisuseError
from flight.jobs.swift_model import SwiftModel


class SlidingSwift:
    """One window of a model.

    Args:
        model: The model; it is put to predicting.
    """

    def __init__(self, model: SwiftModel) -> None:
        self.context = model.shape.context
        self._model = model.eval()
        self._tokens: list[int] = []

    def weights(self) -> Mapping[str, Tensor]:
        """Give what it predicts by, as it lies in memory: weights, constants, and counts of a text if there are any."""
        named = {name: weight.detach() for name, weight in self._model.named_parameters()}
        named |= dict(self._model.named_buffers())
        return named if self._model.counts is None else named | self._model.counts.tensors()

    def begin(self) -> None:
        """Empty the window."""
        self._tokens.clear()

    @torch.inference_mode()
    def read(self, tokens: Sequence[int]) -> Tensor:
        """Take tokens behind those that are in the window, and give the logits (V) of the one that comes next.

        Raises:
            MisuseError: There are none.
        """
        if not tokens:
            raise MisuseError("read: expected at least one token, found none")
        self._tokens = [*self._tokens, *tokens][-self.context :]
        return self._model.last(torch.tensor([self._tokens]))
