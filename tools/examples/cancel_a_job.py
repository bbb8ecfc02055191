"""Cancel a job: a command that loses work is armed first, for one use."""


def run(sc, corpus: str = "tinyshakespeare"):
    job = sc.jobs.submit(recipe="tiny", corpus=corpus, steps=100_000)
    sc.wait_for(lambda: job.state == "RUNNING", within_s=120, what="a job at work")
    with sc.step("Arm it and cancel it"):
        job.cancel()
    sc.wait_for(lambda: job.state == "CANCELLED", within_s=60, what="a cancelled job")
