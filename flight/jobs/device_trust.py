"""Whether jobs are given to the compute device: trusted, in doubt and to be asked what is known, or out of use.

A device whose results the guard no longer believes is begun anew a bounded number of times; what is durable of it is in
the book of jobs. It launches and asks nothing itself: the engine does.
"""

from flight.books.jobs import DeviceDistrusted, DeviceReset
from flight.jobs.recipe import Device
from flight.ledger import Ledger
from flight.reporter import Reporter, clip_reason
from mission.words.jobs import DEVICE_DISTRUSTED, DEVICE_HEALTHY, DEVICE_RESET

# A device that passes what is known and fails the job again all the same is not helped by a third new beginning.
DEVICE_RESETS_MAX = 2


class DeviceTrust:
    """The trust in one device.

    Args:
        ledger: Where it is kept.
        reporter: Where it is told.
    """

    def __init__(self, ledger: Ledger, reporter: Reporter) -> None:
        self._ledger = ledger
        self._reporter = reporter
        self.in_doubt: Device | None = None
        """What is to be asked what is known before anything gets a job."""

    @property
    def is_lost(self) -> bool:
        """Whether no job is given to it."""
        return bool(self._ledger.distrust)

    def doubt(self, reason: str, device: Device) -> None:
        """Take note that its results are wrong again and again.

        Args:
            reason: What was wrong.
            device: Of the processor and the accelerator, that whose results they were.

        Raises:
            OSError: It could not be made durable; it is as it was.
        """
        resets = self._ledger.device_resets + 1
        if self.in_doubt is not None or resets > DEVICE_RESETS_MAX:
            self.distrust(reason)
            return
        self._ledger.commit(DeviceReset())
        self.in_doubt = device
        self._reporter.event(DEVICE_RESET, resets=resets, reason=clip_reason(reason))

    def distrust(self, reason: str) -> None:
        """Take it out of use, until an operator trusts it again.

        Raises:
            OSError: It could not be made durable; it is as it was.
        """
        if self.is_lost:
            return
        self._ledger.commit(DeviceDistrusted(clip_reason(reason)))
        self.in_doubt = None
        self._reporter.event(DEVICE_DISTRUSTED, reason=clip_reason(reason))

    def passed(self) -> None:
        """Take note that it gave the answers that are known."""
        self.in_doubt = None
        self._reporter.event(DEVICE_HEALTHY)
