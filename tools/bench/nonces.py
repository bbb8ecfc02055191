"""No nonce is used twice: processes that protect frames over one real key directory, each ended by SIGKILL.

A small process without torch forks one sender after the other. Each opens the keys, protects frames in blocks of four
counters, so that nearly always a block is being set aside, and tells each nonce after it was used, as a frame on the
line does. It is killed at an instant drawn from the seed. Then all nonces that were ever told are compared.

    python -m tools.bench.nonces KILLS [SEED]
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ccsds.sdls.sender
from ccsds.sdls.association import GCM_IV_OCTETS, SPI_OCTETS, Link
from ccsds.sdls.key_file import End, generate_keys
from ccsds.sdls.key_store import KeyStore, Standing
from ccsds.sdls.security import Security
from ccsds.tc_frame import TcFrame, TcFrameKind
from ports.key_directory import KeyDirectory, create_key_file
from tools.bench.row import Row

GROUP = "link"
KILLS = 1_000

_ROOT = Path(__file__).parent.parent.parent
_FRAMES_RESERVED = 4
# Setting a block aside takes some 20 ms where a sync reaches a disk: some die before their first frame, most at one of
# the next blocks, and it is more than ten kills a second.
_LIFE_S_MAX = 0.16
_NONCE_OCTETS = SPI_OCTETS + GCM_IV_OCTETS
# The pipe of a sender holds 64 KiB; one that has told as much waits for its end.
_READ_OCTETS = 1 << 16


def campaign() -> list[Row]:
    """Kill a thousand senders, and give the row."""
    found = kill_senders(KILLS, seed=1)
    told = f"{found['nonces']:,} nonces, {found['kills_while_opening']} kills while opening, {found['seconds']:.0f} s"
    return [
        Row(
            group=GROUP,
            name=f"nonces used twice in {found['kills']} kill -9 at random instants ({told})",
            value=found["reused"],
            unit="nonces",
            target="0",
            ok=found["reused"] == 0 and found["restored"] == 0 and found["kills"] == KILLS,
        )
    ]


def kill_senders(kills: int, seed: int) -> dict[str, float]:
    """Run the whole in a process of its own, and give what it counted.

    Returns:
        ``kills``, ``kills_while_opening``, ``nonces``, ``reused``, ``restored`` (starts that took the store for a
        copy) and ``seconds``.
    """
    command = [sys.executable, "-m", "tools.bench.nonces", str(kills), str(seed)]
    return json.loads(subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)


def _count(kills: int, seed: int) -> dict[str, float]:
    ccsds.sdls.sender.RESERVED_FRAMES = _FRAMES_RESERVED
    chance = random.Random(seed)
    nonces: list[bytes] = []
    opening = restored = 0
    began_ns = time.monotonic_ns()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ground.keys"
        create_key_file(path, generate_keys([(Link.TC, 0)], os.urandom)[End.GROUND].encode())
        for _ in range(kills):
            told = _live_and_die(path, chance.uniform(0, _LIFE_S_MAX))
            restored += told[:1] == b"!"
            whole = told[1:]
            if len(whole) % _NONCE_OCTETS:
                raise RuntimeError(f"expected whole nonces, found {len(whole)} octets")
            opening += not whole
            nonces += [whole[place : place + _NONCE_OCTETS] for place in range(0, len(whole), _NONCE_OCTETS)]
    return {
        "kills": kills,
        "kills_while_opening": opening,
        "nonces": len(nonces),
        "reused": len(nonces) - len(set(nonces)),
        "restored": restored,
        "seconds": (time.monotonic_ns() - began_ns) / 1e9,
    }


def _live_and_die(path: Path, life_s: float) -> bytes:
    """Fork a sender and kill it; give what it told: how it found the store, then each nonce it used."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        _send(path, writing)
    os.close(writing)
    time.sleep(life_s)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    with open(reading, "rb") as pipe:
        told = pipe.read(_READ_OCTETS)
    if not os.WIFSIGNALED(status):
        raise RuntimeError(f"expected a sender that is killed, found one that ended with status {status}")
    return told


def _send(path: Path, writing: int) -> None:
    """Send until killed; a sender that fails ends by itself, which its parent takes for a failure."""
    try:
        directory = KeyDirectory.open(path)
        security = Security(KeyStore.open(directory, directory.name))
        os.write(writing, b"!" if security.standing is Standing.RESTORED else b".")
        frame = TcFrame(TcFrameKind.BD, 1, 0, 0, b"x")
        while True:
            os.write(writing, security.sender.protect_tc(frame).data[:_NONCE_OCTETS])
    finally:
        os._exit(1)


if __name__ == "__main__":
    print(json.dumps(_count(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)))
