"""The dictionary: each word declared once, found by name and by number, and summed up in a digest."""

import dataclasses

import pytest

from ccsds.errors import MalformedError, MisuseError
from mission.definition import DICTIONARY, SERVICES
from mission.dictionary import Dictionary, Repeat, Words
from mission.field_types import UInt
from mission.fields import Field, Layout
from mission.profiles import PROFILES, LinkProfile, find_profile

WORDS = {
    "commands": tuple(DICTIONARY.commands.values()),
    "reports": tuple(DICTIONARY.reports.values()),
    "parameters": tuple(DICTIONARY.parameters.values()),
    "structures": tuple(DICTIONARY.structures.values()),
    "events": tuple(DICTIONARY.events.values()),
}


@pytest.mark.parametrize("command", WORDS["commands"], ids=lambda command: command.name)
def test_a_command_is_found_by_name_and_by_message_type(command):
    assert DICTIONARY.command(command.name) is command
    assert DICTIONARY.command_of(command.service, command.subtype) is command
    assert command.service in DICTIONARY.service_numbers


@pytest.mark.parametrize("event", WORDS["events"], ids=lambda event: event.name)
def test_every_event_can_be_said_in_one_line_with_all_its_fields(event):
    samples = {"text": "because", "number": 5, "octets": b"\x01\x02", "list": [7, 1], "member": 1}
    values = {}
    for field in event.fields.fields:
        for sample in samples.values():
            try:
                values[field.name] = field.check(sample)
            except MisuseError:
                continue
    assert "\n" not in event.describe(values)
    assert event.fields.decode(event.fields.encode(values)) == values


def test_what_is_not_declared_is_refused_by_name():
    with pytest.raises(MisuseError, match=r"unknown command 'job\.submitt'"):
        DICTIONARY.command("job.submitt")
    with pytest.raises(MalformedError, match=r"\[17,9\]"):
        DICTIONARY.command_of(17, 9)
    with pytest.raises(MalformedError, match=r"\[9,9\]"):
        DICTIONARY.report_of(9, 9)
    with pytest.raises(MalformedError, match="77"):
        DICTIONARY.event_of(77)
    with pytest.raises(MalformedError, match="structure 9"):
        DICTIONARY.structure_of(9)


@pytest.mark.parametrize("kind", [kind for kind in WORDS if kind != "parameters"])
def test_two_words_of_one_name_are_refused(kind):
    with pytest.raises(MisuseError, match="found two"):
        Dictionary(*SERVICES, Words(**{kind: WORDS[kind][:1]}))


def test_the_digest_differs_when_any_declaration_differs():
    assert Dictionary(Words(**WORDS)).digest == DICTIONARY.digest
    first, *others = WORDS["commands"]
    changes = (
        {"subtype": 99},
        {"repeat": Repeat.ONCE},
        {"arguments": Layout((Field("more", UInt(8)),))},
    )
    for change in changes:
        words = {**WORDS, "commands": (dataclasses.replace(first, **change), *others)}
        assert Dictionary(Words(**words)).digest != DICTIONARY.digest


def test_a_parameter_may_be_in_many_structures_but_two_may_not_share_a_number_or_a_name():
    first, second = WORDS["parameters"][:2]
    structure = WORDS["structures"][0]
    assert Dictionary(Words(parameters=(first,), structures=(structure,))).parameter_of(first.name) is first
    for changed in (dataclasses.replace(second, id=first.id), dataclasses.replace(second, shape=first.shape)):
        with pytest.raises(MisuseError, match="found two"):
            Dictionary(Words(parameters=(first, changed)))


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_a_profile_has_frames_that_its_code_can_carry_and_a_timer_longer_than_its_round_trip(profile):
    assert profile.tm_frame_octets == (255 - profile.parity_octets) * profile.interleave
    assert profile.t1_initial_ns > profile.round_trip_ns
    assert find_profile(profile.name) is profile


def test_an_unknown_or_impossible_profile_is_refused():
    with pytest.raises(MisuseError, match="unknown link profile 'kband': expected one of"):
        find_profile("kband")
    with pytest.raises(MisuseError, match="interleave 1 to 5 or 8, found 6"):
        LinkProfile(name="odd", uplink_rate_bps=1, downlink_rate_bps=1, interleave=6)
