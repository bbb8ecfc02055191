"""The whole flight program and its worker are killed at random instants, and the job ends as if nothing had been."""

from tools.bench.kills import measure


def test_a_job_whose_program_and_worker_are_killed_ends_with_the_same_weights():
    weights, lost = measure(2, steps=80)
    assert (weights.value, weights.ok) == (0, True), weights
    assert lost.ok, lost
