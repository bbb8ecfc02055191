"""A cable that is pulled and put back takes what arrives meanwhile, in both directions, and says so."""

from hil.channel.burst import NS_PER_S
from hil.channel.cable import OctetsUnplugged
from hil.channel.dropouts import Dropout, OctetsLost
from hil.channel.line import Line, LineConfig
from hil.streams import Streams


def test_nothing_passes_while_the_cable_is_pulled():
    pulls = (Dropout(2_000_000, 3_000_000),)
    for name in ("up", "down"):
        line = Line(LineConfig(name=name, rate_bps=8000, cable_pulls=pulls), Streams(1))
        line.send(b"abcdefgh", 0)
        assert line.receive(NS_PER_S) == b"abfgh"
        line.finish()
        [told] = line.take_events()
        assert told == OctetsUnplugged(line=name, count=3, offset=2, start_ns=2_000_000, end_ns=5_000_000)
        assert str(told) == f"{name}: the pulled cable took 3 octets from offset 2 on, from 0.002 s to 0.005 s"
        assert line.counts.octets_lost == 3


def test_a_dropout_and_a_pulled_cable_lose_each_octet_once():
    config = LineConfig(
        name="up",
        rate_bps=8000,
        cable_pulls=(Dropout(2_000_000, 3_000_000),),
        dropouts=(Dropout(1_000_000, 2_000_000),),
    )
    line = Line(config, Streams(1))
    line.send(b"abcdefgh", 0)
    assert line.receive(NS_PER_S) == b"afgh"
    line.finish()
    assert {type(event): event.count for event in line.take_events()} == {OctetsLost: 2, OctetsUnplugged: 2}
