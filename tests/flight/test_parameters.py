"""ST[20] and the pool behind it: every parameter has one source, and a setting that was set outlasts reboots."""

import pytest

from ccsds.errors import MisuseError
from flight.disk import RealDisk
from flight.ledger import Ledger
from flight.parameters import ParameterPool
from mission.definition import DICTIONARY
from mission.dictionary import Dictionary, Setting, Words
from mission.field_types import UInt
from mission.fields import Field
from mission.words.core import KEEP_ALIVE
from mission.words.jobs import JOB_PROGRESS_PERIOD

SECOND = 1_000_000_000
LEVEL = Setting(id=1, shape=Field("level", UInt(8), minimum=1, maximum=9, default=5))
NARROWED = Setting(id=1, shape=Field("level", UInt(8), minimum=1, maximum=3, default=2))
SETTINGS = [each for each in DICTIONARY.parameters.values() if isinstance(each, Setting)]


def pool(folder, setting=LEVEL, default=5):
    ledger = Ledger(RealDisk(folder))
    made = ParameterPool(Dictionary(Words(parameters=(setting,))), ledger)
    followed = []
    made.bind(setting, default, lambda value, now_ns: followed.append((value, now_ns)))
    return made, ledger, followed


def test_a_setting_is_its_default_until_it_is_set_and_again_after_a_reset(tmp_path):
    made, ledger, followed = pool(tmp_path)
    assert made.read("level", 0) == 5
    ledger.commit(*made.change({"level": 7}))
    made.apply(["level"], 3)
    assert (made.read(1, 0), followed) == (7, [(7, 3)])
    ledger.commit(*made.change({"level": None}))
    assert made.read("level", 0) == 5


def test_what_was_set_is_followed_again_after_a_reboot(tmp_path):
    made, ledger, _ = pool(tmp_path)
    ledger.commit(*made.change({"level": 7}))
    made, _, followed = pool(tmp_path)
    made.boot(11)
    assert followed == [(7, 11)]


def test_a_value_that_another_dictionary_allowed_does_not_hold_any_more(tmp_path):
    made, ledger, _ = pool(tmp_path)
    ledger.commit(*made.change({"level": 7}))
    assert pool(tmp_path, NARROWED, 2)[0].read("level", 0) == 2


def test_a_bench_default_out_of_range_is_told_as_the_nearest_that_can_be(tmp_path):
    assert pool(tmp_path, default=0)[0].read("level", 0) == 1
    assert pool(tmp_path, default=200)[0].read("level", 0) == 9


def test_two_sources_two_followers_and_unknown_names_are_refused(tmp_path):
    made, _, _ = pool(tmp_path)
    with pytest.raises(MisuseError, match="found two"):
        made.provide({"level": lambda _: 1})
    with pytest.raises(MisuseError, match="found two"):
        made.bind(LEVEL, 5, lambda value, now_ns: None)
    with pytest.raises(MisuseError, match="expected a declared parameter, found 'height'"):
        made.read("height", 0)


def test_a_parameter_without_a_source_is_refused_before_anything_runs(tmp_path):
    made = ParameterPool(DICTIONARY, Ledger(RealDisk(tmp_path)))
    with pytest.raises(MisuseError, match="none of boot_count, uptime"):
        made.require_all()


@pytest.mark.parametrize("parameter", DICTIONARY.parameters.values(), ids=lambda parameter: parameter.name)
def test_every_parameter_of_a_spacecraft_can_be_read_and_written_as_declared(table, parameter):
    value = table.spacecraft._pool.read(parameter.id, 0)
    assert parameter.shape.type.check(value) == value or value != value


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_has_a_default_within_its_range(setting):
    assert setting.shape.check(setting.default) == setting.default


# Over the link.


def hear(table, make_telecommand, sequence, subtype, data, now_ns=0):
    table.send(make_telecommand(20, subtype, data, sequence=sequence), now_ns)
    return table.hear(now_ns)


def encode(name, **arguments):
    return DICTIONARY.command(name).arguments.encode(arguments)


def report_of(reports):
    (data,) = [data for service, subtype, data in reports if (service, subtype) == (20, 2)]
    return DICTIONARY.reports["parameter_values"].fields.decode(data)["values"]


def test_parameters_are_reported_in_the_order_asked_for(table, make_telecommand):
    table.spacecraft.contact(True, 0)
    asked = ["boot_count", "job_loss", "dictionary_digest", "job_state", "keep_alive", "time_status"]
    reports = hear(table, make_telecommand, 1, 1, encode("parameter.report", parameters=asked))
    assert list(report_of(reports)) == asked
    assert report_of(reports)["dictionary_digest"] == DICTIONARY.digest


def test_settings_are_set_together_followed_told_and_kept_through_a_reboot(
    table, make_table, make_telecommand, tmp_path
):
    table.spacecraft.contact(True, 0)
    table.hear()
    data = encode("parameter.set", values={"keep_alive": 250, "job_progress_period": 5_000})
    reports = hear(table, make_telecommand, 1, 3, data)
    told = [
        DICTIONARY.event_of(int.from_bytes(data[:2], "big")).fields.decode(data[2:])
        for service, _, data in reports
        if service == 5
    ]
    assert told == [
        {"parameter": "keep_alive", "before": "1000", "after": "250"},
        {"parameter": "job_progress_period", "before": "1000", "after": "5000"},
    ]
    assert table.spacecraft.next_deadline() == SECOND // 4
    again = make_table(tmp_path)
    again.spacecraft.contact(True, 0)
    assert again.spacecraft._downlink.keep_alive_ns == SECOND // 4
    assert again.spacecraft._pool.setting(JOB_PROGRESS_PERIOD) == 5_000
    hear(again, make_telecommand, 2, 128, encode("parameter.reset", parameters=["keep_alive"]))
    assert again.spacecraft._pool.setting(KEEP_ALIVE) == 1_000
    assert again.spacecraft._pool.setting(JOB_PROGRESS_PERIOD) == 5_000


@pytest.mark.parametrize(
    ("subtype", "data", "stage", "reason"),
    [
        (1, b"\x00", 2, b"a list of 1 to 64"),
        (1, b"\x02\x00\x01\x03\xe7", 2, b"[1]: expected a declared parameter, found 999"),
        (1, b"\x02\x00\x01\x00\x01", 4, b"parameters[1]: expected each parameter once, found 1 twice"),
        (1, b"\x02\x00\x01", 2, b"found 3 octets"),
        (3, b"\x00", 2, b"1 to 16 values by name"),
        (3, b"\x02\x00\xd2\x00\x00\x00\xfa\x03\xe7\x01", 2, b"[1]: expected a declared number, found 999"),
        (3, b"\x01\x00\x01\x00\x00\x00\x05", 2, b"[0]: expected a declared number, found 1"),
        (3, b"\x01\x00\xd2\x00\x00\x00\x05", 2, b"values[0].keep_alive: expected 100 to 2500 ms, found 5"),
        (
            3,
            b"\x02" + 2 * b"\x00\xd2\x00\x00\x00\xfa",
            2,
            b"values[1]: expected each name once, found keep_alive twice",
        ),
        (128, b"\x01\x00\x01", 2, b"parameters[0]: expected a declared parameter, found 1"),
        (2, b"", 2, b"message type [20,2]"),
    ],
)
def test_what_is_wrong_is_refused_whole_with_the_place_of_the_first_fault(
    table, make_telecommand, subtype, data, stage, reason
):
    table.spacecraft.contact(True, 0)
    table.hear()
    reports = hear(table, make_telecommand, 1, subtype, data)
    assert (1, stage) in [(service, number) for service, number, _ in reports]
    assert reason in reports[-1][2]
    assert table.spacecraft._pool.setting(KEEP_ALIVE) == 1_000
