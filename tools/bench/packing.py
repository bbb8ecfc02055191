"""How short models become, and how fast they are long again: fresh weights of the shipped sizes, on one core.

The weights are those of nanoGPT after some steps of training on whatever text there is; the peer is Zstandard on the
file as it is, at the same level.
"""

import os
import time
from collections import deque
from collections.abc import Callable

import safetensors.torch
import torch
import zstandard

from flight.jobs.corpus import CorpusSources, find_corpus
from flight.jobs.recipe import load_recipe
from flight.jobs.train import TrainJob
from packing.exact import LEVEL, pack, unpack
from packing.layers import LayeredModel, pack_layers
from packing.source import Octets
from tools.bench.row import Row

GROUP = "models"
STEPS, LATER_STEPS = 150, 5
_TURNS = 5

_RATIO_MAX = {torch.bfloat16: 0.71, torch.float32: 0.86}
_UNPACK_MB_S_MIN = 100.0


def run() -> list[Row]:
    """Measure."""
    torch.set_num_threads(1)
    corpus = find_corpus("tinyshakespeare", CorpusSources.from_environment(os.environ))
    job = TrainJob(load_recipe("nanogpt"), corpus.read_text(), seed=1337)
    base, model = (
        {name: weight.clone() for name, weight in _after(job, steps).items()} for steps in (STEPS, LATER_STEPS)
    )
    rows = [row for dtype in _RATIO_MAX for row in _exact_rows(model, base, dtype)]
    return rows + _layer_rows(model, base)


def _after(job: TrainJob, steps: int) -> dict[str, torch.Tensor]:
    for _ in range(steps):
        job.step()
    return dict(job.weights())


def _file(weights: dict[str, torch.Tensor], dtype: torch.dtype) -> bytes:
    return safetensors.torch.save({name: weight.to(dtype) for name, weight in weights.items()})


def _exact_rows(model: dict[str, torch.Tensor], base: dict[str, torch.Tensor], dtype: torch.dtype) -> list[Row]:
    name = str(dtype).removeprefix("torch.")
    data, before = _file(model, dtype), _file(base, dtype)
    packed = b"".join(pack(Octets(data)))
    told = b"".join(pack(Octets(data), Octets(before)))
    plain = len(zstandard.ZstdCompressor(level=LEVEL).compress(data)) / len(data)
    is_equal = b"".join(unpack(Octets(packed))) == data and b"".join(unpack(Octets(told), Octets(before))) == data
    ratio = len(packed) / len(data)
    rate = len(data) / 1e6 / _seconds(lambda: b"".join(unpack(Octets(packed))))
    pack_rate = len(data) / 1e6 / _seconds(lambda: b"".join(pack(Octets(data))))
    most = _RATIO_MAX[dtype]
    return [
        Row(
            group=GROUP,
            name=f"nanoGPT 0.8 M after {STEPS + LATER_STEPS} steps, {name}, packed without loss",
            value=ratio,
            unit="of its length",
            peer="Zstandard on the file",
            peer_value=plain,
            ratio=ratio / plain,
            target=f"<= {most}",
            ok=ratio <= most and is_equal,
        ),
        Row(
            group=GROUP,
            name=f"the same, as its difference from {LATER_STEPS} steps before",
            value=len(told) / len(data),
            unit="of its length",
            ok=is_equal,
        ),
        Row(
            group=GROUP,
            name=f"the same, unpacked ({pack_rate:.0f} MB/s to pack)",
            value=rate,
            unit="MB/s",
            target=f">= {_UNPACK_MB_S_MIN:g} MB/s",
            ok=rate >= _UNPACK_MB_S_MIN,
        ),
    ]


def _layer_rows(model: dict[str, torch.Tensor], base: dict[str, torch.Tensor]) -> list[Row]:
    data, before = (_file(each, torch.float32) for each in (model, base))
    told = b"".join(pack_layers(Octets(data), Octets(before)))
    rows = []
    for part in (0.02, 0.1, 0.5, 1.0):
        made = LayeredModel(Octets(told[: int(part * len(told))]), Octets(before))
        deque(made.pieces(), maxlen=0)
        rows.append(
            Row(
                group=GROUP,
                name=f"in layers, {part:.0%} of {len(told) / len(data):.3f} of its length: {made.layers} layers",
                value=made.error,
                unit="of the change left",
            )
        )
    return rows


def _seconds(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(_TURNS):
        begin = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begin)
    return best
