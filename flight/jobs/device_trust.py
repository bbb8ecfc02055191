"""Whether jobs are given to the compute device: trusted, in doubt and to be asked what is known, or out of use.

A device whose results the guard no longer believes is begun anew a bounded number of times; what is durable of it is in
the book of jobs. It launches and asks nothing itself: the engine does.
"""

from flight.books.jobs import DeviceDistrusted, DeviceReset
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
        self.is_in_doubt = False
        """Whether it is to be asked what is known before it gets a job."""

    @property
    def is_lost(self) -> bool:
        """Whether no job is given to it."""
        return bool(self._ledger.distrust)

    def doubt(self, reason: str) -> None:
        """Take note that its results are wrong again and again.

        Raises:
            OSError: It could not be made durable; it is as it was.
        """
        resets = self._ledger.device_resets + 1
        if self.is_in_doubt or resets > DEVICE_RESETS_MAX:
            self.distrust(reason)
            return
        self._ledger.commit(DeviceReset())
        self.is_in_doubt = True
        self._reporter.event(DEVICE_RESET, resets=resets, reason=clip_reason(reason))

    def distrust(self, reason: str) -> None:
        """Take it out of use, until an operator trusts it again.

        Raises:
            OSError: It could not be made durable; it is as it was.
        """
        if self.is_lost:
            return
        self._ledger.commit(DeviceDistrusted(clip_reason(reason)))
        self.is_in_doubt = False
        self._reporter.event(DEVICE_DISTRUSTED, reason=clip_reason(reason))

    def passed(self) -> None:
        """Take note that it gave the answers that are known."""
        self.is_in_doubt = False
        self._reporter.event(DEVICE_HEALTHY)
