"""Conversations and passes over HTTP: what programs ask for beside what the console shows."""

from dataclasses import replace

import pytest

from ground.client import Client, RefusalError
from mission.definition import DICTIONARY

PASSES = """
[[pass]]
station = "svalbard"
begin = 2027-03-01T12:00:00Z
end = 2027-03-01T12:10:00Z
elevation_deg = 43
plan = ["weights of job 3 down"]

[[pass]]
station = "inuvik"
begin = 2027-03-01T10:30:00Z
end = 2027-03-01T10:38:00Z
"""

NOON_UNIX_NS = 1_803_902_400 * 1_000_000_000


@pytest.fixture
def config(config, tmp_path):
    path = tmp_path / "passes.toml"
    path.write_text(PASSES)
    return replace(config, passes_path=path)


def test_the_passes_of_a_span_are_given_in_order(served):
    with Client.connect(served.config.socket_path) as client:
        both = client.passes(NOON_UNIX_NS - 2 * 3600 * 10**9, span_s=86_400)
        assert [each["station"] for each in both] == ["inuvik", "svalbard"]
        assert both[1] == {
            "station": "svalbard",
            "begin_unix_ns": NOON_UNIX_NS,
            "end_unix_ns": NOON_UNIX_NS + 600 * 10**9,
            "elevation_deg": 43,
            "plan": ["weights of job 3 down"],
        }
        (during,) = client.passes(NOON_UNIX_NS + 60 * 10**9, span_s=1)
        assert during["station"] == "svalbard"
        assert client.passes(NOON_UNIX_NS + 600 * 10**9, span_s=86_400) == []


def test_a_prompt_goes_up_as_the_next_turn_and_is_found_again(served):
    with Client.connect(served.config.socket_path) as client:
        first = client.prompt(3, "To be, or", temperature=0.5, tokens_max=24)
        assert client.wait(first["command_id"], 60)["stage"] == "COMPLETED"
        second = client.prompt(3, "not to be")
        assert (first["turn"], second["turn"]) == (1, 2)
        assert client.wait(second["command_id"], 60)["stage"] == "COMPLETED"
        assert [each["prompt"] for each in client.conversations()["3"]] == ["To be, or", "not to be"]
        assert client.wait(client.stop_reply(3), 60)["stage"] == "COMPLETED"
    layout = DICTIONARY.commands["chat.prompt"].arguments
    sent = [layout.decode(each.data) for each in served.spacecraft.telecommands if each.subtype == 1]
    assert [(each["conversation"], each["turn"], each["text"]) for each in sent] == [
        (3, 1, "To be, or"),
        (3, 2, "not to be"),
    ]
    assert (sent[0]["temperature"], sent[0]["tokens_max"], sent[1]["tokens_max"]) == (0.5, 24, 200)


@pytest.mark.parametrize(
    ("conversation", "choices", "expected"),
    [
        (0, {}, "conversation: expected 1 or more, found 0"),
        (1, {"tokens_max": 9_999}, "tokens_max: expected 1 to 1024, found 9999"),
        (1, {"warmth": 1}, "warmth"),
    ],
)
def test_a_prompt_that_the_dictionary_does_not_take_is_refused(served, conversation, choices, expected):
    with Client.connect(served.config.socket_path) as client:
        with pytest.raises(RefusalError, match=expected):
            client.prompt(conversation, "To be", **choices)
        assert client.conversations() == {}


def test_a_conversation_that_nobody_had_is_refused_in_words(http):
    answer = http.get("/api/conversations/7")
    assert (answer.status_code, answer.json()["error"]) == (
        400,
        "expected a conversation that was heard of (none), found 7",
    )
