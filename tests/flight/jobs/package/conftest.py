"""What the tests of packages share: a team's key, a team's job in a few lines, and the store that it came to."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from flight.disk import RealDisk
from flight.jobs.recipe import load_any_recipe
from ground.package_signing import make_package, public_octets
from mission.packages import KEYS_NAME

SETTINGS = """
name = "adder"
version = "1"
entry = "adder:Adder"
[needs]
memory_mib = 1024
cpu_s = 30
open_files = 128
file_mib = 8
"""

ADDER = """
import torch
from flight.jobs.package.protocol import State, StepReport

class Adder:
    def __init__(self, order):
        self.sum = torch.full((4,), float(order.seed))
        self.done = 0
        self.directory = order.directory

    def state(self):
        return State(tensors={"sum": self.sum}, octets={"step": self.done.to_bytes(4, "little")})

    def load(self, state):
        self.sum.copy_(state.tensors["sum"])
        self.done = int.from_bytes(state.octets["step"], "little")

    def step(self):
        self.done += 1
        self.work()
        self.sum += self.done
        return StepReport(step=self.done, loss=1 / self.done, gradient_norm=0.0, learning_rate=0.0)

    def work(self):
        WORK
"""


def adder(work="pass"):
    return ADDER.replace("WORK", work)


@pytest.fixture
def settings():
    return SETTINGS


@pytest.fixture
def key():
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture
def keys(key):
    return {public_octets(key): "the team"}


@pytest.fixture
def recipe():
    return load_any_recipe("package")


@pytest.fixture
def package(key):
    return make_package(SETTINGS, {"adder.py": adder().encode()}, key)


@pytest.fixture
def disk(tmp_path, keys, package):
    disk = RealDisk(tmp_path / "store")
    disk.append(KEYS_NAME, "".join(f"{each.hex()} {name}\n" for each, name in keys.items()).encode())
    disk.append("files/adder.package", package)
    return disk


@pytest.fixture(name="adder")
def adder_fixture():
    return lambda work="pass": adder(work).encode()
