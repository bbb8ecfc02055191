"""Service 130, keys: operations on the keys of this end, and what the ground is told of link security.

An operation is durable in the key store before it is reported; done twice it is done once. The guards against locking
the link out are those of `ccsds.sdls.key_state`. Nothing here knows the octets of a key.
"""

from collections.abc import Mapping
from typing import Any

from ccsds.errors import MisuseError
from ccsds.sdls.association import Link
from ccsds.sdls.key_state import KeyMoved, KeyOperation
from ccsds.sdls.key_store import Standing
from ccsds.sdls.receiver import Reason
from ccsds.sdls.security import Security
from flight.parameters import Source
from flight.reporter import Reporter, clip_reason
from flight.services.service import Outcome
from mission.channels import Downlink
from mission.dictionary import Command
from mission.keys import KeyCondition, KeyDirection, KeyStanding, Refusal
from mission.words.keys import FRAMES_REFUSED, FRAMES_REFUSED_FOR, KEY_CHANGED, KEYS_RESTORED, TELEMETRY_HELD

# A flood of forged frames must not fill the downlink; housekeeping has every one of them.
REFUSALS_TOLD_NS_MIN = 10_000_000_000

_OPERATIONS = {
    "key.activate": KeyOperation.ACTIVATE,
    "key.deactivate": KeyOperation.DEACTIVATE,
    "key.destroy": KeyOperation.DESTROY,
}


class KeyService:
    """Executes key commands, and tells of what link security has refused.

    Args:
        security: The keys of this end, or None if it has none.
        reporter: Where reports go.
    """

    number = 130

    def __init__(self, security: Security | None, reporter: Reporter) -> None:
        self._security = security
        self._reporter = reporter
        self._refused_count = 0
        self._refused_by_reason: Mapping[Reason, int] = {}
        self._told_ns: int | None = None

    def boot(self) -> None:
        """Say so if the key store turned out to be a copy."""
        if self._security is not None and self._security.standing is Standing.RESTORED:
            self._reporter.event(KEYS_RESTORED)

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        if self._security is None:
            raise MisuseError("expected keys on board, found flight software that was started without")
        if command.name == "key.report":
            return Outcome(answers=(self._reporter.encode("key_report", self._report(arguments["spi"])),))
        moved = self._security.operate(arguments["spi"], _OPERATIONS[command.name])
        return Outcome(afterwards=lambda _: self._tell(moved))

    def tell_refusals(self, now_ns: int) -> None:
        """Say that frames were refused, at most once in `REFUSALS_TOLD_NS_MIN`."""
        if self._security is None:
            return
        counts = self._security.receiver.refused_counts
        total = counts.total()
        is_due = self._told_ns is None or now_ns >= self._told_ns + REFUSALS_TOLD_NS_MIN
        if total == self._refused_count or not is_due:
            return
        risen = {reason: count - self._refused_by_reason.get(reason, 0) for reason, count in counts.items()}
        most = max(risen, key=lambda reason: risen[reason])
        self._refused_count, self._refused_by_reason, self._told_ns = total, dict(counts), now_ns
        self._reporter.event(FRAMES_REFUSED, count=total, more=sum(risen.values()), refusal=Refusal[most.name])

    def next_deadline(self) -> int | None:
        """Give when refusals can be told that were held back."""
        if self._security is None or self._told_ns is None:
            return None
        is_behind = self._security.receiver.refused_counts.total() != self._refused_count
        return self._told_ns + REFUSALS_TOLD_NS_MIN if is_behind else None

    def telemetry_held(self, reason: str) -> None:
        """Say that telemetry had to wait; the ground hears of it when it does not any more."""
        text = clip_reason(reason)
        self._reporter.event(TELEMETRY_HELD, reason=text)

    def sources(self) -> dict[str, Source]:
        """Give where the parameters of link security have their values from."""
        security = self._security
        if security is None:
            counters = ("telemetry_spi", "frames_protected", "frames_authentic", "frames_refused")
            names = (*counters, *(parameter.name for parameter in FRAMES_REFUSED_FOR.values()))
            return {"keys_standing": lambda _: KeyStanding.NO_KEYS, **dict.fromkeys(names, lambda _: 0)}
        receiver = security.receiver
        refused_for: dict[str, Source] = {
            parameter.name: lambda _, reason=Reason[why.name]: receiver.refused_counts.get(reason, 0)
            for why, parameter in FRAMES_REFUSED_FOR.items()
        }
        return {
            "keys_standing": lambda _: KeyStanding[security.standing.name],
            "telemetry_spi": lambda _: security.sending_spi(Link.TM, Downlink.LIVE) or 0,
            "frames_protected": lambda _: security.sender.protected_count,
            "frames_authentic": lambda _: receiver.accepted_count,
            "frames_refused": lambda _: receiver.refused_counts.total(),
            **refused_for,
        }

    def _report(self, spi: int) -> dict[str, object]:
        assert self._security is not None  # `execute` has refused before.
        status = self._security.key(spi)
        return {
            "spi": spi,
            "direction": KeyDirection[status.association.link.name],
            "virtual_channel": status.association.virtual_channel,
            "state": KeyCondition[status.state.name],
            "is_sending": int(status.sends),
            "sent_below": status.reserved,
            "accepted_below": status.highest + 1,
        }

    def _tell(self, moved: KeyMoved) -> None:
        self._reporter.event(
            KEY_CHANGED,
            spi=moved.spi,
            before=KeyCondition[moved.before.name],
            after=KeyCondition[moved.after.name],
        )
