"""Asking the device what is known: a good one passes, and each kind of wrong answer is found."""

import pytest
import torch

from flight.jobs.device import check_device
from flight.jobs.guard.finding import UnfitError
from flight.jobs.messages import Failed, FailureKind, Probe, Probed
from flight.jobs.worker import Worker


def test_a_device_that_is_well_passes():
    check_device()


def flip(result):
    """Flip the lowest bit of one element, as a unit does that fails."""
    result.view(torch.int32)[0, 0] ^= 1
    return result


def test_one_wrong_bit_of_one_product_is_found(monkeypatch):
    product = torch.Tensor.__matmul__

    def struck(left, right):
        result = product(left, right)
        return flip(result) if result.dtype is torch.float32 else result

    monkeypatch.setattr(torch.Tensor, "__matmul__", struck)
    with pytest.raises(UnfitError, match="expected a known product of 256 x 256, found 1 wrong in round 0"):
        check_device()


@pytest.mark.parametrize("name", ["exp", "tanh", "rsqrt", "erf", "log1p"])
def test_a_function_that_is_off_or_not_twice_the_same_is_found(monkeypatch, name):
    function = getattr(torch, name)
    calls = []

    def struck(argument):
        result = function(argument)
        calls.append(argument)
        return flip(result) if argument.dtype is torch.float32 and len(calls) == 2 else result

    struck.__name__ = name
    monkeypatch.setattr(torch, name, struck)
    with pytest.raises(UnfitError, match=f"expected {name} to be right"):
        check_device()


def test_memory_that_does_not_keep_what_was_written_is_found(monkeypatch):
    fill = torch.Tensor.fill_

    def struck(tensor, value):
        fill(tensor, value)
        if tensor.dtype is torch.uint8:
            tensor[12_345] ^= 4
        return tensor

    monkeypatch.setattr(torch.Tensor, "fill_", struck)
    with pytest.raises(UnfitError, match="expected memory to keep 0x55, found 1 octets that did not"):
        check_device()


def test_the_worker_answers_for_its_device_without_a_job(disk, monkeypatch):
    assert Worker(disk).answer(Probe()) == Probed()
    monkeypatch.setattr(
        "flight.jobs.worker.check_device", lambda device: (_ for _ in ()).throw(UnfitError("device: wrong"))
    )
    assert Worker(disk).answer(Probe()) == Failed("device: wrong", FailureKind.UNFIT)
