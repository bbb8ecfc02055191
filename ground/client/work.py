"""Jobs and files as a program handles them: begun by one call, followed by another."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccsds.errors import StarloopError
from ground.client.packing import FAILURES, is_end_of_packing

if TYPE_CHECKING:
    from ground.client.operator import Operator

_ENDED = frozenset({"DONE", "FAILED", "CANCELLED"})

# Nothing was heard of a job for this long: it is asked after, for its reports may have been lost.
ASK_AFTER_S = 20.0

# Pages of one directory.
PAGES_MAX = 1_000


class WorkFailedError(StarloopError):
    """A job or a transfer ended before it was done."""


class Job:
    """One job on board.

    Args:
        operator: Who handles it.
        job_id: Its number.
    """

    def __init__(self, operator: "Operator", job_id: int) -> None:
        self._operator = operator
        self.job_id = job_id

    @property
    def known(self) -> dict[str, Any]:
        """What was heard of it: state, progress, report, sample and losses."""
        return self._operator.client.jobs().get(str(self.job_id), {})

    @property
    def state(self) -> str | None:
        """Its state, or None before anything was heard."""
        return self.known.get("state")

    @property
    def loss(self) -> float | None:
        """Its latest training loss."""
        return (self.known.get("progress") or {}).get("loss")

    def wait(self, *, within_s: float | None = None, until_tai_ns: int | None = None) -> dict[str, Any]:
        """Wait until it has ended, and give its report.

        Raises:
            WorkFailedError: It failed, or was cancelled.
            DeadlineError: It has not ended in time.
        """
        self._operator.wait_for(
            lambda: self.state in _ENDED,
            within_s=within_s,
            until_tai_ns=until_tai_ns,
            what=f"the end of job {self.job_id}",
        )
        report = self._operator.report(lambda: self._operator.job.report(job_id=self.job_id), "job_report")
        if report["state"] != "DONE":
            raise WorkFailedError(f"job {self.job_id}: expected it to be DONE, found it {report['state']}")
        return report

    def wait_for_loss(self, below: float, *, within_s: float | None = None) -> float:
        """Wait until its training loss is below a number, and give it.

        Raises:
            DeadlineError: It was not in time.
        """

        def is_below() -> float | None:
            loss = self.loss
            return loss if loss is not None and loss < below else None

        return self._operator.wait_for(is_below, within_s=within_s, what=f"a loss below {below:g}") or below

    def pause(self) -> None:
        """Let it rest."""
        self._operator.job.pause(job_id=self.job_id)

    def resume(self) -> None:
        """Let it go on."""
        self._operator.job.resume(job_id=self.job_id)

    def cancel(self) -> None:
        """End it, which loses its work: it is armed first."""
        self._operator.arm("job.cancel")
        self._operator.job.cancel(job_id=self.job_id)


class Jobs:
    """All jobs on board.

    Args:
        operator: Who handles them.
    """

    def __init__(self, operator: "Operator") -> None:
        self._operator = operator

    def submit(self, *, recipe: str, job_id: int | None = None, **arguments: Any) -> Job:
        """Submit a job; submitting it twice under one number is one job.

        Args:
            recipe: How, by name.
            job_id: Its number; None takes the next that was not heard of.
            arguments: The others of ``job.submit``: corpus, seed, steps, overrides.

        Raises:
            CommandFailedError: The spacecraft does not take it.
        """
        if job_id is None:
            job_id = max((int(each) for each in self._operator.client.jobs()), default=0) + 1
        self._operator.job.submit(job_id=job_id, recipe=recipe, **arguments)
        return Job(self._operator, job_id)

    def get(self, job_id: int) -> Job:
        """Give a job by its number."""
        return Job(self._operator, job_id)


class Files:
    """Files here and on board.

    Args:
        operator: Who handles them.
    """

    def __init__(self, operator: "Operator") -> None:
        self._operator = operator

    def put(self, local: str | Path, remote: str, *, within_s: float | None = None) -> None:
        """Send a file up, and wait until it is whole on board.

        Raises:
            WorkFailedError: It did not arrive.
            DeadlineError: It has not in time.
        """
        transaction = self._operator.client.put_file(local, remote)
        self._wait(lambda row: row["transaction"] == transaction, remote, within_s)

    def get(self, remote: str, *, within_s: float | None = None) -> bytes:
        """Have a file sent down, wait until it is whole here, and give its content.

        Raises:
            CommandFailedError: The spacecraft has no such file.
            WorkFailedError: It did not arrive.
            DeadlineError: It has not in time.
        """
        client = self._operator.client
        before = {row["transaction"] for row in client.transfers(1_000)}
        self._operator.file.send(name=remote, destination=remote)
        self._wait(lambda row: row["transaction"] not in before and row["destination_name"] == remote, remote, within_s)
        return client.fetch_file(remote)

    def list(self, directory: str = "") -> list[dict[str, Any]]:
        """Give what lies in a directory on board.

        Raises:
            CommandFailedError: There is none.
            DeadlineError: No report came.
        """
        entries: list[dict[str, Any]] = []
        for _ in range(PAGES_MAX):
            first = len(entries)
            page = self._operator.report(
                lambda first=first: self._operator.file.list(directory=directory, first=first), "file_list"
            )
            entries += page["entries"]
            if len(entries) >= page["total"] or not page["entries"]:
                break
        return entries

    def pack(self, name: str, destination: str, *, base: str = "", within_s: float | None = None) -> dict[str, Any]:
        """Have a model packed on board for a thin link, wait for the end of it, and give what was told of it.

        Args:
            name: Of the model on board.
            destination: Of what is packed, on board.
            base: Of a model on board that is here, too; then only the difference is told.
            within_s: How long it may take.

        Raises:
            CommandFailedError: The spacecraft does not begin it.
            WorkFailedError: It could not be packed, or a reset fell into it.
            DeadlineError: It was not in time.
        """
        return self._pack("model.pack", name, destination, base, within_s)

    def unpack(self, name: str, destination: str, *, base: str = "", within_s: float | None = None) -> dict[str, Any]:
        """Have a model made of a packed file on board, wait for the end of it, and give what was told of it.

        Args:
            name: Of the packed file on board; one in layers may be on its way up still.
            destination: Of the model, on board.
            base: Of what it was packed against, on board; empty to have it found by its digest.
            within_s: How long it may take.

        Raises:
            CommandFailedError: The spacecraft does not begin it.
            WorkFailedError: It could not be unpacked, or a reset fell into it.
            DeadlineError: It was not in time.
        """
        return self._pack("model.unpack", name, destination, base, within_s)

    def _pack(self, command: str, name: str, destination: str, base: str, within_s: float | None) -> dict[str, Any]:
        command_id = self._operator.send(command, name=name, destination=destination, base=base)
        asked_ns = self._operator.issued(command_id)["time_ns"]
        self._operator.verify(command_id)
        ended = self._operator.wait_for_heard(
            lambda event: is_end_of_packing(event, name, destination, asked_ns),
            within_s=within_s,
            what=f"the end of {name} on its way to {destination}",
        )
        if ended["name"] in FAILURES:
            raise WorkFailedError(ended["text"])
        return ended["values"]

    def _wait(self, is_ours: Any, name: str, within_s: float | None) -> None:
        def outcome() -> dict[str, Any] | None:
            rows = [row for row in self._operator.client.transfers(100) if is_ours(row)]
            return next((row for row in rows if row["outcome"] != "UNDER_WAY"), None)

        ended = self._operator.wait_for(outcome, within_s=within_s, what=f"the transfer of {name}") or {}
        if ended["outcome"] == "FAILED":
            raise WorkFailedError(f"transfer of {name}: expected it to arrive, found: {ended['text']}")
