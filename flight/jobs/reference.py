"""A recipe run straight through, bare and undisturbed: what every disturbed run is compared with.

It is the same `TrainJob` without engine, worker, checkpoints or guard. A program of its own too, so that the harness
can run it beside the flight software: ``python -m flight.jobs.reference nanogpt --corpus tinyshakespeare --json``.
"""

import os
import sys
import time
from collections.abc import Callable

import click
import msgspec

from ccsds.errors import MisuseError, StarloopError
from flight.jobs.bigram import bigram_entropy_nats
from flight.jobs.corpus import CorpusFile, CorpusSources, find_corpus, split_text
from flight.jobs.recipe import Recipe, load_recipe
from flight.jobs.swift_recipe import Split
from flight.jobs.train import TrainJob

EXIT_BAD_INPUT = 2


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to. Its durations are of this computer on this day; all else is equal on every run."""

    recipe: str
    recipe_digest: str
    corpus: str
    corpus_sha256: str
    corpus_notice: str
    seed: int
    steps: int
    losses: tuple[float, ...]
    """Of each step, in nats a token."""
    validation_loss: float
    """Over the whole validation split, after the last step."""
    bigram_loss: float
    """Of the validation split's own bigram model."""
    weights_sha256: str
    sample: str
    training_s: float
    evaluation_s: float
    tokens_per_s: float
    """Of the training alone."""


def run_reference(
    recipe: Recipe, corpus: CorpusFile, seed: int, stepped: Callable[[int, float], None] | None = None
) -> Reference:
    """Run a recipe to its end.

    Args:
        recipe: What to do.
        corpus: On what.
        seed: Of every random choice.
        stepped: Told of each step done and its loss, to show progress.

    Raises:
        StarloopError: The corpus is not what it was, or does not fit the recipe, or it is for several processes.
    """
    if recipe.devices.processes > 1:
        raise MisuseError(f"reference: expected a recipe of one process, found {recipe.devices.processes}")
    text = corpus.read_text()
    _, validation = split_text(text, recipe.training.validation_fraction, first=recipe.split is Split.FIRST)
    job = TrainJob(recipe, text, seed)
    losses: list[float] = []
    started_s = time.perf_counter()
    for _ in range(recipe.training.steps):
        report = job.step()
        losses.append(report.loss)
        if stepped is not None:
            stepped(report.step, report.loss)
    trained_s = time.perf_counter()
    validation_loss = job.evaluate()
    evaluated_s = time.perf_counter()
    return Reference(
        recipe=recipe.name,
        recipe_digest=recipe.digest,
        corpus=corpus.name,
        corpus_sha256=corpus.sha256,
        corpus_notice=corpus.notice,
        seed=seed,
        steps=recipe.training.steps,
        losses=tuple(losses),
        validation_loss=validation_loss,
        bigram_loss=bigram_entropy_nats(validation),
        weights_sha256=job.weights_sha256(),
        sample=job.sample(),
        training_s=trained_s - started_s,
        evaluation_s=evaluated_s - trained_s,
        tokens_per_s=len(losses) * job.tokens_per_step / (trained_s - started_s),
    )


@click.command()
@click.argument("recipe")
@click.option("--corpus", default="tinyshakespeare", show_default=True, help="Name or path of a text.")
@click.option("--seed", default=1337, show_default=True, help="Seed of every random choice.")
@click.option("--override", multiple=True, metavar="TOML", help="Setting to change: 'training.steps = 100'.")
@click.option("--json", "form", flag_value="json", help="Write the whole result as JSON.")
def main(recipe: str, corpus: str, seed: int, override: tuple[str, ...], form: str | None) -> None:
    """Run RECIPE straight through, undisturbed, and say what it came to."""
    try:
        chosen = load_recipe(recipe).override("\n".join(override))
        found = find_corpus(corpus, CorpusSources.from_environment(os.environ))
        if found.notice:
            click.echo(found.notice, err=True)
        result = run_reference(chosen, found, seed)
    except StarloopError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(EXIT_BAD_INPUT)
    if form == "json":
        click.echo(msgspec.json.encode(result).decode())
        return
    click.echo(f"recipe           {result.recipe}, {result.steps} steps, seed {result.seed}")
    click.echo(f"corpus           {result.corpus}, SHA-256 {result.corpus_sha256}")
    click.echo(f"validation loss  {result.validation_loss:.4f} nats (bigram model {result.bigram_loss:.4f})")
    click.echo(f"training         {result.training_s:.1f} s, {result.tokens_per_s:,.0f} tokens/s")
    click.echo(f"evaluation       {result.evaluation_s:.2f} s")
    click.echo(f"weights SHA-256  {result.weights_sha256}")
    click.echo(f"sample\n{result.sample}")


if __name__ == "__main__":
    main()
