"""The ST[01] reports: how far a telecommand has come. It never decides whether to send one.

Source data, after the headers of the telemetry packet:

    request identifier 4 octets | step 2 octets (subtypes 5 and 6) | failure code 2 octets, text in UTF-8 (2, 4, 6, 8)

The lengths of step, code and text are this implementation's choice; the standard leaves them to the mission.

Source: ECSS-E-ST-70-41C 6.1, 8.1.
"""

from enum import IntEnum
from typing import Self

import msgspec

from ccsds.errors import MalformedError, MisuseError
from ccsds.pus.telecommand import REQUEST_ID_OCTETS, RequestId

SERVICE = 1
"""The service type of these reports."""

STEP_OCTETS = 2
FAILURE_CODE_OCTETS = 2
# A reason is one line for a person; with it a report still fits the shortest TM frame (223 octets) almost whole.
FAILURE_TEXT_OCTETS_MAX = 200

_NUMBER_MAX = 0xFFFF


class VerificationStage(IntEnum):
    """The subtypes of service 1."""

    ACCEPTED = 1
    ACCEPTANCE_FAILED = 2
    STARTED = 3
    START_FAILED = 4
    PROGRESSED = 5
    PROGRESS_FAILED = 6
    COMPLETED = 7
    COMPLETION_FAILED = 8
    # 10 is the failed routing report, which is of another layout.

    @property
    def is_failure(self) -> bool:
        """Whether its report has a failure code."""
        return self % 2 == 0

    @property
    def has_step(self) -> bool:
        """Whether its report has a step."""
        return self in (VerificationStage.PROGRESSED, VerificationStage.PROGRESS_FAILED)


class VerificationReport(msgspec.Struct, frozen=True):
    """One report."""

    stage: VerificationStage
    request_id: RequestId
    step: int | None = None
    """0 to 65535 for progress and its failure, None for the others."""
    failure_code: int | None = None
    """0 to 65535 for a failure, None for a success."""
    failure_text: str = ""
    """The reason, for a person, up to 200 octets of UTF-8; empty for a success."""

    def __post_init__(self) -> None:
        """Refuse what has no octets.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        _check_number("step", self.step, self.stage.has_step, self.stage)
        _check_number("failure code", self.failure_code, self.stage.is_failure, self.stage)
        if self.failure_text and not self.stage.is_failure:
            raise MisuseError(f"{self.stage.name} report: expected no failure text, found {self.failure_text!r}")
        try:
            text_octets = len(self.failure_text.encode())
        except UnicodeEncodeError as error:
            raise MisuseError(f"{self.stage.name} report: expected a failure text in Unicode, found {error}") from error
        if text_octets > FAILURE_TEXT_OCTETS_MAX:
            raise MisuseError(
                f"{self.stage.name} report: expected up to {FAILURE_TEXT_OCTETS_MAX} octets of failure text, "
                f"found {text_octets}"
            )

    def encode(self) -> bytes:
        """Give the source data."""
        data = self.request_id.encode()
        if self.step is not None:
            data += self.step.to_bytes(STEP_OCTETS, "big")
        if self.failure_code is not None:
            data += self.failure_code.to_bytes(FAILURE_CODE_OCTETS, "big") + self.failure_text.encode()
        return data

    @classmethod
    def decode(cls, stage: int, data: bytes) -> Self:
        """Read the source data.

        Args:
            stage: The subtype of the telemetry packet.
            data: Its source data.

        Raises:
            MalformedError: The subtype is none of these, or the data is not laid out as it has it.
        """
        try:
            stage = VerificationStage(stage)
        except ValueError as error:
            raise MalformedError(f"verification report: expected subtype 1 to 8, found {stage}") from error
        fixed_octets = (
            REQUEST_ID_OCTETS
            + (STEP_OCTETS if stage.has_step else 0)
            + (FAILURE_CODE_OCTETS if stage.is_failure else 0)
        )
        longest_octets = fixed_octets + (FAILURE_TEXT_OCTETS_MAX if stage.is_failure else 0)
        if not fixed_octets <= len(data) <= longest_octets:
            raise MalformedError(
                f"{stage.name} report: expected {fixed_octets} to {longest_octets} octets, found {len(data)}"
            )
        request_id = RequestId.decode(data[:REQUEST_ID_OCTETS])
        position = REQUEST_ID_OCTETS
        step = failure_code = None
        failure_text = ""
        if stage.has_step:
            step = int.from_bytes(data[position : position + STEP_OCTETS], "big")
            position += STEP_OCTETS
        if stage.is_failure:
            failure_code = int.from_bytes(data[position : position + FAILURE_CODE_OCTETS], "big")
            position += FAILURE_CODE_OCTETS
            try:
                failure_text = bytes(data[position:]).decode()
            except UnicodeDecodeError as error:
                raise MalformedError(f"{stage.name} report: expected failure text in UTF-8, found {error}") from error
        return cls(stage, request_id, step, failure_code, failure_text)


def _check_number(name: str, number: int | None, is_expected: bool, stage: VerificationStage) -> None:
    if is_expected != (number is not None):
        expected = f"a {name}" if is_expected else f"no {name}"
        raise MisuseError(f"{stage.name} report: expected {expected}, found {number}")
    if number is not None and not 0 <= number <= _NUMBER_MAX:
        raise MisuseError(f"{stage.name} report: expected {name} 0 to {_NUMBER_MAX}, found {number}")
