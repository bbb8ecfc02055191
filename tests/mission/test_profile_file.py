"""A link profile in a file: what can be said in it, and what is refused in one line with the key."""

from dataclasses import fields
from pathlib import Path

import pytest

from ccsds.errors import MisuseError
from ccsds.randomizer import TmRandomizer
from mission.files import ground_mib, spacecraft_mib
from mission.profile_file import FILE_OCTETS_MAX, open_profile, parse_profile
from mission.profiles import NS_PER_S, PROFILES, CfdpDialect, Contact, LinkProfile

EXAMPLE = Path(__file__).parent.parent.parent / "docs" / "profiles" / "uart_small.toml"
LEAST = 'name = "own"\nuplink_rate_bps = 1200\ndownlink_rate_bps = 9600\n'


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_a_name_is_one_of_the_shipped_and_a_base_gives_all_that_is_left_out(name):
    assert open_profile(name) is PROFILES[name]
    like = parse_profile(f'name = "own"\nbase = "{name}"\n', "here")
    names = [each.name for each in fields(LinkProfile)]
    differing = [each for each in names if getattr(like, each) != getattr(PROFILES[name], each)]
    assert differing == ["name"]


def test_every_field_can_be_said():
    text = """
name = "own"
uplink_rate_bps = 1200
downlink_rate_bps = 9600
bits_per_octet = 10
interleave = 2
parity_octets = 16
dual_basis = false
tm_randomizer = "period_131071"
tc_randomized = true
tc_frame_octets_max = 200
tc_map = 63
farm_window = 10
round_trip_s = 2.5
transmission_limit = 4
contact = "traffic"
keep_alive_s = 2
silence_s = 7
beacon_s = 0
cfdp = "nasa_cfs"
cfdp_keep_alive_s = 30
spacecraft_entity = 24
ground_entity = 25
"""
    profile = parse_profile(text, "here")
    assert profile == LinkProfile(
        name="own",
        uplink_rate_bps=1200,
        downlink_rate_bps=9600,
        bits_per_octet=10,
        interleave=2,
        parity_octets=16,
        dual_basis=False,
        tm_randomizer=TmRandomizer.PERIOD_131071,
        tc_randomized=True,
        tc_frame_octets_max=200,
        tc_map=63,
        farm_window=10,
        round_trip_ns=5 * NS_PER_S // 2,
        transmission_limit=4,
        contact=Contact.TRAFFIC,
        keep_alive_ns=2 * NS_PER_S,
        silence_ns=7 * NS_PER_S,
        beacon_ns=0,
        cfdp=CfdpDialect.NASA_CFS,
        cfdp_keep_alive_ns=30 * NS_PER_S,
        spacecraft_entity=24,
        ground_entity=25,
    )
    # No field is left out of this test.
    assert text.count("=") == len(fields(LinkProfile))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "expected TOML: "),
        (LEAST.replace('name = "own"\n', ""), "expected a name, found none"),
        (LEAST + 'base = "kband"', "base: expected one of sband, serial, uhf, xband, found 'kband'"),
        (LEAST + "base = 3", "base: expected one of"),
        (LEAST + "base = []", "base: expected one of"),
        (LEAST + "rate = 3", "unknown key rate: expected one of base, beacon_s, bits_per_octet,"),
        (LEAST + "round_trip_ns = 3", "unknown key round_trip_ns"),
        (LEAST + 'round_trip_s = "fast"', "round_trip_s: expected 0 to 3.2e+08 seconds, found 'fast'"),
        (LEAST + "round_trip_s = true", "round_trip_s: expected 0 to"),
        (LEAST + "round_trip_s = nan", "round_trip_s: expected 0 to"),
        (LEAST + "round_trip_s = 0", "expected round_trip_ns above 0, found 0"),
        (LEAST + "beacon_s = -1", "beacon_s: expected 0 to"),
        (LEAST + 'contact = "lock"', "contact: expected one of modem, traffic, found 'lock'"),
        (LEAST + "contact = 1", "contact: expected one of modem, traffic, found 1"),
        (LEAST + "tc_map = 64", "expected a MAP of 0 to 63, found 64"),
        (LEAST + "tc_map = [5]", "tc_map: expected `int | null`, got `array`"),
        (LEAST + "interleave = 2.5", "interleave: expected `int`, got `float`"),
        (LEAST + "interleave = 6", "expected interleave 1 to 5 or 8, found 6"),
        (LEAST + "farm_window = 3", "expected an even farm_window of 2 to 254, found 3"),
        (LEAST + "bits_per_octet = 0", "expected bits_per_octet above 0, found 0"),
        (LEAST + "transmission_limit = 0", "expected transmission_limit above 0"),
        (LEAST + "spacecraft_entity = 256", "expected spacecraft_entity 1 to 255, found 256"),
        (LEAST + "ground_entity = 42", "expected two CFDP entities, found 42 twice"),
        (LEAST.replace('"own"', '""'), "expected a name, found ''"),
        ('name = "own"\nuplink_rate_bps = 1\n', "expected downlink_rate_bps, or a base that has them"),
    ],
)
def test_what_is_wrong_is_one_line_with_the_key_and_the_place(text, said):
    with pytest.raises(MisuseError) as raised:
        parse_profile(text, "there.toml")
    message = str(raised.value)
    assert said in message
    assert "there.toml" in message
    assert "\n" not in message


def test_a_file_that_cannot_be_read_or_is_none_is_refused(tmp_path):
    with pytest.raises(MisuseError, match="expected a readable file, found"):
        open_profile(str(tmp_path / "none.toml"))
    (tmp_path / "octets.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(MisuseError, match="expected a readable file, found"):
        open_profile(str(tmp_path / "octets.toml"))
    (tmp_path / "long.toml").write_text("#" * (FILE_OCTETS_MAX + 1))
    with pytest.raises(MisuseError, match="expected at most 65536 octets, found 65537"):
        open_profile(str(tmp_path / "long.toml"))
    with pytest.raises(MisuseError, match=r"unknown link profile 'own': .* or the path of a \.toml file"):
        open_profile("own")


def test_the_example_in_the_documents_is_a_profile_with_segments_and_room_for_files():
    profile = open_profile(str(EXAMPLE))
    assert (profile.name, profile.tc_map, profile.tc_frame_octets_max) == ("uart_small", 5, 128)
    assert profile.contact is Contact.TRAFFIC
    for mib in (ground_mib(profile, 30), spacecraft_mib(profile, 30)):
        assert mib.remotes[0].segment_octets > 50
