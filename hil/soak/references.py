"""The weights that a job of a campaign must come to, each computed once in a process: the same job, undisturbed."""

from functools import lru_cache

from flight.jobs.corpus import CorpusFile


@lru_cache(maxsize=64)
def reference_weights(recipe: str, overrides: str, steps: int, seed: int, corpus: CorpusFile) -> str:
    """Give the digest of the weights of an undisturbed run of a job."""
    # They bring torch along, which whoever only draws missions does not want.
    from flight.jobs.recipe import load_recipe
    from flight.jobs.reference import run_reference

    changes = [overrides] if overrides else []
    changes += [f"training.steps = {steps}"] if steps else []  # As the recipe has it, if it is not said.
    chosen = load_recipe(recipe).override("\n".join(changes))
    return run_reference(chosen, corpus, seed).weights_sha256
