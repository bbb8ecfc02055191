"""Hazardous commands that wait for a second person: asked for by one, let go or refused by another.

Each can be decided once. What nobody decides lapses. Time is an argument.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ccsds.cop1.fop import Service
from ccsds.errors import MisuseError
from ground.access.principal import DeniedError, Principal, Role

NS_PER_S = 1_000_000_000

# A second person is called and looks at it; what was right to send an hour ago may not be any more.
APPROVAL_NS_MAX = 15 * 60 * NS_PER_S

# A control room asks for a few at a time; the oldest decided ones are forgotten.
APPROVALS_MAX = 64


class Verdict(Enum):
    """What became of a request."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    LAPSED = "lapsed"


@dataclass(slots=True, kw_only=True)
class Approval:
    """One hazardous command that somebody asked for."""

    approval_id: int
    name: str
    arguments: Mapping[str, Any]
    service: Service
    asked_by: str
    asked_ns: int
    verdict: Verdict = Verdict.WAITING
    decided_by: str = ""
    command_id: int | None = None
    """Of the command, once it is sent."""


class Approvals:
    """All requests of one station, since it started."""

    def __init__(self) -> None:
        self._approvals: dict[int, Approval] = {}
        self._next_id = 1

    def ask(self, by: Principal, name: str, arguments: Mapping[str, Any], service: Service, now_ns: int) -> Approval:
        """Have a command wait for a second person.

        Raises:
            MisuseError: `APPROVALS_MAX` wait already.
        """
        self._lapse(now_ns)
        decided = [each.approval_id for each in self._approvals.values() if each.verdict is not Verdict.WAITING]
        while len(self._approvals) >= APPROVALS_MAX and decided:
            del self._approvals[decided.pop(0)]
        if len(self._approvals) >= APPROVALS_MAX:
            raise MisuseError(f"expected fewer than {APPROVALS_MAX} commands waiting for approval, found as many")
        approval = Approval(
            approval_id=self._next_id,
            name=name,
            arguments=arguments,
            service=service,
            asked_by=by.name,
            asked_ns=now_ns,
        )
        self._approvals[self._next_id] = approval
        self._next_id += 1
        return approval

    def decide(self, by: Principal, approval_id: int, verdict: Verdict, now_ns: int) -> Approval:
        """Let a command go, or refuse it.

        Raises:
            DeniedError: The same person asked for it, or may not approve anything.
            MisuseError: There is none of that number, or it was decided before, or has lapsed.
        """
        self._lapse(now_ns)
        approval = self._approvals.get(approval_id)
        if approval is None:
            raise MisuseError(f"expected the number of a command that waits for approval, found {approval_id}")
        if approval.verdict is not Verdict.WAITING:
            raise MisuseError(f"approval {approval_id}: expected it to wait still, found it {approval.verdict.value}")
        if verdict is Verdict.APPROVED:
            by.require(Role.APPROVER, f"approval of {approval.name}")
            if by.name == approval.asked_by:
                raise DeniedError(f"approval of {approval.name}: expected a second person, found {by.name} who asked")
        elif by.name != approval.asked_by:
            by.require(Role.APPROVER, f"refusal of {approval.name}")
        approval.verdict = verdict
        approval.decided_by = by.name
        return approval

    def all(self, now_ns: int) -> list[Approval]:
        """Give all that are remembered, newest first."""
        self._lapse(now_ns)
        return list(reversed(self._approvals.values()))

    def _lapse(self, now_ns: int) -> None:
        for each in self._approvals.values():
            if each.verdict is Verdict.WAITING and now_ns >= each.asked_ns + APPROVAL_NS_MAX:
                each.verdict = Verdict.LAPSED
