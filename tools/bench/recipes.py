"""How soon the recipes come to their losses: ``swift`` and ``swift-ngram`` beside ``nanogpt``, a process each, in turn.

Each run is ``tools/train.py`` with two threads, to the end of its recipe. What is compared is `training_seconds`, which
has data, warm-up and all steps in it; imports and evaluations are outside for all. The recipes were chosen on the last
tenth of tinyshakespeare and are judged once more on the complete works, with the same ratio.

The campaign has five seeds, the bench one of ``nanogpt`` and ``swift-ngram`` and three of ``swift``: five minutes on
two idle cores.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flight.jobs.recipe import load_recipe
from tools.bench.row import Row
from tools.bench.training import bare_loop_row

GROUP = "models"
THREADS = 2

# nanoGPT's own CPU recipe comes to this on the whole split; how far a seed may be from it.
AIM, AIM_TOLERANCE = 1.898, 0.02
# nanoGPT's published result of three minutes on an A100.
NGRAM_AIM = 1.4697

SWIFT_SPEED_MIN = 20.0
NGRAM_SHARE_MAX = 0.75

_TRAIN = Path(__file__).parents[1] / "train.py"
_BENCH_SEEDS: dict[str, Sequence[int]] = {"nanogpt": (1,), "swift": (1, 2, 3), "swift-ngram": (1,)}
_CAMPAIGN_SEEDS: dict[str, Sequence[int]] = dict.fromkeys(_BENCH_SEEDS, (1, 2, 3, 4, 5))

Runs = dict[str, list[dict[str, Any]]]


def run() -> list[Row]:
    """Measure, in some five minutes."""
    return _rows(_BENCH_SEEDS)


def campaign() -> list[Row]:
    """Measure five seeds."""
    return _rows(_CAMPAIGN_SEEDS)


def _rows(seeds: dict[str, Sequence[int]]) -> list[Row]:
    rows = [bare_loop_row(GROUP, THREADS)]
    for corpus, judges in (("tinyshakespeare", True), ("shakespeare", False)):
        rows += _corpus_rows(corpus, _run_all(corpus, seeds if judges else dict.fromkeys(seeds, (1,))), judges)
    return rows


def _run_all(corpus: str, seeds: dict[str, Sequence[int]]) -> Runs:
    """Run all recipes in turn, seed by seed, so that whatever else the computer does falls on all alike."""
    runs: Runs = {name: [] for name in seeds}
    for seed in sorted({seed for each in seeds.values() for seed in each}):
        for name, own in seeds.items():
            if seed in own:
                runs[name].append(train(name, corpus, seed))
    return runs


def train(recipe: str, corpus: str, seed: int, *options: str) -> dict[str, Any]:
    """Train in a process of its own; give what `tools/train.py` tells.

    Args:
        recipe: Its name.
        corpus: On what.
        seed: Of every random choice.
        options: More of `tools/train.py`.
    """
    command = [sys.executable, str(_TRAIN), recipe, "--corpus", corpus, "--seed", str(seed)]
    command += ["--threads", str(THREADS), "--json", *options]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _corpus_rows(corpus: str, runs: Runs, judges: bool) -> list[Row]:
    seconds = {name: statistics.median(each["training_seconds"] for each in own) for name, own in runs.items()}
    losses = {name: statistics.median(each["validation_loss"] for each in own) for name, own in runs.items()}
    # On another corpus the aim is what nanogpt comes to there.
    aim = AIM if judges else losses["nanogpt"]
    peer_s = seconds["nanogpt"]
    rows = [
        Row(
            group=GROUP,
            name=_name("nanogpt", corpus, runs, losses),
            value=peer_s,
            unit="s of training",
            target=f"a loss of {AIM}, give or take {AIM_TOLERANCE}" if judges else "",
            ok=not judges or abs(losses["nanogpt"] - AIM) <= AIM_TOLERANCE,
        )
    ]
    for name, most, reach in (
        ("swift", 1 / SWIFT_SPEED_MIN, aim),
        ("swift-ngram", NGRAM_SHARE_MAX, NGRAM_AIM if judges else aim),
    ):
        ratio = seconds[name] / peer_s
        rows.append(
            Row(
                group=GROUP,
                name=_name(name, corpus, runs, losses),
                value=seconds[name],
                unit="s of training",
                peer=f"nanogpt to {losses['nanogpt']:.4f}",
                peer_value=peer_s,
                ratio=ratio,
                target=f"ratio at most {most:g} at a loss of {reach:.4f}" if judges else "",
                ok=not judges or (ratio <= most and losses[name] <= reach),
            )
        )
    return rows


def _name(recipe: str, corpus: str, runs: Runs, losses: dict[str, float]) -> str:
    own = runs[recipe]
    steps = load_recipe(recipe).training.steps
    spread = ", ".join(f"{each['validation_loss']:.4f}" for each in own)
    size = f"{own[0]['parameters'] / 1e6:.2f} M parameters, {own[0]['packed_octets'] / 1e6:.2f} MB packed"
    return f"{recipe}, {corpus}, {steps} steps: loss {losses[recipe]:.4f} of {spread}; {size}"
