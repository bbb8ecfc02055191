"""Asks the device what is known already, before a job is trusted to it again.

A device that gives wrong results again and again is begun anew: its process ends, and a new one comes here first.
Products of matrices of small whole numbers are exact in floating point, however they are summed, so that what is right
is known without having been stored; functions that round are asked twice, and held against double precision. Memory is
written and read back in two patterns.
"""

import torch

from flight.jobs.compute_device import HOST
from flight.jobs.guard.finding import UnfitError

# A unit that fails now and then is to be met with: some hundred million products and sums, in about a second.
ROUNDS = 8
SIZE = 256

# Beside what a job needs; large enough to leave every cache.
MEMORY_OCTETS = 64 << 20

_PATTERNS = (0x55, 0xAA)

# Single precision keeps 24 bits; functions are right to a few units of the last of them.
_RELATIVE_MAX = 1e-5


def check_device(device: torch.device = HOST) -> None:
    """Ask.

    Args:
        device: Who is asked; what it answers is compared by the processor.

    Raises:
        UnfitError: An answer was wrong; it says which.
    """
    generator = torch.Generator().manual_seed(0)
    for round_ in range(ROUNDS):
        _check_products(generator, round_, device)
        _check_functions(generator, round_, device)
    _check_memory(device)


def _check_products(generator: torch.Generator, round_: int, device: torch.device) -> None:
    # Sums stay below 2^24, so that each is a whole number that single precision holds.
    left_NN = torch.randint(-8, 9, (SIZE, SIZE), generator=generator, device=HOST)
    right_NN = torch.randint(-8, 9, (SIZE, SIZE), generator=generator, device=HOST)
    expected_NN = left_NN @ right_NN
    found_NN = (left_NN.float().to(device) @ right_NN.float().to(device)).to(HOST)
    wrong = int((found_NN != expected_NN.float()).sum())
    if wrong:
        raise UnfitError(f"device: expected a known product of {SIZE} x {SIZE}, found {wrong} wrong in round {round_}")


def _check_functions(generator: torch.Generator, round_: int, device: torch.device) -> None:
    x_NN = torch.randn(SIZE, SIZE, generator=generator, device=HOST)
    for function in (torch.exp, torch.tanh, torch.rsqrt, torch.erf, torch.log1p):
        argument_NN = x_NN.abs() + 0.5 if function in (torch.rsqrt, torch.log1p) else x_NN
        asked_NN = argument_NN.to(device)
        once_NN, again_NN = function(asked_NN).to(HOST), function(asked_NN).to(HOST)
        exact_NN = function(argument_NN.double())
        is_near = torch.isclose(once_NN.double(), exact_NN, rtol=_RELATIVE_MAX, atol=_RELATIVE_MAX)
        if not torch.equal(once_NN, again_NN) or not bool(is_near.all()):
            raise UnfitError(f"device: expected {function.__name__} to be right, found it wrong in round {round_}")


def _check_memory(device: torch.device) -> None:
    room = torch.empty(MEMORY_OCTETS, dtype=torch.uint8, device=device)
    for pattern in _PATTERNS:
        room.fill_(pattern)
        if int(room.min()) != pattern or int(room.max()) != pattern:
            wrong = int((room != pattern).sum())
            raise UnfitError(f"device: expected memory to keep {pattern:#04x}, found {wrong} octets that did not")
