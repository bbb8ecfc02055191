"""The memory of one of two processes is struck at a random instant, and the job ends as if nothing had been."""

from tools.bench.ranks import strike_row


def test_a_job_of_which_one_rank_is_struck_ends_with_the_same_weights():
    row = strike_row(2, steps=60)
    assert (row.value, row.ok) == (2, True), row
