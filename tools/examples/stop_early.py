"""Watch a loss as it falls, and pause the job once it is low enough: what a stack of commands cannot compute."""


def run(sc, corpus: str = "tinyshakespeare", enough: float = 3.5):
    job = sc.jobs.submit(recipe="tiny", corpus=corpus, steps=2_000)
    with sc.step(f"Wait for a loss below {enough}"):
        loss = job.wait_for_loss(enough, within_s=600)
        sc.say(f"it is {loss:.3f}")
    job.pause()
    sc.wait_for(lambda: job.state == "PAUSED", within_s=60, what="a paused job")
