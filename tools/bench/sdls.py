"""How fast frames are protected and processed, beside bare AES-256-GCM of `cryptography` in the same run.

Both do the same cryptography on the same octets: one encryption, one decryption. Ours makes and judges whole frames
around it: the header as authenticated data, a new counter from a durable block, the anti-replay window, its receipt.
Runs of the two alternate, so that a busy machine slows both alike; medians are compared.

    python -m tools.bench.sdls
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ccsds.sdls.association import GCM_IV_OCTETS, MAC_OCTETS, SPI_OCTETS, Link
from ccsds.sdls.key_file import End, generate_keys
from ccsds.sdls.key_store import KeyStore
from ccsds.sdls.receiver import Accepted
from ccsds.sdls.security import Security
from ccsds.tc_frame import FRAME_OCTETS_MAX, OVERHEAD_OCTETS, TcFrame, TcFrameKind
from ccsds.tm_frame import TmFrame, tm_overhead_octets
from ports.key_directory import KeyDirectory, create_key_file
from tools.bench.row import Row, plain

GROUP = "link"
# Frames a second of the fastest profile: 50 Mbit/s in frames of 1,115 octets. Here one core does both ends' work.
TARGET_FRAMES_S = 5_600
TM_FRAME_OCTETS = 1_115

_RUNS = 15
_FRAMES_A_RUN = 2_000


def run() -> list[Row]:
    """Measure, and give the rows."""
    with _ends() as (ground, spacecraft):
        overhead_octets = ground.overhead_octets(Link.TC, 0)
        command = TcFrame(TcFrameKind.BD, 0x2A, 0, 0, bytes(FRAME_OCTETS_MAX - OVERHEAD_OCTETS - overhead_octets))
        telemetry = TmFrame(0x2A, 0, 0, 0, 0, bytes(TM_FRAME_OCTETS - tm_overhead_octets() - overhead_octets), b"CLCW")

        def uplink() -> bool:
            return isinstance(spacecraft.receiver.process_tc(ground.sender.protect_tc(command)), Accepted)

        def downlink() -> bool:
            return isinstance(ground.receiver.process_tm(spacecraft.sender.protect_tm(telemetry)), Accepted)

        if len(ground.sender.protect_tc(command).encode()) != FRAME_OCTETS_MAX:
            raise RuntimeError(f"expected a TC frame of {FRAME_OCTETS_MAX} octets")
        if len(spacecraft.sender.protect_tm(telemetry).encode()) != TM_FRAME_OCTETS:
            raise RuntimeError(f"expected a TM frame of {TM_FRAME_OCTETS} octets")
        return [
            _row(f"SDLS, TC frame of {FRAME_OCTETS_MAX} octets, protect and process", uplink, command.data, 5),
            _row(f"SDLS, TM frame of {TM_FRAME_OCTETS} octets, protect and process", downlink, telemetry.data, 6),
        ]


def _row(name: str, ours: Callable[[], bool], data: bytes, header_octets: int) -> Row:
    gcm = AESGCM(os.urandom(32))
    authenticated = bytes(header_octets + SPI_OCTETS + GCM_IV_OCTETS)
    counter = 0

    def theirs() -> bool:
        nonlocal counter
        counter += 1
        iv = counter.to_bytes(GCM_IV_OCTETS, "big")
        sealed = gcm.encrypt(iv, data, authenticated)
        return len(gcm.decrypt(iv, sealed, authenticated)) == len(sealed) - MAC_OCTETS

    our_rates, their_rates = [], []
    for _ in range(_RUNS):
        our_rates.append(_rate(ours))
        their_rates.append(_rate(theirs))
    value, peer_value = statistics.median(our_rates), statistics.median(their_rates)
    ratio = value / peer_value
    return Row(
        group=GROUP,
        name=name,
        value=value,
        unit="frames/s",
        peer="bare AES-GCM of cryptography",
        peer_value=peer_value,
        ratio=ratio,
        target=f">= {TARGET_FRAMES_S} frames/s",
        ok=value >= TARGET_FRAMES_S,
    )


@contextmanager
def _ends() -> Iterator[tuple[Security, Security]]:
    with tempfile.TemporaryDirectory() as folder:
        ends, directories = {}, []
        for end, file in generate_keys([(Link.TC, 0), (Link.TM, 0)], os.urandom).items():
            path = Path(folder) / end.value
            create_key_file(path, file.encode())
            directories.append(KeyDirectory.open(path))
            ends[end] = Security(KeyStore.open(directories[-1], directories[-1].name))
        yield ends[End.GROUND], ends[End.SPACECRAFT]
        for directory in directories:
            directory.close()


def _rate(work: Callable[[], bool]) -> float:
    began_ns = time.perf_counter_ns()
    for _ in range(_FRAMES_A_RUN):
        if not work():
            raise RuntimeError("expected every frame to be accepted, found one refused")
    return _FRAMES_A_RUN * 1e9 / (time.perf_counter_ns() - began_ns)


if __name__ == "__main__":
    for row in run():
        print(plain(row))
