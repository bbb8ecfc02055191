"""A pair of ends that share keys, each with its key store on a disk of the harness."""

import pytest

from ccsds.sdls.association import Link
from ccsds.sdls.key_file import End, generate_keys
from ccsds.sdls.key_store import KeyStore
from ccsds.sdls.security import Security
from hil.disk.simulated_disk import SimulatedDisk
from hil.streams import Streams

CHANNELS = ((Link.TC, 0), (Link.TC, 1), (Link.TM, 0), (Link.TM, 2))


class StampedDisk(SimulatedDisk):
    """A simulated disk that says of a file what the system says of it."""

    def stamp(self, path):
        status = self.locate(path).stat()
        return f"{status.st_ino}:{status.st_ctime_ns}"


@pytest.fixture
def draw():
    """Octets by chance, from one seed."""
    streams = Streams(7)
    blocks = iter(range(1 << 20))
    return lambda octets: streams.block("keys", next(blocks)).bytes(octets)


@pytest.fixture
def make_disk(tmp_path):
    return lambda name="keys", seed=1: StampedDisk(tmp_path / name, Streams(seed))


@pytest.fixture
def make_pair(make_disk, draw):
    """Give both ends, by `End`, as they begin their life."""

    def make(**options):
        ends = {}
        for end, file in generate_keys(CHANNELS, draw, **options).items():
            disk = make_disk(end.value)
            disk.append("keys", file.encode())
            ends[end] = Security(KeyStore.open(disk, "keys"))
        return ends[End.GROUND], ends[End.SPACECRAFT]

    return make
