"""An attacker as an actor of a run: when it sends, what it lets pass, and what it changes on the way."""

from collections.abc import Callable

from hil.agenda import Agenda
from hil.arrivals import draw_arrivals
from hil.link.attacker import Attacker, Forged
from hil.scenario.attacker import AttackerTable
from hil.streams import Streams
from mission.profiles import LinkProfile

NS_PER_S = 1_000_000_000
NS_PER_MINUTE = 60 * NS_PER_S


class Onslaught:
    """What an attacker does in a run.

    Args:
        table: What it does, and when.
        profile: Of the link.
        streams: Of the seed.
        agenda: Of the run.
        end_ns: Of the mission.
        send: Lets one end hear what it sends.
    """

    def __init__(
        self,
        table: AttackerTable,
        profile: LinkProfile,
        streams: Streams,
        agenda: Agenda,
        end_ns: int,
        send: Callable[[Forged], None],
    ) -> None:
        self._attacker = Attacker(profile, table.attacks)
        self._streams = streams.scoped("attacker")
        self._alters = table.alters
        self._passed = 0
        self._send = send
        self._from_ns = round(table.from_s * NS_PER_S)
        self._until_ns = end_ns if table.until_s is None else round(table.until_s * NS_PER_S)
        chance, mean_ns = self._streams.block("arrivals", 0), NS_PER_MINUTE / table.per_minute
        for number, time_ns in enumerate(draw_arrivals(chance, mean_ns, self._from_ns, self._until_ns)):
            agenda.add(time_ns, lambda number=number: self._attack(number))

    def hear(self, is_up: bool, octets: bytes) -> None:
        """Listen to what an end sends."""
        self._attacker.hear(is_up, octets)

    def pass_on(self, is_up: bool, octets: bytes, now_ns: int) -> tuple[bytes, bool]:
        """Give what arrives of what was on its way, and whether it was changed."""
        if not self._alters or not self._from_ns <= now_ns < self._until_ns:
            return octets, False
        chance = self._streams.block("alters", self._passed)
        self._passed += 1
        if chance.random() >= self._alters:
            return octets, False
        return self._attacker.alter(is_up, octets, chance), True

    def _attack(self, number: int) -> None:
        forged = self._attacker.attack(self._streams.block("attack", number))
        if forged is not None:
            self._send(forged)
