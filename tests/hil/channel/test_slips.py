"""Octets that are dropped, duplicated or put in: as many as configured, and none else touched."""

import difflib
import math

import numpy as np
import pytest

from ccsds.errors import MisuseError
from hil.channel.burst import NS_PER_S
from hil.channel.line import Line, LineConfig
from hil.channel.slips import OctetsSlipped, SlipConfig
from hil.streams import Streams

SENT = np.random.default_rng(7).bytes(100_000)


def slipped(data=SENT, **rates):
    line = Line(LineConfig(name="up", rate_bps=8_000_000, slips=SlipConfig(**rates)), Streams(1))
    line.send(data, 0)
    arrived = line.receive(NS_PER_S)
    line.finish()
    return arrived, line


@pytest.mark.parametrize(("kind", "sign"), [("drop_rate", -1), ("duplicate_rate", 1), ("insert_rate", 1)])
@pytest.mark.parametrize("rate", [1e-3, 0.2])
def test_as_many_octets_are_too_few_or_too_many_as_configured(kind, sign, rate):
    arrived, line = slipped(**{kind: rate})
    excess = (len(arrived) - len(SENT)) * sign
    assert abs(excess - rate * len(SENT)) < 4 * math.sqrt(rate * (1 - rate) * len(SENT))
    counts = line.counts
    assert (counts.octets_lost, counts.octets_inserted) == ((excess, 0) if sign < 0 else (0, excess))
    assert counts.octets_in_flight == 0


def test_all_but_the_slips_arrives_as_it_was_sent():
    data = SENT[:20_000]
    arrived, line = slipped(data, drop_rate=2e-3, duplicate_rate=2e-3, insert_rate=2e-3)
    [told] = [event for event in line.take_events() if isinstance(event, OctetsSlipped)]
    assert told.dropped > 20
    assert told.duplicated > 20
    assert told.inserted > 20
    matcher = difflib.SequenceMatcher(None, data, arrived, autojunk=False)
    changes = [change for change in matcher.get_opcodes() if change[0] != "equal"]
    assert sum(stop - start for _, start, stop, _, _ in changes) == pytest.approx(told.dropped, abs=3)
    assert sum(stop - start for _, _, _, start, stop in changes) == pytest.approx(
        told.duplicated + told.inserted, abs=3
    )
    assert str(told).startswith(f"up: {told.dropped} octets were dropped, {told.duplicated} came twice and ")


def test_a_duplicate_arrives_with_its_octet():
    line = Line(LineConfig(name="up", rate_bps=8000, slips=SlipConfig(duplicate_rate=0.5)), Streams(1))
    line.send(bytes(range(200)), 0)
    seen = [line.receive(now_ns) for now_ns in range(1_000_000, 201_000_000, 1_000_000)]
    assert {len(each) for each in seen} == {1, 2}
    assert [each[0] for each in seen] == list(range(200))
    assert all(len(set(each)) == 1 for each in seen)


def test_inserted_octets_have_all_values_alike():
    arrived, line = slipped(bytes(100_000), insert_rate=0.5)
    counts = np.bincount(np.frombuffer(arrived, dtype=np.uint8), minlength=256)
    inserted = line.counts.octets_inserted
    assert abs(counts[1:] - inserted / 256).max() < 5 * math.sqrt(inserted / 256)


@pytest.mark.parametrize("rates", [{}, {"drop_rate": 0.6}, {"insert_rate": -0.1}])
def test_slips_that_cannot_be_are_refused(rates):
    with pytest.raises(MisuseError, match=r"expected rates of 0 to 0\.5 to drop, duplicate and insert octets"):
        SlipConfig(**rates)
