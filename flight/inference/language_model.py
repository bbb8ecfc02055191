"""Hugging Face causal language models from a directory in the store, Gemma 3 above all, as models that write.

The directory is loaded by `transformers` as it would be anywhere: safetensors alone, no code of the model's own, and
nothing from a network. Its tokenizer and chat template are its own. It knows turns: what was said before goes through
the template, the oldest turns left out whole where the window has no room for them, and a reply ends at its end token.
A model whose directory has no chat template goes on with the text, as a bare one does.

`transformers` is of the extra ``llm``; this file is imported in the worker alone, and only when such a model is loaded.

Shapes: V tokens in the vocabulary.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import transformers
from torch import Tensor

from ccsds.errors import MalformedError, MisuseError
from flight.disk import Disk, RealDisk
from flight.inference.messages import Begin

# A reply of fewer tokens is none: a prompt must leave room for so many.
REPLY_TOKENS_MIN = 16


class LanguageModel:
    """A `flight.inference.text_model.TextModel`.

    Args:
        model: A causal language model.
        tokenizer: Its own.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._cache: Any = None
        # What the library calls the keys and values that are kept has changed its name.
        self._cache_name = "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
        self.context: int = model.config.get_text_config().max_position_embeddings
        self.parameters: int = model.num_parameters()
        self.ends = frozenset(_ends(model, tokenizer))

    def encode(self, prompt: Begin) -> tuple[list[int], int]:
        """See `flight.inference.text_model.TextModel`."""
        room = self.context - min(prompt.tokens_max, REPLY_TOKENS_MIN)
        for left_out in range(len(prompt.turns)):
            tokens = self._tokens(prompt, prompt.turns[left_out:])
            if len(tokens) <= room:
                return tokens, left_out
        tokens = self._tokens(prompt, ())
        if len(tokens) <= room:
            return tokens, len(prompt.turns)
        raise MisuseError(f"prompt: expected at most {room} tokens, which leave room for a reply, found {len(tokens)}")

    def room(self, prompt_tokens: int) -> int:
        """See `flight.inference.text_model.TextModel`: a window that is full ends the reply."""
        return self.context - prompt_tokens

    def decode(self, tokens: Sequence[int]) -> str:
        """See `flight.inference.text_model.TextModel`."""
        return self._tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def begin(self) -> None:
        """See `flight.inference.text_model.TextModel`."""
        self._cache = transformers.DynamicCache(config=self._model.config)

    @torch.inference_mode()
    def read(self, tokens: Sequence[int]) -> Tensor:
        """See `flight.inference.text_model.TextModel`."""
        output = self._model(
            input_ids=torch.tensor([list(tokens)]), use_cache=True, logits_to_keep=1, **{self._cache_name: self._cache}
        )
        return output.logits[0, -1]

    def weights(self) -> Mapping[str, Tensor]:
        """See `flight.inference.text_model.TextModel`."""
        return {
            name: weight.detach() for name, weight in (*self._model.named_parameters(), *self._model.named_buffers())
        }

    def _tokens(self, prompt: Begin, turns: Sequence[tuple[str, str]]) -> list[int]:
        text = prompt.telemetry + prompt.text
        if self._tokenizer.chat_template is None:
            said = "".join(before + reply for before, reply in turns) + text
            return list(self._tokenizer(said)["input_ids"])
        messages: list[dict[str, str]] = []
        for before, reply in turns:
            messages += [{"role": "user", "content": before}, {"role": "assistant", "content": reply}]
        messages.append({"role": "user", "content": text})
        rendered = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        # The template writes the begin token itself.
        return list(self._tokenizer(rendered, add_special_tokens=False)["input_ids"])


def load_language_model(disk: Disk, path: str) -> LanguageModel:
    """Bring a model into memory, in the dtype in which it was saved.

    Raises:
        MalformedError: The library cannot make a model of the directory, or would have to make up weights of its own.
        MisuseError: The store is no directory of this computer.
    """
    if not isinstance(disk, RealDisk):
        raise MisuseError("language model: expected a store that is a directory, found another")
    directory = str(disk.locate(path))
    try:
        loaded: Any = transformers.AutoModelForCausalLM.from_pretrained(
            directory,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype="auto",
            output_loading_info=True,
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            directory, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise MalformedError(
            f"{path}: expected a model that can be loaded, found {type(error).__name__}: {error}"
        ) from None
    model, told = loaded
    # Weights that are not there would be drawn anew, and a model that talks nonsense served without a word.
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if told.get(what):
            raise MalformedError(f"{path}: expected every weight and no other, found {what} {sorted(told[what])[:3]}")
    return LanguageModel(model.eval(), tokenizer)


def _ends(model: Any, tokenizer: Any) -> list[int]:
    """Give the tokens by which a model says that it has ended."""
    ends = model.generation_config.eos_token_id
    if ends is None:
        ends = tokenizer.eos_token_id
    if ends is None:
        return []
    return list(ends) if isinstance(ends, list | tuple) else [ends]
