"""What jobs take of the store, and what of it is given back, by rule.

| what | when it goes |
|---|---|
| checkpoints of a job that is done or cancelled | at once |
| checkpoints and model of a job that is discarded | at once |
| what is left of a job that the spacecraft no longer remembers | when more is taken than jobs may, oldest first |
| checkpoints of a job that failed | after those, oldest first |
| models, and checkpoints of a job that has not ended | never: rather no other job is taken |

It is gone over when a job ends, at each start, and before a job is queued, so that what a power cut left behind is no
more than what the next of these finds.
"""

import contextlib
from collections.abc import Iterator

from ccsds.errors import MisuseError
from flight.books.jobs import JobRecord
from flight.disk import Disk
from flight.ledger import Ledger
from flight.parameters import ParameterPool
from mission.jobs import JobState
from mission.words.jobs import JOB_STORE_MAX

OCTETS_PER_MIB = 1 << 20

_HOME = "jobs"


class Room:
    """The part of the store that jobs have.

    Args:
        ledger: Which jobs there are.
        disk: The store.
    """

    def __init__(self, ledger: Ledger, disk: Disk) -> None:
        self._ledger = ledger
        self._disk = disk
        self._limit_mib: int = JOB_STORE_MAX.shape.default

    def bind(self, pool: ParameterPool) -> None:
        """Follow the setting of how much jobs may take."""
        pool.bind(JOB_STORE_MAX, self._limit_mib, lambda value, _: self._follow(value))

    def tidy(self) -> None:
        """Give back what the rules say; what the store refuses to give stays for the next time."""
        with contextlib.suppress(OSError):
            files = self._files()
            for number in [number for number in files if number in self._ledger.jobs]:
                job = self._ledger.jobs[number]  # Asked for one by one, it is verified: nothing brings a file back.
                if job.is_discarded or job.state in (JobState.DONE, JobState.CANCELLED):
                    self._remove(files, number, job)
            for number in self._expendable(files):
                if not self._is_over(files):
                    return
                self._remove(files, number, self._ledger.jobs.get(number))

    def check(self) -> None:
        """Make sure that another job may take something.

        Raises:
            MisuseError: Jobs have all that they may.
        """
        self.tidy()
        try:
            taken_mib = sum(size for kept in self._files().values() for size in kept.values()) // OCTETS_PER_MIB
        except OSError:  # What cannot be looked at is not counted; a job that cannot be stored says so itself.
            return
        if self._limit_mib and taken_mib >= self._limit_mib:
            raise MisuseError(
                f"no room for another job: expected less than {self._limit_mib} MiB taken by jobs, found {taken_mib} "
                "MiB; job.discard gives back what an ended one keeps"
            )

    def _follow(self, limit_mib: int) -> None:
        self._limit_mib = limit_mib
        self.tidy()

    def _files(self) -> dict[int, dict[str, int]]:
        """Give the files of each job, by its number, with their lengths in octets."""
        files: dict[int, dict[str, int]] = {}
        for path in self._disk.list(_HOME):
            number = path.split("/")[1]
            if number.isdecimal():
                files.setdefault(int(number), {})[path] = self._disk.size(path)
        return files

    def _is_over(self, files: dict[int, dict[str, int]]) -> bool:
        taken_octets = sum(size for kept in files.values() for size in kept.values())
        return bool(self._limit_mib) and taken_octets > self._limit_mib * OCTETS_PER_MIB

    def _expendable(self, files: dict[int, dict[str, int]]) -> Iterator[int]:
        """Give whose files go first: numbers nobody remembers, then failed jobs, oldest first."""
        yield from sorted(number for number in files if number not in self._ledger.jobs)
        yield from [number for number, job in self._ledger.jobs.items() if job.state is JobState.FAILED]

    def _remove(self, files: dict[int, dict[str, int]], number: int, job: JobRecord | None) -> None:
        keeps_model = job is not None and not job.is_discarded
        for path in [path for path in files.get(number, {}) if "/slot-" in path or not keeps_model]:
            self._disk.remove(path)
            del files[number][path]
