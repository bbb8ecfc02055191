"""A scenario with an orbit: passes are contacts, range is delay and noise; what cannot be is refused."""

import json
from itertools import pairwise

import numpy as np
import pytest

from ccsds.errors import MisuseError
from hil.orbit.outlook import LIGHT_KM_S, Outlook, covering
from hil.orbit.spans import Span
from hil.run.run import prepare_folder
from hil.scenario.scenario import parse_scenario
from hil.sky import bit_error_rate, contact_plan, sky_changes, sky_spans
from hil.world import World

NS_PER_S = 1_000_000_000
DAY_S = 86_400

GOOD = """
name = "orbit"
duration_s = 86400
spacecraft = { corpora = [] }
[orbit]
name = "sso_500"
[[stations]]
name = "svalbard_78"
"""
PROCEDURE = """
[[procedure]]
command = "test.connection"
[[procedure]]
wait_s = 1e6
"""


def outlook_of(text=GOOD):
    return parse_scenario(text + PROCEDURE, "x").outlook()


HOURS_S = 14_000
"""Long enough for three passes, and for every zone."""


@pytest.fixture(scope="module")
def flown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("orbit") / "run"
    text = GOOD.replace("86400", str(HOURS_S)) + '[link]\nprofile = "uhf"\nsecurity = "none"\n'
    _, evidence = fly(folder, text)
    return folder, evidence


def fly(folder, text=GOOD, seed=1):
    prepare_folder(folder, force=False)
    world = World(parse_scenario(text + PROCEDURE, "x"), seed, folder, {}, lambda source, event: None)
    return world, world.run()


def events(folder, kind):
    logged = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [each for each in logged if each["type"] == kind]


def test_contact_comes_and_goes_with_the_passes_over_the_station(flown):
    folder, evidence = flown
    passes = [span for span in evidence.spans if span.kind == "pass"]
    assert len(passes) == 3
    changes = events(folder, "ContactChanged")
    expected = [edge for span in passes for edge in (span.start_s, span.end_s) if 0 < edge < HOURS_S]
    assert [each["time_ns"] / NS_PER_S for each in changes] == pytest.approx(expected, abs=1e-6)
    sent = [each for each in evidence.link_samples if each[1] == "down"]
    assert sent
    # Beacons leave between passes too, from a station's view in vain.
    heard = [each["time_ns"] / NS_PER_S for each in events(folder, "CommandStaged")]
    assert any(passes[0].start_s < each < passes[0].end_s for each in heard)


def test_the_sky_is_told_to_the_log_and_to_the_evidence(flown):
    folder, evidence = flown
    told = events(folder, "SkyChanged")
    kinds = {each["kind"] for each in told}
    assert kinds == {"pass", "eclipse", "umbra", "anomaly", "polar"}
    texts = {text for _, source, text in evidence.marks if source == "sky"}
    assert {"the umbra begins", "an eclipse, in penumbra ends", "a pass over svalbard_78 begins"} <= texts
    assert {span.kind for span in evidence.spans} == kinds | {"north"}
    for kind in kinds:
        begun = [each["has_begun"] for each in told if each["kind"] == kind]
        assert all(one != other for one, other in pairwise(begun))
    # Each umbra lies within its eclipse, by some seconds of penumbra at either side.
    spans = {kind: [span for span in evidence.spans if span.kind == kind] for kind in kinds}
    for eclipse, umbra in zip(spans["eclipse"], spans["umbra"], strict=True):
        if 0 < eclipse.start_s and eclipse.end_s < HOURS_S:
            assert 5 < umbra.start_s - eclipse.start_s < 20
            assert 5 < eclipse.end_s - umbra.end_s < 20
    assert {look.station for look in evidence.looks} == {"svalbard_78"}
    # At the edges of a pass the satellite is on the mask.
    for span in spans["pass"]:
        inside = [look for look in evidence.looks if span.start_s <= look.time_s <= span.end_s]
        assert min(look.elevation_deg for look in inside) > 4.9
        if 0 < span.start_s:
            assert inside[0].elevation_deg == pytest.approx(5.0, abs=0.01)


def test_light_time_is_the_range_and_is_smooth_between_its_samples():
    outlook = outlook_of()
    (site,) = outlook.sites
    span = outlook.contacts[3]
    times_s = np.linspace(span.start_s, span.end_s, 4_001)
    exact_ns = site.look(outlook.satellite, times_s).range_km / LIGHT_KM_S * NS_PER_S
    found_ns = [outlook.light_time_ns(round(time_s * NS_PER_S)) for time_s in times_s]
    assert np.abs(found_ns - exact_ns).max() < 100
    assert 1.6e6 < min(found_ns) < max(found_ns) < 7.1e6


def test_a_reply_takes_both_ways_of_light_and_what_the_network_adds(tmp_path):
    link = '[link]\nprofile = "xband"\nsecurity = "none"\n'
    both = []
    for name, more in (("far", "up = { delay_s = 0.5 }\ndown = { delay_s = 0.25 }\n"), ("near", "")):
        _, evidence = fly(tmp_path / name, GOOD.replace("86400", "2000") + link + more)
        stages = {stage: time_s for time_s, stage, _ in evidence.commands[1]["stages"]}
        both.append(stages["COMPLETED"] - stages["RELEASED"])
    # In contact from the start the first command is on its way at once, from lowest elevation at most.
    assert 0.002 * 2 < both[1] < 0.1
    assert both[0] - both[1] == pytest.approx(0.75, abs=0.02)


def test_the_bit_error_rate_falls_as_the_satellite_rises():
    outlook = outlook_of()
    rate = bit_error_rate(outlook, 8.0)
    contact = outlook.contact(3)
    rates = [rate(round(time_s * NS_PER_S)) for time_s in contact.times_s]
    order = np.argsort(contact.range_km)
    assert np.all(np.diff(np.array(rates)[order]) >= -1e-12)
    # At 1,000 km it is that of 8 dB, 1.9e-4 by Proakis' figure for antipodal signals.
    near = int(np.argmin(np.abs(contact.range_km - 1_000)))
    assert rates[near] == pytest.approx(1.9e-4, rel=0.25)
    assert max(rates) > 1e-2


def test_noise_follows_the_range_in_a_run(tmp_path):
    link = '[link]\nprofile = "sband"\nsecurity = "none"\nup = { eb_n0_db = 8 }\ndown = { eb_n0_db = 8 }\n'
    _, evidence = fly(tmp_path / "run", GOOD.replace("86400", "2500") + link)
    noisy = events(tmp_path / "run", "BitsFlipped")
    assert noisy
    # The horizon is noisier than the sky.
    edges, middle = [], []
    for each in (each for each in noisy if each["source"] == "link.down"):
        at_s = each["start_ns"] / NS_PER_S
        for span in (span for span in evidence.spans if span.kind == "pass" and span.start_s <= at_s <= span.end_s):
            place = (at_s - span.start_s) / (span.end_s - span.start_s)
            (middle if 0.35 < place < 0.65 else edges).append(each["bits"])
    assert np.mean(edges) > 3 * np.mean(middle or [0.0])


def test_stations_whose_passes_overlap_are_one_contact_and_the_highest_counts():
    outlook = outlook_of(GOOD + '[[stations]]\nname = "near"\nlatitude_deg = 77\nlongitude_deg = 20\n')
    assert len(outlook.passes) > len(outlook.contacts)
    plan = contact_plan(outlook)
    assert len(plan.passes) == len(outlook.contacts)
    contact = outlook.contact(4)
    looks = [site.look(outlook.satellite, contact.times_s).elevation_deg for site in outlook.sites]
    assert contact.elevation_deg == pytest.approx(np.max(looks, axis=0))


def test_an_outlook_of_a_longer_mission_begins_like_that_of_a_shorter_one():
    short, long = (sky_spans(outlook_of(GOOD.replace("86400", days))) for days in ("86400", "259200"))
    for one, other in zip(short[:-8], long, strict=False):
        assert (one.kind, one.name) == (other.kind, other.name)
        assert one.start_s == pytest.approx(other.start_s, abs=1e-3)


def test_what_is_so_at_the_beginning_has_not_begun():
    changes = sky_changes(outlook_of())
    assert all(0 < change.time_ns < DAY_S * NS_PER_S for change in changes)
    assert [change.time_ns for change in changes] == sorted(change.time_ns for change in changes)


def test_a_fault_comes_at_an_instant_of_the_orbit(tmp_path):
    faults = "".join(
        f'[[faults]]\nkind = "drift_clock"\ndrift_ppm = {number}\nevent = "{event}"\n'
        for number, event in enumerate(("eclipse_entry", "eclipse_exit", "ascending_node", "anomaly_entry"), start=1)
    )
    _, evidence = fly(tmp_path / "run", GOOD.replace("86400", "9000") + '[link]\nsecurity = "none"\n' + faults)
    struck = {text: time_s for time_s, _, text in evidence.marks if "ppm" in text}
    for number, (kind, edge) in enumerate(
        (("eclipse", "start_s"), ("eclipse", "end_s"), ("north", "start_s"), ("anomaly", "start_s")), start=1
    ):
        first = next(value for span in evidence.spans if span.kind == kind and (value := getattr(span, edge)) > 0)
        assert struck[f"the clock of the spacecraft runs +{number} ppm fast"] == pytest.approx(first, abs=1e-6)


def test_a_time_is_in_a_span_or_before_the_next():
    spans = [Span(10, 20), Span(30, 40)]
    assert covering(spans, 5) == (None, spans[0])
    assert covering(spans, 10) == (spans[0], spans[1])
    assert covering(spans, 20) == (None, spans[1])
    assert covering(spans, 39.9) == (spans[1], None)
    assert covering(spans, 40) == (None, None)


def test_equal_seeds_give_equal_runs_over_an_orbit(tmp_path):
    link = '[link]\nprofile = "sband"\nup = { eb_n0_db = 9 }\ndown = { eb_n0_db = 9 }\n'
    for name in ("one", "two"):
        fly(tmp_path / name, GOOD.replace("86400", "2500") + link)
    for file in ("events.jsonl", "uplink.bin", "downlink.bin"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_thirty_days_over_four_stations_are_looked_ahead_in_one_go():
    text = GOOD.replace("86400", str(30 * DAY_S))
    for name in ("munich_48", "punta_arenas_53", "singapore_1"):
        text += f'[[stations]]\nname = "{name}"\n'
    outlook = outlook_of(text)
    assert len(outlook.passes) > 700
    assert isinstance(outlook, Outlook)


BARE = 'name = "x"\nprocedure = [{ command = "test.connection" }]\n'
NORTH = '[[stations]]\nname = "svalbard_78"\n'
SITE = '[[stations]]\nname = "munich_48"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BARE + SITE, "stations: expected none without an [orbit]"),
        (BARE + '[orbit]\nname = "sso_500"', "stations: expected 1 to 64 with an orbit, found 0"),
        (BARE + "[orbit]\n" + SITE, "orbit: expected one of name, tle, altitude_km, found none"),
        (BARE + '[orbit]\nname = "mars"\n' + SITE, "orbit.name: expected one of starcloud_325, sso_500"),
        (BARE + '[orbit]\nname = "sso_500"\naltitude_km = 1\n' + SITE, "found name and altitude_km"),
        (BARE + '[orbit]\nname = "sso_500"\nraan_deg = 1\n' + SITE, "orbit.raan_deg: expected none beside `name`"),
        (BARE + "[orbit]\naltitude_km = 500\n" + SITE, "orbit.inclination_deg: expected either it or `sun_sync"),
        (
            BARE + "[orbit]\naltitude_km = 500\ninclination_deg = 5\nsun_synchronous = true\n" + SITE,
            "orbit.inclination_deg: expected either it or `sun_sync",
        ),
        (
            BARE + "[orbit]\naltitude_km = 100\ninclination_deg = 5\n" + SITE,
            "orbit.altitude_km: expected a perigee of 150 km or more, found 100",
        ),
        (
            BARE + "[orbit]\naltitude_km = 500\ninclination_deg = 5\nraan_deg = 1\nlocal_time_h = 1\n" + SITE,
            "orbit.raan_deg: expected either it or `local_time_h`",
        ),
        (BARE + "[orbit]\nheight = 5\n" + SITE, "unknown key orbit.height: expected one of name, tle"),
        (BARE + '[orbit]\ntle = ["1", "2"]\n' + SITE, "orbit.tle: expected line 1 of 69 characters, found '1'"),
        (
            BARE
            + '[orbit]\ntle = ["1 25544U 98067A   19117.18149566  .00001763  00000-0  35505-4 0  9998",'
            + ' "2 25544  51.6426 257.6290 0001734 189.3306 285.3404 15.52646519167321"]\n'
            + SITE,
            "orbit.tle: expected an epoch within 60 days of spacecraft.tai_s, found -27",
        ),
        (
            BARE + '[orbit]\nname = "sso_500"\n[[stations]]\nname = "atlantis"',
            "stations[0].name: expected one of munich",
        ),
        (
            BARE + '[orbit]\nname = "sso_500"\n[[stations]]\nname = "x"\nlatitude_deg = 3',
            "stations[0].latitude_deg: expected both it and `longitude_deg`, or neither",
        ),
        (
            BARE + '[orbit]\nname = "sso_500"\n' + SITE + "mask_deg = 90",
            "stations[0].mask_deg: expected 0 to 89, found 90",
        ),
        (BARE + '[orbit]\nname = "sso_500"\n' + SITE + SITE, "stations[1].name: expected each name once"),
        (
            BARE + "[orbit]\naltitude_km = 500\ninclination_deg = 3\n" + SITE,
            "stations: expected a pass over one of them within 3600 s, found none",
        ),
        (
            BARE + '[orbit]\nname = "sso_500"\n' + SITE + "[[link.passes]]\nat_s = 0\nduration_s = 9",
            "link.passes: expected none beside an [orbit], from which passes follow",
        ),
        (
            BARE + '[orbit]\nname = "sso_500"\n' + NORTH + '[[faults]]\nkind = "pull_cable"\npass_number = 9',
            "faults[0].pass_number: expected one of 1 passes, found 9",
        ),
        (BARE + "[link.up]\neb_n0_db = 9", "link.up.eb_n0_db: expected none without an [orbit]"),
        (
            BARE + "[link.up]\neb_n0_db = 9\nbit_error_rate = 0.1",
            "link.up.bit_error_rate: expected none beside `eb_n0_db`",
        ),
        (
            "duration_s = 1e8\n" + BARE + '[orbit]\nname = "sso_500"\n' + SITE,
            "duration_s: expected at most 31622400 with an orbit, found 1e+08",
        ),
        (
            "duration_s = 8.64e6\n" + BARE + "[orbit]\naltitude_km = 180\ninclination_deg = 60\ndrag = 0.05\n" + SITE,
            "orbit: expected an orbit that lasts, found at ",
        ),
    ],
)
def test_an_orbit_that_cannot_be_gets_one_line(text, message):
    with pytest.raises(MisuseError) as caught:
        parse_scenario(text, "x.toml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_station_knows_the_light_time_by_the_orbit_and_so_what_time_it_is_on_board(tmp_path):
    prepare_folder(tmp_path / "run", force=False)
    text = (
        GOOD
        + '[link]\nprofile = "uhf"\nsecurity = "none"\n'
        + PROCEDURE.replace('command = "test.connection"', 'command = "time.report_rate"\narguments = { exponent = 0 }')
    )
    world = World(parse_scenario(text, "x"), 1, tmp_path / "run", {}, lambda source, event: None)
    outlook = outlook_of()
    span = next(each for each in outlook.contacts if each.duration_s > 300)
    try:
        world.begin()
        for share in (0.2, 0.5, 0.8):
            world.go_on(round((span.start_s + share * span.duration_s) * NS_PER_S))
            onboard, now_ns = world.station.core.onboard_time, world.now_ns
            truth_ns = world.spacecraft.core._clock.tai_ns(now_ns)
            assert onboard.snapshot(now_ns)["light_source"] == "given"
            assert onboard.light_ns == pytest.approx(outlook.light_time_ns(now_ns), abs=50_000)
            assert onboard.light_ns > 1_500_000
            assert abs(onboard.tai_at(now_ns) - truth_ns) < 50_000
    finally:
        world.close()
