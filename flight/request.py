"""A telecommand that is being dealt with, and the reports of ST[01] it has come to so far.

Source: ECSS-E-ST-70-41C 6.1 and 8.1 (request verification).
"""

from collections.abc import Callable

from ccsds.pus.telecommand import AckFlags, RequestId, Telecommand
from ccsds.pus.verification import VerificationReport, VerificationStage
from flight.books.commands import Answer
from flight.commit import Change
from flight.reporter import clip_reason
from mission.failures import FailureCode
from mission.schedule import Fate

_WANTED = {
    VerificationStage.ACCEPTED: AckFlags.ACCEPTANCE,
    VerificationStage.STARTED: AckFlags.START,
    VerificationStage.COMPLETED: AckFlags.COMPLETION,
}


class Request:
    """One telecommand on its way.

    Args:
        telecommand: It.
        begun: What is durable before it acts, if it must be.
        ended: Gives what is durable in one record with its effect, from its fate and its reports.
        is_release: Whether the spacecraft gives it to itself.
    """

    def __init__(
        self,
        telecommand: Telecommand,
        begun: Change,
        ended: Callable[[Fate, tuple[Answer, ...]], Change],
        is_release: bool = False,
    ) -> None:
        self.telecommand = telecommand
        self.begun = begun
        self.ended = ended
        self.is_release = is_release
        self.name = f"[{telecommand.service},{telecommand.subtype}]"
        self.answers: list[Answer] = []
        self.fate = Fate.FAILED
        """What became of it, once that is durable."""
        self.store_error: OSError | None = None
        """Why that could not be made durable."""

    def stage(self, stage: VerificationStage) -> None:
        """Add a success report, if the telecommand asks for it."""
        if _WANTED[stage] in self.telecommand.ack:
            report = VerificationReport(stage=stage, request_id=self.telecommand.request_id)
            self.answers.append(Answer(1, stage, report.encode()))

    def refuse(self, code: FailureCode, text: str) -> None:
        """Add a failed acceptance report."""
        self.fail(VerificationStage.ACCEPTANCE_FAILED, code, text)

    def fail(self, stage: VerificationStage, code: FailureCode, text: str) -> None:
        """Add a failure report, which is sent whatever the telecommand asks for (6.1.4.3.b)."""
        self.answers.append(failure_report(stage, self.telecommand.request_id, code, text))


def failure_report(stage: VerificationStage, request_id: RequestId, code: FailureCode, text: str) -> Answer:
    """Give a failure report in the form that the journal keeps."""
    report = VerificationReport(stage=stage, request_id=request_id, failure_code=code, failure_text=clip_reason(text))
    return Answer(1, stage, report.encode())
