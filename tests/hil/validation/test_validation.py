"""`hil validate`: it finds what was configured, finds a channel that lies, and knows how wide an interval is."""

import json
from collections import Counter

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from hil.__main__ import main
from hil.channel import bit_errors, delay, fades, half_duplex, jitter, noise, rate, slips, spells
from hil.channel.burst import Pace
from hil.validation import virtual
from hil.validation.alignment import find_gaps, random_octets
from hil.validation.measurement import Measurement, of_batches, of_deviation, of_mean, of_rate, student_sigmas, within
from hil.validation.real_time import measure_real_time
from hil.validation.virtual import Bench, measure
from mission.profiles import PROFILES


@pytest.fixture(scope="module")
def measured():
    """Measure each profile once."""
    return {name: measure(profile, 1) for name, profile in PROFILES.items()}


@pytest.mark.parametrize("name", PROFILES)
def test_every_effect_does_on_every_profile_what_it_was_told(measured, name):
    assert [each.plain() for each in measured[name] if not each.ok] == []


def test_every_effect_is_measured_on_every_profile(measured):
    kinds = {name: {each.effect for each in found} for name, found in measured.items()}
    for name in PROFILES:
        assert kinds[name] == kinds["sband"] | ({"framing", "breaks", "FIFO"} if name == "serial" else set())
    assert kinds["serial"] == set(LIES)


def test_equal_seeds_give_equal_tables():
    bench, again, other = (Bench(PROFILES["uhf"], seed) for seed in (1, 1, 2))
    assert list(virtual.jitter(bench)) == list(virtual.jitter(again)) != list(virtual.jitter(other))


# For each effect: what is broken in it, and how.
LIES = {
    "rate": (
        rate.Rate,
        "__init__",
        lambda told: lambda self, inner, pace: told(self, inner, Pace(pace.rate_bps + 1, pace.bits_per_octet)),
    ),
    "delay": (delay.Delay, "send", lambda told: lambda self, burst: told(self, burst.later(2))),
    "jitter": (jitter.Jitter, "_late", lambda told: lambda self, hold: told(self, hold) * 9 // 10),
    "bit errors": (noise, "draw_positions", lambda told: lambda chance, each, count: told(chance, each * 1.25, count)),
    "fades": (fades, "_geometric", lambda told: lambda uniform, mean: told(uniform, mean * 1.4)),
    "bursts of noise": (
        spells.Spells,
        "__init__",
        lambda told: lambda self, streams, name, gap, length: told(self, streams, name, gap, length * 1.5),
    ),
    "dropout": (virtual.Dropout, "end_ns", lambda told: property(lambda self: self.start_ns + self.duration_ns // 2)),
    "cable pull": (virtual.Dropout, "end_ns", lambda told: property(lambda self: self.start_ns + self.duration_ns * 2)),
    "slips": (slips, "draw_positions", lambda told: lambda chance, each, count: told(chance, each * 0.8, count)),
    "framing": (
        virtual.FramingConfig,
        "__post_init__",
        lambda told: lambda self: object.__setattr__(self, "stop_error_rate", self.stop_error_rate * 1.3),
    ),
    "breaks": (
        virtual.BreakConfig,
        "__post_init__",
        lambda told: lambda self: object.__setattr__(self, "length_ns", self.length_ns * 1.5),
    ),
    "FIFO": (
        virtual.FifoConfig,
        "__post_init__",
        lambda told: lambda self: object.__setattr__(self, "stall_ns", self.stall_ns * 1.5),
    ),
    "half-duplex": (half_duplex.Air, "may_start_ns", lambda told: lambda self, line: told(self, line) - 5),
}


def of_effect(effect):
    """Give what measures an effect."""
    match effect:
        case "bursts of noise":
            return virtual.bursts
        case "dropout" | "cable pull":
            return virtual.losses_by_time
        case "framing" | "breaks" | "FIFO":
            return virtual.uart
    return getattr(virtual, effect.replace(" ", "_").replace("-", "_"))


@pytest.mark.parametrize("effect", LIES)
def test_a_channel_that_does_otherwise_than_it_was_told_is_found(measured, monkeypatch, effect):
    # What was expected without the lie: one in a configuration must not move that as well.
    honest = {each.quantity: each.configured for each in measured["serial"] if each.effect == effect}
    target, name, lie = LIES[effect]
    monkeypatch.setattr(target, name, lie(getattr(target, name)))
    found = [each for each in of_effect(effect)(Bench(PROFILES["serial"], 1)) if each.effect == effect]
    judged = [
        Measurement(
            profile=each.profile, effect=each.effect, quantity=each.quantity, unit=each.unit,
            configured=honest[each.quantity], found=each.found,
        )
        for each in found
    ]  # fmt: skip
    assert not all(each.ok for each in judged)


def test_the_command_writes_its_report_and_ends_with_0(tmp_path, monkeypatch):
    monkeypatch.setattr(virtual, "EFFECTS", (virtual.rate, virtual.delay, virtual.losses_by_time, virtual.half_duplex))
    result = CliRunner().invoke(main, ["validate", "--profile", "serial", "--seed", "3", "--out", str(tmp_path / "v")])
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "v" / "validation.json").read_text())
    assert told["ok"] is True
    assert len(told["measurements"]) == 7
    assert {"configured", "measured", "low", "high", "method", "count"} <= told["measurements"][0].keys()
    page = (tmp_path / "v" / "validation.html").read_text()
    assert "<svg" in page
    assert "http" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "https://matplotlib.org", ""
    ).replace("http://creativecommons.org", "")
    assert (tmp_path / "v" / "validation.png").read_bytes().startswith(b"\x89PNG")


def test_in_real_time_octets_pass_a_bridge_and_are_altered_as_configured():
    # Short, and judged by content alone: what the clock says is the bench's affair.
    found = {each.effect: each for each in measure_real_time("tcp", 1, stream_s=0.2, probes=5)}
    assert found.keys() == {"rate", "delay", "jitter", "bit errors", "slips"}
    assert found["bit errors"].ok
    assert found["slips"].ok
    assert found["rate"].found.count > 0
    assert found["delay"].found.count == 5
    assert found["delay"].found.value > 19.9
    assert found["jitter"].found.value > 0


def test_the_command_ends_with_1_when_something_does_not_fit(monkeypatch):
    monkeypatch.setattr(virtual, "EFFECTS", (virtual.rate, virtual.bit_errors))
    monkeypatch.setattr(bit_errors.BitErrors, "_disturb", lambda self, burst: burst)
    result = CliRunner().invoke(main, ["validate", "--profile", "uhf"])
    assert result.exit_code == 1
    assert "missed" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--profile", "kband"], "unknown link profile 'kband'"),
        (["--mode", "pty", "--profile", "uhf"], "--profile: expected none with --mode pty"),
        (["--mode", "carrier pigeon"], "carrier pigeon"),
    ],
)
def test_bad_input_ends_with_2(arguments, message):
    result = CliRunner().invoke(main, ["validate", *arguments])
    assert result.exit_code == 2
    assert message in result.output


def test_intervals_hold_the_truth_as_often_as_they_say():
    # Of 1000 with 99.99 % each, a tenth of one misses; skewed samples, as lengths of bursts are, miss somewhat more.
    chance = np.random.default_rng(1)
    misses = Counter()
    for _ in range(1000):
        found = {
            "rate": (0.05, of_rate(int(chance.binomial(2000, 0.05)), 2000)),
            "mean": (3.0, of_mean(chance.exponential(3.0, 500))),
            "deviation": (12**-0.5, of_deviation(chance.random(500))),
            "batches": (0.1, of_batches(np.repeat(chance.random(2000) < 0.1, 4), 100)),
        }
        misses.update(kind for kind, (truth, interval) in found.items() if not interval.low < truth < interval.high)
    assert max(misses.values(), default=0) <= 3


def test_intervals_are_as_narrow_as_they_can_be():
    found = of_rate(500, 10_000)
    assert (found.high - found.low) / 2 == pytest.approx(3.89 * (0.05 * 0.95 / 10_000) ** 0.5, rel=0.01)
    assert [student_sigmas(each) for each in (49, 99)] == pytest.approx([4.2408, 4.0598], abs=0.01)
    assert of_rate(0, 1000).low == pytest.approx(0, abs=1e-12)
    assert of_rate(0, 1000).high > 0.01
    found = within(5.0, 0.5, 1)
    assert (found.scaled(2).low, found.scaled(2).high, found.shifted(1).value) == (9, 11, 6)


@given(
    gaps=st.lists(st.tuples(st.integers(20, 500), st.integers(1, 300)), max_size=8),
    seed=st.integers(0, 1000),
)
def test_gaps_are_found_from_the_octets_alone(gaps, seed):
    sent = random_octets(seed, 8000)
    arrived, place, expected = b"", 0, []
    for kept, lost in gaps:
        arrived += sent[place : place + kept]
        place += kept
        expected.append((place, place + lost))
        place += lost
    arrived += sent[place:]
    found = find_gaps(sent, arrived)
    # An octet after a gap may by chance be the one that it began with; then the gap seems to be one later.
    assert [stop - start for start, stop in found] == [stop - start for start, stop in expected]
    assert all(0 <= one[0] - other[0] <= 3 for one, other in zip(found, expected, strict=True))
