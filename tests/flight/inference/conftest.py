"""What the tests of inference share: a model of a job, and a spacecraft on the table that serves it in this process."""

import random

import pytest

from flight.disk import RealDisk
from flight.events import Announced, Reported
from flight.jobs.manifest import Identity
from flight.jobs.model_file import save_model
from flight.jobs.recipe import load_recipe
from flight.jobs.train import TrainJob
from ground.events import plain
from hil.tabletop.operator import Operator
from hil.worker.inline_model_worker import InlineModelWorker

MODEL = "jobs/1/model.safetensors"
SECOND = 1_000_000_000
TEXT = "".join(f"{number} sheep and {number * 7 % 13} dogs\n" for number in range(400))


def save(disk, number, seed, steps=12):
    """Put the model of a job into the store, by the hand that does so on board."""
    recipe = load_recipe("tiny").override(f"training.steps = {steps}")
    job = TrainJob(recipe, TEXT, seed)
    for _ in range(steps):
        job.step()
    keep(disk, job, f"jobs/{number}/model.safetensors", seed)
    return job


def keep(disk, job, path, seed=5):
    """Put the model of a job that is done into the store, under its name."""
    number = int(path.split("/")[1])
    identity = Identity(job_id=number, recipe_digest=job.recipe.digest, corpus_sha256="ab" * 32, seed=seed)
    assert save_model(disk, identity, job)[0] == path
    return path


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """The octets of two models of jobs, by path."""
    disk = RealDisk(tmp_path_factory.mktemp("models"))
    for number in (1, 2):
        save(disk, number, seed=number)
    return {path: disk.read(path) for path in disk.list()}


@pytest.fixture
def disk(tmp_path, models):
    disk = RealDisk(tmp_path / "store")
    for path, octets in models.items():
        disk.append(path, octets)
    return disk


class Table(Operator):
    """An operator with a spacecraft that serves models."""

    def __init__(self, disk, **config):
        self.told = []
        super().__init__(disk, make_model_hand=InlineModelWorker, **config)

    def hear(self):
        """Take what was said, in or out of contact, in plain words."""
        self.told += [
            (event.name, event.values)
            for event in self.spacecraft.take_events()
            if isinstance(event, Announced | Reported)
        ]
        return super().hear()

    def heard(self, name):
        return [values for told, values in self.told if told == name]

    @property
    def server(self):
        """The one in the worker, to strike what it has in memory."""
        return self.model_worker.hand.server

    def activate(self, name=MODEL, **arguments):
        declared = {"name": name, "sha256": b"", "canary": "", "answer": "", **arguments}
        return self.command("model.activate", **declared)

    def prompt(self, turn=1, text="12 sheep", conversation=1, **sampling):
        said = {
            "conversation": conversation, "turn": turn, "text": text, "temperature": 0.8, "top_k": 0, "top_p": 1.0,
            "seed": 7, "tokens_max": 60, "telemetry": 0, **sampling,
        }  # fmt: skip
        return self.command("chat.prompt", **said)

    def reply(self, conversation=1, turn=1):
        """Put a reply together from what came down; the last attempt counts."""
        of_it = [
            (name, values)
            for name, values in self.told
            if name in ("reply_chunk", "reply_end") and (values["conversation"], values["turn"]) == (conversation, turn)
        ]
        attempt = max((values["attempt"] for _, values in of_it), default=0)
        pieces = {v["sequence"]: v["text"] for n, v in of_it if n == "reply_chunk" and v["attempt"] == attempt}
        ends = [values for name, values in of_it if name == "reply_end"]
        return "".join(text for _, text in sorted(pieces.items())), ends[-1] if ends else None

    def models(self):
        """What the slots hold."""
        return self.answer("model.report")

    def answer(self, name, **arguments):
        """Give the report that a command is answered with."""
        self.reports.clear()
        self.command(name, **arguments)
        return plain([item.values for item in self.reports if item.service == 129][-1])


@pytest.fixture
def table(disk):
    return Table(disk)


@pytest.fixture
def chance():
    return random.Random(5)
