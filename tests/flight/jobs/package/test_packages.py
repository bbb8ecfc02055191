"""Packages in the store and keys beside them: what job.submit says of them, before anything runs."""

import pytest

from ccsds.errors import MisuseError
from flight.books.jobs import JobSubmitted
from flight.jobs.package.packages import Packages
from flight.jobs.queue import JobQueue
from flight.jobs.room import Room
from flight.ledger import Ledger
from mission.packages import KEYS_NAME

NAME = "files/adder.package"


@pytest.fixture
def submit(disk):
    ledger = Ledger(disk)
    queue = JobQueue(ledger, {}, Packages(disk), Room(ledger, disk))

    def run(corpus=NAME, overrides="", recipe="package"):
        return queue.submit(JobSubmitted(job_id=1, recipe=recipe, corpus=corpus, seed=1, steps=0, overrides=overrides))

    return run


def test_a_package_that_is_signed_is_queued(submit):
    assert len(submit()) == 1


@pytest.mark.parametrize(
    "name", ["files/none.package", "files/../files/adder.package", "adder.package", "tinyshakespeare"]
)
def test_what_is_no_package_in_the_store_is_refused(submit, name):
    with pytest.raises(MisuseError, match=r"unknown package .* expected files/NAME.package in the store"):
        submit(name)


def test_a_package_is_no_corpus_of_another_recipe(submit):
    with pytest.raises(MisuseError, match="unknown corpus"):
        submit(recipe="tiny")


def test_what_is_granted_is_the_recipes_to_say(submit):
    with pytest.raises(MisuseError, match="needs memory_mib = 1024: expected 1 to 512, which is granted"):
        submit(overrides="package.memory_mib = 512")
    with pytest.raises(MisuseError, match=r"package.cpu_s: expected 10 to 10000000, found 0"):
        submit(overrides="package.cpu_s = 0")


def test_without_keys_nothing_runs(submit, disk):
    disk.remove(KEYS_NAME)
    with pytest.raises(MisuseError, match="expected a known one: none"):
        submit()


@pytest.mark.parametrize("line", ["00", "zz " * 40, "ab" * 32, "ab" * 31 + " team"])
def test_a_file_of_keys_that_is_broken_is_told_by_its_line(submit, disk, line):
    disk.append(KEYS_NAME, f"# a comment\n{line}\n".encode())
    with pytest.raises(MisuseError, match=r"package_keys.txt, line 3: expected 64 hexadecimal digits and a name"):
        submit()


def test_a_file_that_is_too_long_is_not_even_read(submit, disk, monkeypatch):
    monkeypatch.setattr("flight.jobs.package.packages.PACKAGE_OCTETS_MAX", 10)
    with pytest.raises(MisuseError, match="expected at most 10 octets"):
        submit()
