"""What of a scenario can happen in real time, and to a board; the rest is refused before anything starts."""

from ccsds.errors import MisuseError
from hil.almanac import is_instant
from hil.faults.instants import CHECKPOINT_BEGUN
from hil.rig.wiring import Wiring
from hil.scenario.scenario import Scenario
from mission.profile_file import open_profile

# What can be done to two programs and the line between them; the rest happens inside them, in virtual time.
REAL_TIME_FAULTS = ("kill_worker", "hang_worker", "reboot_spacecraft", "reboot_station", "pull_cable")
BOARD_FAULTS = ("reboot_station", "pull_cable")


def check_real_time(scenario: Scenario, wiring: Wiring) -> None:
    """Refuse what needs virtual time, or what nobody can do to a board.

    Raises:
        MisuseError: Naming the key.
    """
    known = BOARD_FAULTS if wiring.is_device else REAL_TIME_FAULTS
    where = "on a board" if wiring.is_device else "in real time"
    for number, fault in enumerate(scenario.faults):
        if fault.kind not in known:
            raise MisuseError(f"faults[{number}].kind: expected {' or '.join(known)} {where}, found {fault.kind}")
        if fault.disk_operation is not None:
            raise MisuseError(f"faults[{number}].disk_operation: expected none {where}, where nobody counts them")
        if fault.event == CHECKPOINT_BEGUN:
            raise MisuseError(
                f"faults[{number}].event: expected what the ground can hear of {where}, such as checkpoint_saved, "
                f"found {fault.event}"
            )
    for number, step in enumerate(scenario.procedure):
        for name in ("send_orbit_events", "release"):
            value = getattr(step, name)
            if value is not None and (name == "send_orbit_events" or is_instant(value)):
                raise MisuseError(f"procedure[{number}].{name}: expected no orbit events {where}, by another clock")
    if scenario.environment is not None:
        raise MisuseError(f"environment: expected none {where}, where power and heat are real")
    if not wiring.is_device:
        return
    if scenario.spacecraft.files:
        raise MisuseError("spacecraft.files: expected none on a board, whose disk cannot be reached from here")
    if any(step.put_file is not None for step in scenario.procedure):
        raise MisuseError("put_file: expected none on a board, where nobody can compare what arrived")
    profile = open_profile(scenario.link.profile)
    rate_bps = max(profile.uplink_rate_bps, profile.downlink_rate_bps)
    if wiring.baud is not None and wiring.baud < rate_bps:
        raise MisuseError(
            f"{wiring.board_url}: expected at least {rate_bps} baud, the rate of profile {profile.name}, "
            f"found {wiring.baud}"
        )
