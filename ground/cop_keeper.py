"""The keeper of COP-1: brings the AD service up, and up again after whatever took it down, within a stated bound.

FOP-1 never starts itself. The keeper begins it from where a CLCW says FARM-1 is; when it fails, it waits until what
was on its way has arrived or is lost, so that N(R) stands still, and begins again. So a reboot of either end, a long
loss of signal, and forged BC frames or CLCWs cost time and nothing else: N(R) is not authenticated and is believed
for nothing but numbering; only ST[01] reports say what became of a command.

An operator may take over: after Terminate or Set V(S) the keeper leaves FOP-1 alone until a directive initiates it.

Source: CCSDS 232.1-B-2 5 (directives); the policy is this mission's.
"""

from ccsds.clcw import Clcw
from ccsds.contact_timer import ContactTimer
from ccsds.cop1.fop import INITIATIONS, AlertReason, Directive, Fop, FopState
from mission.profiles import LinkProfile

NS_PER_S = 1_000_000_000

# While the spacecraft's receiver is deaf each try costs a few frames, hence pauses that double; this bounds them, and
# with them how long its return, or the end of an attack, can go unnoticed.
RESTART_PAUSE_NS_MAX = 8 * NS_PER_S

# FARM-1 says wait while the layer above it is full; on board that is a matter of milliseconds. A minute means that the
# flag is stuck or forged, and Unlock clears it.
WAIT_NS_MAX = 60 * NS_PER_S

_HOLDING = (Directive.TERMINATE, Directive.SET_VS)
# When these take the service down nothing of it is on its way any more.
_SETTLED = (AlertReason.T1, AlertReason.LLIF)


def recovery_bound_ns(profile: LinkProfile) -> int:
    """Give the longest contact time from the end of a disturbance until the AD service is up again.

    A disturbance is a reboot of either end, a loss of signal, forged frames, forged CLCWs, or any number of them; after
    it every frame arrives. It adds up: the service may be at a frame or Unlock that was lost, which T1 gives up after
    the limit; then the longest pause, or a round trip to let frames land; a fresh CLCW before and after it; and Unlock
    and its answer. A FARM-1 that goes on saying wait adds `WAIT_NS_MAX`.
    """
    give_up_ns = profile.transmission_limit * profile.t1_initial_ns
    pause_ns = max(RESTART_PAUSE_NS_MAX, profile.t1_initial_ns)
    return give_up_ns + pause_ns + 2 * profile.keep_alive_ns + 2 * profile.t1_initial_ns


class CopKeeper:
    """The keeper of one FOP-1.

    Args:
        fop: What it keeps up.
        profile: How the link is run.
    """

    def __init__(self, fop: Fop, profile: LinkProfile) -> None:
        self._fop = fop
        self._t1_ns = profile.t1_initial_ns
        self._patience = ContactTimer()
        self._is_patient = False
        self._is_up = False
        self._alerts_in_a_row = 0
        self._begin_ns = 0
        self._landed_ns = 0
        self.is_held = False
        """Whether an operator has taken the service down, so that it is left alone."""

    def contact(self, up: bool, now_ns: int) -> None:
        """Note whether the spacecraft is heard."""
        self._is_up = up
        self._patience.contact(up, now_ns)

    def next_deadline(self) -> int | None:
        """Give when something is due, or None: it acts on CLCWs, and on one that says wait for too long."""
        return self._patience.deadline()

    def before_clcw(self, clcw: Clcw, now_ns: int) -> None:
        """Begin the service from a CLCW, which FOP-1 is given next, if it is down and may be begun."""
        if not self._is_up or not self._is_down() or self.is_held or now_ns < self._begin_ns:
            return
        self._fop.directive(Directive.SET_VS, now_ns, clcw.report_value)
        # Only a control command takes FARM-1's flags away; without flags, this very CLCW is the check.
        is_flagged = clcw.lockout or clcw.retransmit or clcw.wait
        check = Directive.INITIATE_WITH_UNLOCK if is_flagged else Directive.INITIATE_WITH_CLCW_CHECK
        self._fop.directive(check, now_ns)

    def advance(self, now_ns: int) -> bool:
        """Do what is due: give the service up if FARM-1 has said wait for too long. True if it did."""
        is_waiting = self._fop.state is FopState.RETRANSMIT_WITH_WAIT
        if is_waiting and not self._is_patient:
            self._patience.start(WAIT_NS_MAX, now_ns)
        elif not is_waiting:
            self._patience.cancel()
        self._is_patient = is_waiting
        if not self._patience.expire(now_ns):
            return False
        self._fop.directive(Directive.TERMINATE, now_ns)
        return True

    def direct(self, directive: Directive, now_ns: int, value: int | None = None) -> None:
        """Follow an operator's directive.

        Raises:
            MisuseError: Its value is missing, out of range, or not wanted.
        """
        self._fop.directive(directive, now_ns, value)
        if directive in INITIATIONS:
            self.is_held = False
        elif directive in _HOLDING and self._is_down():
            self.is_held = True

    def sent(self, now_ns: int) -> None:
        """Note that an AD or BC frame left; after T1 it has landed, or never will."""
        self._landed_ns = now_ns + self._t1_ns

    def acknowledged(self) -> None:
        """Note that a frame was acknowledged: the service works."""
        self._alerts_in_a_row = 0

    def alert(self, reason: AlertReason, now_ns: int) -> None:
        """Note that the service went down: it begins again at once the first time, then after pauses that double."""
        pause_ns = self._t1_ns << min(self._alerts_in_a_row, 16) if self._alerts_in_a_row else 0
        self._begin_ns = now_ns + min(pause_ns, RESTART_PAUSE_NS_MAX)
        if reason not in _SETTLED:
            self._begin_ns = max(self._begin_ns, self._landed_ns)
        self._alerts_in_a_row += 1

    def _is_down(self) -> bool:
        return self._fop.state is FopState.INITIAL and self._fop.suspended_state is None
