"""Models that the tests make: safetensors files of trained-looking weights, and the same a little later."""

import json

import numpy as np
import pytest

_NAMES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8"}


def safetensors_file(tensors, metadata=None):
    """Write a safetensors file of (name, dtype, array) in this order."""
    header = {"__metadata__": metadata} if metadata else {}
    at, body = 0, b""
    for name, dtype, array in tensors:
        octets = array.astype(_NAMES[dtype]).tobytes() if dtype != "BF16" else bfloat16(array)
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [at, at + len(octets)]}
        at += len(octets)
        body += octets
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    return len(encoded).to_bytes(8, "little") + encoded + body


def bfloat16(array):
    """Give the upper halves of single precision, rounded to the nearest, ties to even."""
    bits = array.astype("<f4").view("<u4").astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()


def weights(seed=0, moved=0.0, scale=0.02):
    """Give weights as a trained model has them, or the same after some more training."""
    chance, change = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    arrays = [chance.normal(0, scale, shape) for shape in ((300, 400), (400,), (400, 300))]
    # A few weights move much, most hardly at all.
    return [each + moved * change.normal(0, 1, each.shape) * change.random(each.shape) ** 8 for each in arrays]


def model(dtype="F32", moved=0.0, metadata=None):
    """Give a model as a file."""
    named = zip(("head.weight", "norm.weight", "wte.weight"), weights(moved=moved), strict=True)
    return safetensors_file([(name, dtype, array) for name, array in named], metadata)


@pytest.fixture(params=["F32", "BF16", "F16", "F64"])
def dtype(request):
    """Each kind of floating point."""
    return request.param
