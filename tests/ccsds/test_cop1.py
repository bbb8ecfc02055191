"""FOP-1 and FARM-1 over a link that loses, reorders and duplicates, in virtual time: in order, once, no deadlock.

TM frames of one channel come in order, so CLCWs are lost and duplicated here but not reordered; what forged ones do,
and those that go backwards, is in tests/ground/test_cop_keeper.py.
"""

import heapq
import itertools
import random
from collections import deque
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ccsds.clcw import Clcw
from ccsds.cop1.farm import Farm, FarmConfig, FarmOutcome
from ccsds.cop1.fop import Acknowledged, Alert, Directive, Fop, FopConfig, FopEvent, FopState, Service
from ccsds.tc_frame import TcFrame, TcFrameKind

S = 1_000_000_000
DELAY_NS = S // 4
REPORT_NS = S // 2
T1_NS = 2 * S
STEPS_MAX = 100_000
EXTRA_NS = S
FARM_WINDOW = 64

LOST, DUPLICATED, LATE = range(1, 4)
"""What may become of a frame, beside that it arrives."""


@dataclass
class Link:
    """Both ends of COP-1, a delay each way, and a say in what is lost."""

    limit: int
    uplink_fates: list[int]
    downlink_losses: list[bool]
    contact_changes_s: list[int] = field(default_factory=list)
    full_from_to_s: tuple[int, int] = (0, 0)
    window: int = 1

    def __post_init__(self):
        self.fop = Fop(
            FopConfig(
                spacecraft_id=1,
                virtual_channel=0,
                t1_initial_ns=T1_NS,
                transmission_limit=self.limit,
                window=self.window,
                positive_window=FARM_WINDOW // 2,
            )
        )
        self.farm = Farm(FarmConfig(virtual_channel=0, window=FARM_WINDOW))
        self.waiting: deque[int] = deque()
        self.last_clcw: Clcw | None = None
        self.delivered: list[bytes] = []
        self.events: list[FopEvent] = []
        self.now_ns = 0
        self._is_up = False
        self._agenda: list[tuple[int, int, str, object]] = []
        self._order = itertools.count()
        self._push(REPORT_NS, "report", None)
        for number, at_s in enumerate([0, *sorted(self.contact_changes_s)]):
            self._push(at_s * S, "contact", number % 2 == 0)
        # However the changes fall, the link is up in the end.
        self._push(max([0, *self.contact_changes_s]) * S + 1, "contact", True)
        begin_s, end_s = sorted(self.full_from_to_s)
        self._push(begin_s * S, "buffer", False)
        self._push(end_s * S, "buffer", True)

    def run_until(self, is_done) -> None:
        for _ in range(STEPS_MAX):
            if is_done():
                return
            self._pull()
            deadline_ns = self.fop.next_deadline()
            if deadline_ns is not None and deadline_ns <= self._agenda[0][0]:
                self.now_ns = max(self.now_ns, deadline_ns)
                self.fop.advance(self.now_ns)
            else:
                self.now_ns, _, what, value = heapq.heappop(self._agenda)
                self._handle(what, value)
            self.events += self.fop.take_events()
        raise AssertionError(f"deadlock: {self.fop.state.name}, {self.farm.clcw()}, {self.delivered}")

    def is_done(self) -> bool:
        return not self.waiting and self.fop.waiting_count == 0

    def _pull(self) -> None:
        while True:
            if self.waiting and self.fop.is_ready(Service.AD):
                tag = self.waiting.popleft()
                self.fop.transfer(bytes([tag]), Service.AD, tag, self.now_ns)
            frame = self.fop.transmit(self.now_ns)
            if frame is None:
                return
            fate = self.uplink_fates.pop(0) if self.uplink_fates else 0
            if frame.kind is TcFrameKind.BC and fate != LOST:
                # A Set V(R) that comes late, or twice, moves FARM-1 as a forged one does; that is another test.
                fate = 0
            if fate != LOST:
                self._push(self.now_ns + DELAY_NS + (EXTRA_NS if fate == LATE else 0), "frame", frame)
            if fate == DUPLICATED:
                self._push(self.now_ns + DELAY_NS + EXTRA_NS, "frame", frame)

    def _handle(self, what: str, value) -> None:
        match what, value:
            case "frame", TcFrame():
                verdict = self.farm.receive(TcFrame.decode(value.encode()))
                if verdict.outcome is FarmOutcome.DELIVERED:
                    self.delivered.append(value.data)
            case "report", _:
                if self._is_up and not _draw(self.downlink_losses):
                    self._push(self.now_ns + DELAY_NS, "clcw", self.farm.clcw())
                self._push(self.now_ns + REPORT_NS, "report", None)
            case "clcw", Clcw():
                self.last_clcw = Clcw.decode(value.encode())
                self.fop.receive(self.last_clcw, self.now_ns)
            case "contact", bool():
                self._is_up = value
                self.fop.contact(value, self.now_ns)
            case "buffer", bool():
                if value:
                    self.farm.release_buffer()
                else:
                    self.farm.hold_buffer()

    def _push(self, at_ns: int, what: str, value: object) -> None:
        heapq.heappush(self._agenda, (at_ns, next(self._order), what, value))


def _draw(losses: list[bool]) -> bool:
    return losses.pop(0) if losses else False


losses = st.lists(st.booleans(), max_size=60)
fates = st.lists(st.integers(0, 3), max_size=80)
windows = st.integers(1, 8)


@settings(deadline=None)
@given(
    count=st.integers(1, 30),
    window=windows,
    uplink=fates,
    downlink=losses,
    contacts=st.lists(st.integers(0, 60), max_size=6),
    full=st.tuples(st.integers(0, 40), st.integers(0, 40)),
)
def test_every_frame_arrives_in_order_and_once_whatever_is_lost_late_or_twice(
    count, window, uplink, downlink, contacts, full
):
    link = Link(255, uplink, downlink, contacts, full, window)
    link.fop.directive(Directive.INITIATE_WITH_SET_VR, 0, 250)
    link.run_until(lambda: link.fop.state is FopState.ACTIVE)
    link.waiting.extend(range(count))
    link.run_until(link.is_done)
    assert link.delivered == [bytes([tag]) for tag in range(count)]
    assert [event.tag for event in link.events if isinstance(event, Acknowledged)] == list(range(count))
    assert not any(isinstance(event, Alert) for event in link.events)


@settings(deadline=None)
@given(count=st.integers(1, 30), window=windows, uplink=fates, downlink=losses, limit=st.integers(1, 4))
def test_with_a_low_limit_each_frame_is_either_acknowledged_or_given_up_and_none_acknowledged_is_missing(
    count, window, uplink, downlink, limit
):
    link = Link(limit, uplink, downlink, window=window)
    link.fop.contact(True, 0)
    link.fop.directive(Directive.INITIATE_WITHOUT_CLCW, 0)
    link.waiting.extend(range(count))
    link.run_until(lambda: link.is_done() or link.fop.state is FopState.INITIAL)
    acknowledged = [event.tag for event in link.events if isinstance(event, Acknowledged)]
    given_up = [tag for event in link.events if isinstance(event, Alert) for tag in event.tags]
    assert acknowledged + given_up + list(link.waiting) == list(range(count))
    assert len(given_up) <= window + 1
    # What is given up may have arrived, in order too.
    assert link.delivered[: len(acknowledged)] == [bytes([tag]) for tag in acknowledged]
    beyond = link.delivered[len(acknowledged) :]
    assert beyond == [bytes([tag]) for tag in given_up[: len(beyond)]]


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32), share=st.floats(0, 0.6), window=windows)
def test_an_owner_that_follows_the_recipe_brings_the_service_up_again_after_every_alert(seed, share, window):
    random_stream = random.Random(seed)
    link = Link(
        2,
        [LOST if random_stream.random() < share else 0 for _ in range(200)],
        [random_stream.random() < share for _ in range(200)],
        window=window,
    )
    link.fop.contact(True, 0)
    link.waiting.extend(range(8))
    told = 0
    while not link.is_done() or link.fop.state is FopState.INITIAL:
        if link.fop.state is FopState.INITIAL:
            link.run_until(lambda: link.last_clcw is not None)
            assert link.last_clcw is not None
            link.fop.directive(Directive.SET_VS, link.now_ns, link.last_clcw.report_value)
            link.fop.directive(Directive.INITIATE_WITH_UNLOCK, link.now_ns)
        link.run_until(lambda: link.is_done() or link.fop.state is FopState.INITIAL)
        for event in link.events[told:]:
            if isinstance(event, Alert):
                link.waiting.extendleft(reversed(event.tags))
        told = len(link.events)
    # A frame given up may be delivered and then sent again; the identity of the telecommand in it answers for that.
    first_times = list(dict.fromkeys(link.delivered))
    assert first_times == [bytes([tag]) for tag in range(8)]


class AnyChannel(RuleBasedStateMachine):
    """The pair with everything in between in the hands of chance, step by step; at the end the channel is kind."""

    def __init__(self):
        super().__init__()
        self.now_ns = 0
        self.sent_tags = 0
        self.in_flight: list[TcFrame] = []
        self.clcws: deque[Clcw] = deque()
        self.delivered: list[int] = []
        self.acknowledged: list[int] = []

    @initialize(window=st.integers(1, 20), vs=st.integers(0, 255))
    def begin(self, window, vs):
        config = FopConfig(
            spacecraft_id=1, virtual_channel=0, t1_initial_ns=T1_NS, transmission_limit=255, window=window
        )
        self.fop = Fop(config)
        # So wide a window that no step of this machine makes a frame so old that it is outside.
        self.farm = Farm(FarmConfig(virtual_channel=0, window=254))
        self.fop.contact(True, 0)
        self.fop.directive(Directive.INITIATE_WITH_SET_VR, 0, vs)
        self.arrive(self.fop.transmit(0))
        self.hear(self.farm.clcw())
        assert self.fop.state is FopState.ACTIVE

    def arrive(self, frame: TcFrame | None) -> None:
        assert frame is not None
        verdict = self.farm.receive(TcFrame.decode(frame.encode()))
        if verdict.data is not None:
            self.delivered.append(int.from_bytes(verdict.data, "big"))

    def hear(self, clcw: Clcw) -> None:
        self.fop.receive(clcw, self.now_ns)
        for event in self.fop.take_events():
            assert not isinstance(event, Alert)
            if isinstance(event, Acknowledged):
                self.acknowledged.append(event.tag)

    @rule()
    def transfer(self):
        if self.fop.is_ready(Service.AD):
            self.fop.transfer(self.sent_tags.to_bytes(2, "big"), Service.AD, self.sent_tags, self.now_ns)
            self.sent_tags += 1

    @rule(count=st.integers(1, 8))
    def transmit(self, count):
        for _ in range(count):
            frame = self.fop.transmit(self.now_ns)
            if frame is not None:
                self.in_flight.append(frame)

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), is_kept=st.booleans())
    def one_frame_arrives(self, data, is_kept):
        index = data.draw(st.integers(0, len(self.in_flight) - 1))
        self.arrive(self.in_flight[index])
        if not is_kept:
            del self.in_flight[index]

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def one_frame_is_lost(self, data):
        del self.in_flight[data.draw(st.integers(0, len(self.in_flight) - 1))]

    @rule()
    def report(self):
        self.clcws.append(self.farm.clcw())

    @precondition(lambda self: self.clcws)
    @rule(is_lost=st.booleans(), is_twice=st.booleans())
    def one_report_comes(self, is_lost, is_twice):
        clcw = self.clcws.popleft()
        for _ in range(0 if is_lost else 1 + is_twice):
            self.hear(clcw)

    @rule()
    def time_passes(self):
        deadline_ns = self.fop.next_deadline()
        if deadline_ns is not None:
            self.now_ns = deadline_ns
            self.fop.advance(deadline_ns)

    @rule(up=st.booleans())
    def contact(self, up):
        self.fop.contact(up, self.now_ns)

    @rule(is_full=st.booleans())
    def buffer(self, is_full):
        if is_full:
            self.farm.hold_buffer()
        else:
            self.farm.release_buffer()

    @invariant()
    def what_is_delivered_is_in_order_and_once(self):
        assert self.delivered == list(range(len(self.delivered)))

    @invariant()
    def what_is_acknowledged_is_delivered(self):
        assert self.acknowledged == list(range(len(self.acknowledged)))
        assert len(self.acknowledged) <= len(self.delivered)

    def teardown(self):
        if not hasattr(self, "fop"):
            return
        self.farm.release_buffer()
        self.fop.contact(True, self.now_ns)
        for _ in range(STEPS_MAX):
            self.transmit(1_000)
            while self.in_flight:
                self.arrive(self.in_flight.pop(0))
            self.clcws.append(self.farm.clcw())
            while self.clcws:
                self.hear(self.clcws.popleft())
            if self.fop.waiting_count == 0:
                break
            self.time_passes()
        assert self.delivered == self.acknowledged == list(range(self.sent_tags)), "deadlock"


TestAnyChannel = AnyChannel.TestCase
TestAnyChannel.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
