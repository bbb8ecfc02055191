"""Train a model on board, and wait until it is done."""


def run(sc, recipe: str = "tiny", corpus: str = "tinyshakespeare", seed: int = 1337):
    with sc.step(f"Submit {recipe} on {corpus}"):
        job = sc.jobs.submit(recipe=recipe, corpus=corpus, seed=seed)
    with sc.step("Wait for its end"):
        report = job.wait(within_s=3600)
    sc.say(f"loss {report['loss']:.4f}, validation {report['validation_loss']:.4f}, weights {report['weights_sha256']}")
    sc.check(report["step"] == report["steps"], "every step was done")
