"""Digests of State in the memory of a processor and of another device: no bit that flips goes unseen by either."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from flight.jobs.blocks import DEVICE_STRETCH_ELEMENTS, STRETCH_ELEMENTS, stretch_elements_on
from flight.jobs.compute_device import HOST
from flight.jobs.guard.guarded_job import GuardedJob
from flight.jobs.memory import DeviceMemory, HostMemory, memory_of
from flight.jobs.recipe import load_recipe
from flight.jobs.train import TrainJob
from tests.flight.jobs.guard_bench import flip


@pytest.fixture
def rows():
    """Columns 3 to 8 of a block of 3 rows, which do not lie together."""
    return torch.randn(3, 12, generator=torch.Generator().manual_seed(1))[:, 3:8]


def test_each_device_has_its_memory_and_its_length_of_a_stretch():
    assert isinstance(memory_of(HOST), HostMemory)
    assert isinstance(memory_of(torch.device("cuda", 0)), DeviceMemory)
    assert stretch_elements_on(HOST) == STRETCH_ELEMENTS
    assert stretch_elements_on(torch.device("cuda", 0)) == DEVICE_STRETCH_ELEMENTS


def test_no_single_bit_goes_unseen(memory, rows):
    before = memory.digest(memory.see(rows))
    seen = set()
    for row in rows:
        for element in range(len(row)):
            for bit in range(32):
                flip(row, element, bit)
                seen.add(memory.digest(memory.see(rows)))
                flip(row, element, bit)
    assert memory.digest(memory.see(rows)) == before
    assert len(seen) == 3 * 5 * 32
    assert before not in seen


def test_the_same_bit_of_any_two_words_does_not_go_unseen(memory, rows):
    """Of all columns of bits, the highest: where a sum has the least room to tell words apart."""
    before = memory.digest(memory.see(rows))
    for row in rows:
        for first in range(len(row)):
            for second in range(first):
                flip(row, first, 31)
                flip(row, second, 31)
                assert memory.digest(memory.see(rows)) != before
                flip(row, first, 31)
                flip(row, second, 31)


def test_words_that_change_places_are_seen(memory, rows):
    before = memory.digest(memory.see(rows))
    assert memory.digest(memory.see(rows.flip(1))) != before
    assert memory.digest(memory.see(rows.flip(0))) != before


def test_each_row_has_a_digest_of_its_own_wherever_it_lies(memory, rows):
    alone = [memory.digest(memory.see(row.clone().unsqueeze(0))) for row in rows]
    assert memory.digest(memory.see(rows)) == tuple(digest for (digest,) in alone)


def test_a_view_is_of_the_rows_and_no_copy(memory, rows):
    place = torch.zeros(3, 5)
    memory.copy(memory.see(rows), memory.see(place))
    assert torch.equal(place, rows)
    seen = memory.see(place)
    before = memory.digest(seen)
    flip(place[2], 4, 0)
    assert memory.digest(seen) != before


@pytest.mark.parametrize("width", [1, 8, 128])
def test_a_row_of_a_table_has_the_same_digest_in_any_memory(width):
    generator = torch.Generator().manual_seed(width)
    weights, squares = torch.randn(70, width, generator=generator), torch.rand(70, generator=generator)
    host, device = (memory.digest_each(weights, squares) for memory in (HostMemory(), DeviceMemory()))
    assert host.dtype == device.dtype == np.int64
    assert np.array_equal(host, device)
    assert len(set(host.tolist())) == 70


def test_a_digest_does_not_depend_on_what_was_digested_before(rows):
    fresh, used = DeviceMemory(), DeviceMemory()
    for length in (3, 5000, 17):
        used.digest(used.see(torch.ones(1, length)))
    assert fresh.digest(fresh.see(rows)) == used.digest(used.see(rows))


def test_every_word_has_an_odd_factor_of_its_own():
    """What no test of some bits can show: times an odd number no power of two below 2^64 comes to nothing."""
    factors = DeviceMemory()._factors_on(HOST, 5000)
    assert set((factors % 2).abs().tolist()) == {1}
    assert len(set(factors.tolist())) == 5000


@pytest.mark.parametrize("name", ["tiny", "swift-ngram"])
def test_nothing_of_state_goes_to_the_processor_to_be_digested(text, monkeypatch, name):
    monkeypatch.setattr("flight.jobs.optimizer.memory_of", lambda device: DeviceMemory())
    changes = "model.context = 32\ntraining.batch = 4\nngram.rows = 64\n" if name != "tiny" else ""
    recipe = load_recipe(name).override(f"{changes}guard.snapshot_interval = 2")
    job = GuardedJob(TrainJob(replace(recipe, counts=None), text, 1))  # What is counted never leaves the processor.
    came = []

    def watched(take):
        def taken(tensor, *arguments, **options):
            came.append((tensor.dtype, tensor.numel()))
            return take(tensor, *arguments, **options)

        return taken

    for way in ("cpu", "numpy"):
        monkeypatch.setattr(torch.Tensor, way, watched(getattr(torch.Tensor, way)))
    for _ in range(3):
        job.step()
    job.verify()
    assert came
    # State is of single precision. Generators are of 8 bits; the corpus, which never leaves the processor, is of 32.
    constants = {constant.dtype for constant in job.job.constants().values()}
    assert {dtype for dtype, _ in came} <= {torch.int64, torch.int32, torch.uint8} | constants
    assert torch.float32 not in constants
    corpus = {len(job.job.train_tokens), len(job.job.validation_tokens)}
    assert {count for dtype, count in came if dtype is torch.int32} <= corpus
