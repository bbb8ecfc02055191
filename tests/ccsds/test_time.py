"""CUC and CDS times and leap seconds, against known answers, the standard library's dates and spacepackets."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spacepackets.ccsds.time import CdsShortTimestamp

from ccsds.errors import MalformedError, MisuseError
from ccsds.time import (
    MISSION_FORMAT,
    NS_PER_S,
    CucEpoch,
    CucFormat,
    cds_decode,
    cds_encode,
    cuc_decode,
    cuc_encode,
    tai_ns_from_unix,
    unix_ns_from_tai,
)

TICK_NS_MAX = 15_259
UTC = datetime.UTC


def unix_ns(*date: int) -> int:
    return int(datetime.datetime(*date, tzinfo=UTC).timestamp()) * NS_PER_S


def test_a_cuc_time_of_the_unix_epoch_is_the_known_answer():
    form = CucFormat.from_p_field(0x2E)
    moment = unix_ns(2018, 7, 6, 11, 41, 18) + 284_000_000
    assert form == CucFormat(epoch=CucEpoch.AGENCY, coarse_octets=4, fine_octets=2)
    assert form.encode(moment) == bytes.fromhex("5b3f555e48b4")
    assert 0 <= moment - form.decode(bytes.fromhex("5b3f555e48b4")) < TICK_NS_MAX


def test_the_missions_p_field_is_0x1e():
    assert MISSION_FORMAT.p_field == 0x1E


def test_a_cds_time_is_the_known_answer_both_ways():
    moment = unix_ns(2026, 11, 22, 12, 34, 56) + 789_000_000
    assert cds_encode(moment) == bytes.fromhex("40624a02b32c95")
    assert cds_decode(bytes.fromhex("40624a02b32c95")) == moment


# Before 1970, day 4383, spacepackets counts the milliseconds of a day backwards.
@given(st.integers(4383, 0xFFFF), st.integers(0, 86_399_999))
def test_cds_times_are_those_of_spacepackets(day, of_day_ms):
    theirs = CdsShortTimestamp(ccsds_days=day, ms_of_day=of_day_ms)
    ours_ns = cds_decode(bytes(theirs.pack()))
    assert ours_ns == round(theirs.as_unix_seconds() * 1000) * 1_000_000
    assert cds_encode(ours_ns) == bytes(theirs.pack())


@given(st.integers(0, (1 << 48) - 1))
def test_every_cuc_time_decodes_and_encodes_to_itself(ticks):
    data = ticks.to_bytes(6, "big")
    assert cuc_encode(cuc_decode(data)) == data
    assert MISSION_FORMAT.encode(cuc_decode(data)) == data


@given(st.integers(0, (1 << 32) * NS_PER_S - 1))
def test_a_time_loses_less_than_a_tick_on_the_wire_and_never_comes_from_the_future(tai_ns):
    assert 0 <= tai_ns - cuc_decode(cuc_encode(tai_ns)) < TICK_NS_MAX


@given(
    st.builds(
        CucFormat,
        epoch=st.sampled_from(CucEpoch),
        coarse_octets=st.integers(1, 4),
        fine_octets=st.integers(0, 3),
    ),
    st.data(),
)
def test_every_form_tells_itself_by_its_p_field_and_keeps_its_times(form, data):
    assert CucFormat.from_p_field(form.p_field) == form
    octets = data.draw(st.binary(min_size=form.length_octets, max_size=form.length_octets))
    assert form.encode(form.decode(octets)) == octets


def test_a_cuc_time_of_another_length_is_refused_with_what_was_found():
    with pytest.raises(MalformedError, match="expected 6 octets of CUC time, found 5"):
        cuc_decode(bytes(5))
    with pytest.raises(MalformedError, match="expected 6 octets of CUC time, found 7"):
        MISSION_FORMAT.decode(bytes(7))


@pytest.mark.parametrize("p_field", [0x00, 0x0E, 0x3E, 0x4E, 0x9E])
def test_a_p_field_that_is_not_cuc_is_refused(p_field):
    with pytest.raises(MalformedError, match="P-field"):
        CucFormat.from_p_field(p_field)


@pytest.mark.parametrize("tai_ns", [-1, (1 << 32) * NS_PER_S])
def test_a_time_that_does_not_fit_is_refused(tai_ns):
    with pytest.raises(MisuseError, match="CUC"):
        cuc_encode(tai_ns)
    with pytest.raises(MisuseError, match="CUC"):
        MISSION_FORMAT.encode(tai_ns)


@pytest.mark.parametrize("sizes", [{"coarse_octets": 0}, {"coarse_octets": 5}, {"fine_octets": 4}])
def test_a_form_that_no_p_field_tells_is_refused(sizes):
    with pytest.raises(MisuseError, match="CUC"):
        CucFormat(**sizes)


@pytest.mark.parametrize("octets", ["", "40624a02b32c", "41624a02b32c95", "40624a0526a5d8", "40624a02b32c9500"])
def test_what_is_no_cds_time_is_refused(octets):
    with pytest.raises(MalformedError):
        cds_decode(bytes.fromhex(octets))


def test_a_day_that_cds_cannot_count_is_refused():
    with pytest.raises(MisuseError, match="CDS: expected day 0 to 65535"):
        cds_encode(unix_ns(1957, 12, 31))


def test_tai_is_37_seconds_ahead_of_utc_today():
    epoch = datetime.datetime(1958, 1, 1, tzinfo=UTC)
    today = datetime.datetime(2026, 11, 22, 12, tzinfo=UTC)
    counted_s = int((today - epoch).total_seconds())
    assert tai_ns_from_unix(unix_ns(2026, 11, 22, 12)) == (counted_s + 37) * NS_PER_S


def test_the_last_leap_second_is_one_second_that_posix_time_has_twice():
    before, after = unix_ns(2016, 12, 31, 23, 59, 59), unix_ns(2017, 1, 1)
    assert tai_ns_from_unix(after) - tai_ns_from_unix(before) == 2 * NS_PER_S
    in_leap_second = tai_ns_from_unix(before) + NS_PER_S + NS_PER_S // 2
    assert unix_ns_from_tai(in_leap_second) == after + NS_PER_S // 2
    assert unix_ns_from_tai(tai_ns_from_unix(after)) == after


@given(st.integers(-10 * 365 * 86_400 * NS_PER_S, 70 * 365 * 86_400 * NS_PER_S))
def test_posix_time_goes_to_tai_and_back(moment):
    assert unix_ns_from_tai(tai_ns_from_unix(moment)) == moment
