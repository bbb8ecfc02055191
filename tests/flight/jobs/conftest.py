"""What the tests of jobs share: a text, a small recipe, and a disk in memory."""

import hashlib
import random

import pytest

from flight.jobs.corpus import CorpusFile, Origin
from flight.jobs.memory import DeviceMemory, HostMemory
from flight.jobs.recipe import load_recipe
from flight.jobs.train import TrainJob
from tests.flight.jobs.engine_bench import Bench
from tests.flight.jobs.guard_bench import SEED, STEPS

WORDS = (
    "the lord of this fair isle doth speak with his good men and all their ships are come to land "
    "before we proceed any further hear me I say what news from France my liege none but a storm"
).split()


class MemoryDisk:
    """A disk in memory, which fails for good once it has been asked to change something ``changes_left`` times."""

    def __init__(self, changes_left=None):
        self.files = {}
        self.changes_left = changes_left

    def append(self, path, data):
        self._change()
        self.files[path] = self.files.get(path, b"") + data

    def pwrite(self, path, offset_octets, data):
        self._change()
        old = self.files.get(path, b"").ljust(offset_octets, b"\0")
        self.files[path] = old[:offset_octets] + data + old[offset_octets + len(data) :]

    def read(self, path, offset_octets=0, length_octets=None):
        data = self._existing(path)
        return data[offset_octets:] if length_octets is None else data[offset_octets : offset_octets + length_octets]

    def fsync(self, path):
        self._change()

    def rename(self, old, new):
        self._change()
        self.files[new] = self._existing(old)
        del self.files[old]

    def list(self, prefix=""):
        return sorted(path for path in self.files if not prefix or path.startswith(f"{prefix}/"))

    def size(self, path):
        return len(self._existing(path))

    def remove(self, path):
        self._existing(path)
        self._change()
        del self.files[path]

    def _existing(self, path):
        if path not in self.files:
            raise FileNotFoundError(2, "No such file", path)
        return self.files[path]

    def _change(self):
        if self.changes_left is not None:
            if self.changes_left == 0:
                raise OSError(28, "No space left on device")
            self.changes_left -= 1


@pytest.fixture
def disk():
    return MemoryDisk()


@pytest.fixture
def make_disk():
    return MemoryDisk


@pytest.fixture(scope="session")
def text():
    """Some 20,000 characters that have words, lines and capitals, and are the same everywhere."""
    chance = random.Random(1564)
    lines = (" ".join(chance.choices(WORDS, k=8)).capitalize() + chance.choice(".?!:") for _ in range(480))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def corpus(text, tmp_path_factory):
    path = tmp_path_factory.mktemp("corpora") / "verses.txt"
    path.write_bytes(text.encode())
    return CorpusFile(
        name="verses",
        path=path,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        length_octets=len(text.encode()),
        origin=Origin.PATH,
        notice="",
    )


@pytest.fixture(scope="session")
def recipe():
    return load_recipe("tiny").override("training.steps = 30")


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


@pytest.fixture(params=[HostMemory, DeviceMemory], ids=["host memory", "device memory"])
def memory(request, monkeypatch):
    """Let a job see and digest its State as it lies in the memory of a processor, or as on another device."""
    monkeypatch.setattr("flight.jobs.optimizer.memory_of", lambda device: request.param())
    return request.param()


@pytest.fixture(scope="module")
def clean(text):
    """Give the digests of State after each step of a run that nobody disturbs."""
    job = TrainJob(load_recipe("tiny").override("model.dropout = 0.1"), text, SEED)
    digests = [job.weights_sha256()]
    for _ in range(STEPS + 4):
        job.step()
        digests.append(job.weights_sha256())
    return digests
