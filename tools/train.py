"""Runs a recipe bare, on the ground, with the engine that flies: ``python tools/train.py swift --until-loss 1.898``.

No worker, no checkpoints, no guard, no link: what is timed is training. `training_seconds` counts from the corpus as
text to the last step: cutting it into tokens, drawing weights, warming up, all steps. Importing and evaluating are told
apart.
A run with ``--until-loss`` ends at the first evaluation that reaches it, and else at the end of the recipe.
"""

import os
import sys
import time

_STARTED_S = time.perf_counter()

from pathlib import Path  # noqa: E402 - the imports are what is timed

import click  # noqa: E402
import msgspec  # noqa: E402
import safetensors.torch  # noqa: E402

from ccsds.errors import StarloopError  # noqa: E402
from flight.jobs.corpus import CorpusSources, find_corpus  # noqa: E402
from flight.jobs.dataset import Dataset, map_tokens, write_tokens  # noqa: E402
from flight.jobs.recipe import Recipe, load_recipe  # noqa: E402
from flight.jobs.state import weights_sha256  # noqa: E402
from flight.jobs.train import TrainJob  # noqa: E402
from packing.exact import pack  # noqa: E402
from packing.source import Octets  # noqa: E402

EXIT_BAD_INPUT = 2


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to."""

    recipe: str
    recipe_digest: str
    corpus: str
    corpus_sha256: str
    validation: str
    """Which part was validated on, and how much."""
    seed: int
    threads: int
    steps: int
    """That were done."""
    tokens: int
    """That were trained on, counted as often as they were seen."""
    validation_loss: float
    """Over the whole split, in nats a token, after the last step."""
    reached: bool | None
    """Whether the loss that was asked for was reached; None if none was."""
    evaluations: tuple[tuple[int, float], ...]
    """After which step, and what."""
    parameters: int
    packed_octets: int
    """Of the weights, and of the text if it is counted, as safetensors, packed without loss: what has to come down."""
    import_seconds: float
    training_seconds: float
    training_processor_seconds: float
    """Of all threads."""
    evaluation_seconds: float
    tokens_per_second: float
    weights_sha256: str


def train(
    recipe: Recipe, text: str, seed: int, until_loss: float | None, tokens: Path | None
) -> tuple[TrainJob, list[tuple[int, float]], dict[str, float]]:
    """Train, and evaluate as often as the recipe says or the aim asks for.

    Args:
        recipe: What to do.
        text: The corpus.
        seed: Of every random choice.
        until_loss: When to end.
        tokens: A token file to map; made if there is none.

    Returns:
        The job, its evaluations, and what it took, in seconds.

    Raises:
        StarloopError: The corpus does not fit the recipe, or the token file is damaged.
    """
    evaluations: list[tuple[int, float]] = []
    evaluating_s = evaluating_cpu_s = 0.0
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    job = TrainJob(recipe, _dataset(recipe, text, tokens) if tokens else text, seed)
    steps, interval = recipe.training.steps, recipe.training.evaluation_interval
    for step in range(1, steps + 1):
        job.step()
        is_due = step == steps or (until_loss is not None and step % interval == 0)
        if not is_due:
            continue
        before_s, before_cpu_s = time.perf_counter(), time.process_time()
        evaluations.append((step, job.evaluate()))
        evaluating_s += time.perf_counter() - before_s
        evaluating_cpu_s += time.process_time() - before_cpu_s
        if until_loss is not None and evaluations[-1][1] <= until_loss:
            break
    took = {
        "training_seconds": time.perf_counter() - started_s - evaluating_s,
        "training_processor_seconds": time.process_time() - started_cpu_s - evaluating_cpu_s,
        "evaluation_seconds": evaluating_s,
    }
    return job, evaluations, took


def _dataset(recipe: Recipe, text: str, tokens: Path) -> Dataset:
    if not tokens.exists():
        write_tokens(tokens, Dataset.of(recipe, text), recipe)
    return map_tokens(tokens, recipe)


@click.command()
@click.argument("recipe")
@click.option("--corpus", default="tinyshakespeare", show_default=True, help="Name or path of a text.")
@click.option("--validation", type=click.Choice(["first", "last"]), default="last", show_default=True)
@click.option("--fraction", default=0.1, show_default=True, help="Share of the corpus that is validated on.")
@click.option("--seed", default=1337, show_default=True, help="Seed of every random choice.")
@click.option("--threads", default=2, show_default=True, help="Of the processor.")
@click.option("--until-loss", type=float, help="End at the first evaluation that reaches it.")
@click.option("--override", multiple=True, metavar="TOML", help="Setting to change: 'training.steps = 100'.")
@click.option("--tokens", type=click.Path(path_type=Path), help="Token file to map into memory; made if missing.")
@click.option("--out", type=click.Path(path_type=Path), help="Where to write the weights, as safetensors.")
@click.option("--json", "form", flag_value="json", help="Write the whole result as JSON.")
def main(
    recipe: str,
    corpus: str,
    validation: str,
    fraction: float,
    seed: int,
    threads: int,
    until_loss: float | None,
    override: tuple[str, ...],
    tokens: Path | None,
    out: Path | None,
    form: str | None,
) -> None:
    """Train RECIPE on this computer, and say what it came to and what it took."""
    import_s = time.perf_counter() - _STARTED_S
    try:
        chosen = load_recipe(recipe)
        changes = [f"execution.threads = {threads}", f"training.validation_fraction = {fraction!r}"]
        if chosen.data is not None:
            changes.append(f'data.validation = "{validation}"')
        elif validation == "first":
            changes.append('data = {order = "random", tokens = "characters", vocabulary = 256, validation = "first"}')
        chosen = chosen.override("\n".join((*changes, *override)))
        found = find_corpus(corpus, CorpusSources.from_environment(os.environ))
        if found.notice:
            click.echo(found.notice, err=True)
        job, evaluations, took = train(chosen, found.read_text(), seed, until_loss, tokens)
    except (StarloopError, OSError, FloatingPointError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(EXIT_BAD_INPUT)
    weights = job.weights()
    data = safetensors.torch.save({**weights, **job.beside_weights()})
    if out is not None:
        out.write_bytes(data)
    seen = job.steps_done * job.tokens_per_step
    loss = evaluations[-1][1]
    result = Trained(
        recipe=chosen.name,
        recipe_digest=chosen.digest,
        corpus=found.name,
        corpus_sha256=found.sha256,
        validation=f"{validation} {fraction}",
        seed=seed,
        threads=threads,
        steps=job.steps_done,
        tokens=seen,
        validation_loss=loss,
        reached=None if until_loss is None else loss <= until_loss,
        evaluations=tuple(evaluations),
        parameters=sum(weight.numel() for weight in weights.values()),
        packed_octets=sum(map(len, pack(Octets(data)))),
        import_seconds=import_s,
        tokens_per_second=seen / took["training_seconds"],
        weights_sha256=weights_sha256(weights),
        **took,
    )
    if form == "json":
        click.echo(msgspec.json.encode(result).decode())
        return
    click.echo(f"recipe      {result.recipe}, {result.steps} steps, {result.tokens:,} tokens, seed {seed}")
    click.echo(f"corpus      {result.corpus}, validation {result.validation}, SHA-256 {result.corpus_sha256}")
    click.echo(f"loss        {loss:.4f} nats a token over the whole split")
    click.echo(f"model       {result.parameters:,} parameters, {result.packed_octets / 1e6:.2f} MB packed")
    click.echo(f"training    {result.training_seconds:.2f} s, {result.tokens_per_second:,.0f} tokens/s")
    click.echo(f"beside it   import {import_s:.2f} s, evaluation {result.evaluation_seconds:.2f} s")
    click.echo(f"weights     SHA-256 {result.weights_sha256}")
    if result.reached is False:
        click.echo(f"not reached: {until_loss}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
