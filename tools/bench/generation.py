"""Tokens a second of replies: with keys and values kept beside without, and ours beside `generate` of transformers.

The sides take turns, a reply each, so that whatever else the computer does falls on both alike. The models have random
weights: how fast they write does not depend on what.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers

from flight.disk import RealDisk
from flight.inference.cached_gpt import CachedGPT
from flight.inference.language_model import LanguageModel, load_language_model
from flight.inference.messages import Begin, Sampling
from flight.inference.reply import Reply
from flight.jobs.model import GPT, Shape
from tools.bench.row import Row

GROUP = "models"
THREADS = 1
ROUNDS = 5

# The GPU recipe of nanoGPT on tinyshakespeare characters: 10.6 million parameters.
SHAPE = Shape(vocabulary=65, context=256, layers=6, heads=6, width=384)
# From a full window on, so that what is recomputed is a whole context each time, and a window is refilled on the way.
CACHED_TOKENS = 256
UNCACHED_TOKENS = 8
CACHED_RATIO_MIN = 9.0

REPLY_TOKENS = 96
GENERATE_RATIO_MIN = 0.95


def run() -> list[Row]:
    """Measure, in about a minute."""
    torch.set_num_threads(THREADS)
    return [*_cached(), _hugging_face()]


def _cached() -> list[Row]:
    model = GPT(SHAPE, torch.Generator().manual_seed(1)).eval()
    prompt = torch.randint(SHAPE.vocabulary, (SHAPE.context,), generator=torch.Generator().manual_seed(2)).tolist()
    sides = {dtype: CachedGPT(model, dtype) for dtype in (torch.float32, torch.bfloat16)}
    without: list[float] = []
    rates: dict[torch.dtype, list[float]] = {dtype: [] for dtype in sides}
    for number in range(ROUNDS + 1):
        measured = _rate(lambda: _recompute(model, prompt), UNCACHED_TOKENS)
        for dtype, side in sides.items():
            side.begin()
            side.read(prompt)
            rate = _rate(lambda side=side: _write(side), CACHED_TOKENS)
            if number:  # The first round warms up.
                rates[dtype].append(rate)
        if number:
            without.append(measured)
    rows: list[Row] = []
    for dtype, name in ((torch.float32, "fp32, as it is served"), (torch.bfloat16, "bf16")):
        ratio = statistics.median(ours / theirs for ours, theirs in zip(rates[dtype], without, strict=True))
        is_served = dtype is torch.float32
        rows.append(
            Row(
                group=GROUP,
                name=f"nanogpt 10.6 M, keys and values kept, {name}, {THREADS} thread",
                value=statistics.median(rates[dtype]),
                unit="tokens/s",
                peer="the context of 256 recomputed for each token",
                peer_value=statistics.median(without),
                ratio=ratio,
                target=f"ratio at least {CACHED_RATIO_MIN:g}" if is_served else "",
                ok=ratio >= CACHED_RATIO_MIN or not is_served,
            )
        )
    return rows


@torch.inference_mode()
def _recompute(model: GPT, prompt: list[int]) -> None:
    window = list(prompt)
    for _ in range(UNCACHED_TOKENS):
        window = [*window[1:], int(model(torch.tensor([window]))[0, -1].argmax())]


def _write(side: CachedGPT) -> None:
    token = 0
    for _ in range(CACHED_TOKENS):
        token = int(side.read([token]).argmax())


def _hugging_face() -> Row:
    """Gemma 3 with random weights: a reply of ours beside the library's own loop, the likeliest token each time."""
    with tempfile.TemporaryDirectory() as folder:
        disk = RealDisk(folder)
        path = disk.root / "files" / "gemma"
        _lay_gemma(path)
        ours = load_language_model(disk, "files/gemma")
        ours.ends = frozenset()
        theirs: Any = transformers.AutoModelForCausalLM.from_pretrained(path)
        prompt = Begin(
            turns=(),
            telemetry="",
            text="what do you see from up there",
            tokens_max=REPLY_TOKENS,
            octets_max=1 << 20,
            sampling=Sampling(temperature=0.0),
        )
        inputs = torch.tensor([ours.encode(prompt)[0]])

        def generate() -> None:
            mask = torch.ones_like(inputs)
            with torch.no_grad():
                theirs.generate(
                    inputs,
                    attention_mask=mask,
                    min_new_tokens=REPLY_TOKENS,
                    max_new_tokens=REPLY_TOKENS,
                    do_sample=False,
                )

        pairs: list[tuple[float, float]] = []
        for number in range(ROUNDS + 1):
            pair = (_rate(lambda: _reply(ours, prompt), REPLY_TOKENS), _rate(generate, REPLY_TOKENS))
            if number:
                pairs.append(pair)
    ratio = statistics.median(our / their for our, their in pairs)
    return Row(
        group=GROUP,
        name=f"Gemma 3 in small, a reply with its text, {THREADS} thread",
        value=statistics.median(our for our, _ in pairs),
        unit="tokens/s",
        peer="generate of transformers, without text",
        peer_value=statistics.median(their for _, their in pairs),
        ratio=ratio,
        target=f"ratio at least {GENERATE_RATIO_MIN}",
        ok=ratio >= GENERATE_RATIO_MIN,
    )


def _reply(model: LanguageModel, prompt: Begin) -> None:
    reply = Reply(model, prompt)
    while not reply.is_whole:
        reply.write(16)


def _lay_gemma(path: Path) -> None:
    torch.manual_seed(1)
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<pad>", "<eos>", "<bos>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(["what do you see from up there"], trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token="<pad>", eos_token="<eos>", bos_token="<bos>"
    )
    config = transformers.Gemma3TextConfig(
        vocab_size=4_096,
        hidden_size=256,
        intermediate_size=1_024,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=64,
        sliding_window=64,
        max_position_embeddings=512,
        bos_token_id=2,
        eos_token_id=1,
        pad_token_id=0,
    )
    transformers.Gemma3ForCausalLM(config).save_pretrained(path)
    tokenizer.save_pretrained(path)


def _rate(work: Callable[[], None], tokens: int) -> float:
    begin_s = time.perf_counter()
    work()
    return tokens / (time.perf_counter() - begin_s)
