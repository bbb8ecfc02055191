"""A small guarded job, and how its memory is struck."""

import torch

from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.recipe import load_recipe
from flight.jobs.train import TrainJob

SEED = 1337
STEPS = 12


def guarded(text, level="state", interval=4, findings=()):
    overrides = f'model.dropout = 0.1\nguard.level = "{level}"\nguard.snapshot_interval = {interval}'
    return GuardedJob(TrainJob(load_recipe("tiny").override(overrides), text, SEED), findings)


def run(job, steps=STEPS):
    while job.job.steps_done < steps:
        job.step()
    job.verify()
    return job.job.weights_sha256()


def flip(tensor, element, bit):
    octets = tensor.detach().reshape(-1).view(torch.uint8)
    octets[element * tensor.element_size() + bit // 8] ^= 1 << bit % 8
