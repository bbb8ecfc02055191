"""The speed of the TM coding chain on one core: frame, Reed-Solomon, randomizer, marker; and back from a clean stream.

It measures frames of 1115 octets at interleave 5, in MB of frame octets a second, and in turn with it the peer,
reedsolo, which encodes or checks one codeword and does nothing else of the chain. Run it alone as
``python -m tools.bench.coding``; it needs the test dependencies.
"""

import random
import time
from collections.abc import Callable, Iterable
from functools import partial

from reedsolo import RSCodec

from ccsds.sync import TmCodingConfig, TmDeframer, TmEncoder
from tools.bench.row import Row

GROUP = "first_light"
TARGET_MB_PER_S = 60.0
# One measurement is a batch of frames, as one read of a fast port brings them. It takes half a millisecond, so that
# among many some meet no other program; the best of them is what the code can do on this machine.
BATCH_FRAMES = 50
BATCHES = 320
# The peer takes its turn after so many batches: more often, and one would measure how it empties the caches.
BATCHES_PER_PEER = 8


def run() -> list[Row]:
    """Measure the coding chain.

    Returns:
        One row for each way of the chain.

    Raises:
        RuntimeError: What was measured did not give the frames back.
    """
    config = TmCodingConfig(frame_length_octets=1115, interleave=5)
    draw = random.Random(131)
    batches = [[draw.randbytes(config.frame_length_octets) for _ in range(BATCH_FRAMES)] for _ in range(BATCHES)]
    encoder, deframer = TmEncoder(config), TmDeframer(config)
    streams = [b"".join(map(encoder.encode, batch)) for batch in batches]
    peer = RSCodec(32, nsize=255, fcr=112, prim=0x187, generator=173)
    codeword = batches[0][0][:: config.interleave]
    codeblock = bytes(peer.encode(codeword))

    def encode(batch: list[bytes]) -> None:
        for frame in batch:
            encoder.encode(frame)

    encode_row = _measure(
        "tm_coding_encode",
        (partial(encode, batch) for batch in batches),
        partial(peer.encode, codeword),
    )
    received: list[bytes] = []

    def decode(stream: bytes) -> None:
        deframer.receive(stream)
        received.extend(found.frame for found in deframer.take())

    decode_row = _measure(
        "tm_coding_clean_decode",
        (partial(decode, stream) for stream in streams),
        partial(peer.decode, codeblock),
    )
    if received != [frame for batch in batches for frame in batch]:
        raise RuntimeError("the deframer did not give back the frames that were encoded")
    return [encode_row, decode_row]


def _measure(name: str, batches: Iterable[Callable[[], object]], peer: Callable[[], object]) -> Row:
    """Run batches and the peer in turn, and compare the best of each."""
    batch_ns, peer_ns = [], []
    for turn, batch in enumerate(batches):
        batch_ns.append(_time_ns(batch))
        if turn % BATCHES_PER_PEER == 0:
            peer_ns.append(_time_ns(peer))
    value = BATCH_FRAMES * 1115 * 1e3 / min(batch_ns)
    peer_value = 223 * 1e3 / min(peer_ns)
    return Row(
        group=GROUP,
        name=name,
        value=round(value, 1),
        unit="MB/s",
        peer="reedsolo (Reed-Solomon only)",
        peer_value=round(peer_value, 3),
        ratio=round(value / peer_value, 1),
        target=f">= {TARGET_MB_PER_S:g} MB/s",
        ok=value >= TARGET_MB_PER_S,
    )


def _time_ns(work: Callable[[], object]) -> int:
    start_ns = time.perf_counter_ns()
    work()
    return time.perf_counter_ns() - start_ns


if __name__ == "__main__":
    for row in run():
        print(
            f"{row.name}: {row.value} {row.unit} (target {row.target}), "
            f"{row.peer}: {row.peer_value}, ratio {row.ratio}, {'ok' if row.ok else 'missed'}"
        )
