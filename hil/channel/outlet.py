"""The outlet: the innermost channel, where octets wait until they have arrived. It alters nothing."""

from collections import deque

import msgspec

from hil.channel.burst import Burst


class Outlet:
    """The receiving end of a line. Rate, delay and `hil.channel.rate.WAITING_OCTETS_MAX` bound what it holds."""

    def __init__(self) -> None:
        self._bursts: deque[Burst] = deque()

    def send(self, burst: Burst) -> None:
        """See `hil.channel.channel.Channel.send`."""
        if burst.data:
            self._bursts.append(burst)

    def receive(self, now_ns: int) -> list[Burst]:
        """See `hil.channel.channel.Channel.receive`."""
        arrived: list[Burst] = []
        while self._bursts:
            burst = self._bursts[0]
            count = burst.count_ended_by(now_ns)
            if count < len(burst.data):
                if count:
                    arrived.append(burst.part(0, count))
                    self._bursts[0] = burst.part(count, len(burst.data))
                break
            arrived.append(self._bursts.popleft())
        return arrived

    def next_deadline(self) -> int | None:
        """See `hil.channel.channel.Channel.next_deadline`."""
        return self._bursts[0].end_ns if self._bursts else None

    def take_events(self) -> list[msgspec.Struct]:
        """See `hil.channel.channel.Channel.take_events`."""
        return []

    def finish(self) -> None:
        """See `hil.channel.channel.Channel.finish`."""
