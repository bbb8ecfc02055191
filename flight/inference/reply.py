"""A reply, token by token: the same model, prompt and sampling give the same text, however it is cut into requests."""

import torch

from flight.inference.detokenizer import Detokenizer
from flight.inference.messages import Begin, Sampling
from flight.inference.sampling import draw
from flight.inference.text_model import TextModel


class Reply:
    """One reply that is being written.

    Args:
        model: Who writes; its window is this reply's from now on.
        prompt: What to reply to.

    Raises:
        MisuseError: The prompt is too long.
    """

    def __init__(self, model: TextModel, prompt: Begin) -> None:
        tokens, self.turns_left_out = model.encode(prompt)
        self.prompt_tokens = len(tokens)
        self.tokens = 0
        """Tokens that were written."""
        self.is_finished = False
        """Whether the model has said that it has ended."""
        self._model = model
        self._sampling = prompt.sampling
        self._tokens_max = min(prompt.tokens_max, model.room(len(tokens)))
        self._octets_left = prompt.octets_max
        self._generator = torch.Generator().manual_seed(prompt.sampling.seed)
        self._text = Detokenizer(model.decode)
        model.begin()
        self._logits_V = model.read(tokens)

    @property
    def is_whole(self) -> bool:
        """Whether nothing more comes."""
        return self.is_finished or self.tokens >= self._tokens_max or self._octets_left <= 0

    def write(self, count: int) -> str:
        """Write up to so many tokens, and give the text that is whole by them.

        Raises:
            FloatingPointError: What the model computes is not finite.
        """
        text = ""
        for _ in range(count):
            if self.is_whole:
                break
            token = draw(self._logits_V, self._sampling, self._generator)
            if token in self._model.ends:
                self.is_finished = True
                break
            self.tokens += 1
            text += self._clip(self._text.put(token))
            if not self.is_whole:
                self._logits_V = self._model.read([token])
        return text + self._clip(self._text.end()) if self.is_whole else text

    def _clip(self, text: str) -> str:
        """Give as much of a text as there is room for, in whole characters."""
        octets = text.encode(errors="replace")
        clipped = octets[: max(self._octets_left, 0)].decode(errors="ignore")
        # What was cut off ends the reply, even if less than a character is left.
        self._octets_left = self._octets_left - len(octets)
        return clipped


def answer_canary(model: TextModel, canary: str, tokens: int) -> str:
    """Give what a model replies to a canary, the likeliest token each time.

    Raises:
        MisuseError: The canary is too long.
        FloatingPointError: What the model computes is not finite.
    """
    prompt = Begin(
        turns=(), telemetry="", text=canary, tokens_max=tokens, octets_max=1 << 16, sampling=Sampling(temperature=0.0)
    )
    return Reply(model, prompt).write(tokens)
