"""Have a command done on board at a time of the spacecraft's own clock, whether or not there is contact then."""

from ccsds.pus.telecommand import Telecommand
from mission.channels import Apid, OnBoardSource
from mission.definition import DICTIONARY


def run(sc, in_s: float = 3.0):
    with sc.step("Put a housekeeping report into the schedule"):
        sc.housekeeping.once(structures=[1, 11])
        tai_ns = sc.wait_for(lambda: sc.tai_ns, within_s=120, what="time on board")
        command = DICTIONARY.command("housekeeping.once")
        data = command.arguments.encode({"structures": [1]})
        count = tai_ns // 1_000_000 % 16_384
        request = Telecommand(Apid.CORE, count, command.service, command.subtype, OnBoardSource.SCHEDULE, data=data)
        release_ns = tai_ns + round(in_s * 1e9)
        sc.schedule.enable()
        sc.schedule.insert(activities=[{"release_time": release_ns, "request": request.encode()}])
    with sc.step("Wait until it is released, by the clock on board"):
        released = sc.value("activities_released") or 0

        def is_released() -> bool:
            sc.housekeeping.once(structures=[11])
            return (sc.value("activities_released") or 0) > released

        sc.wait_for(is_released, until_tai_ns=release_ns + 60_000_000_000, what="its release")
