"""Streams of CADUs for the tests of the coding chain."""

import random

from ccsds.sync import TmCodingConfig, TmDeframer, TmEncoder

SHORT = TmCodingConfig(frame_length_octets=40, interleave=2, parity=16)
SINGLE = TmCodingConfig(frame_length_octets=223, interleave=1)
USUAL = TmCodingConfig()


def frames_of(config: TmCodingConfig, count: int, seed: object = 0) -> list[bytes]:
    draw = random.Random(f"{config} {seed}")
    return [draw.randbytes(config.frame_length_octets) for _ in range(count)]


def coded(config: TmCodingConfig, frames: list[bytes]) -> bytes:
    encoder = TmEncoder(config)
    return b"".join(encoder.encode(frame) for frame in frames)


def deframe(config: TmCodingConfig, stream: bytes) -> list[bytes]:
    deframer = TmDeframer(config)
    deframer.receive(stream)
    return [found.frame for found in deframer.take()]


def flip(stream: bytes, bit: int) -> bytes:
    flipped = bytearray(stream)
    flipped[bit // 8] ^= 0x80 >> bit % 8
    return bytes(flipped)
