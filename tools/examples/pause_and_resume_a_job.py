"""Pause a job while it runs, and let it go on to the same end."""


def run(sc, corpus: str = "tinyshakespeare"):
    job = sc.jobs.submit(recipe="tiny", corpus=corpus, steps=300)
    with sc.step("Pause it once it runs"):
        sc.wait_for(lambda: job.state == "RUNNING", within_s=120, what="a job at work")
        job.pause()
        sc.wait_for(lambda: job.state == "PAUSED", within_s=60, what="a paused job")
    with sc.step("Let it go on"):
        job.resume()
        sc.check(job.wait(within_s=600)["step"] == 300, "all 300 steps were done")
