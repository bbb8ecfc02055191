"""`ground chat`, `conversations` and `model` against a station in service, with a model that is a list of words."""

import hashlib
import json

import pytest
from click.testing import CliRunner

from ccsds.pus.verification import VerificationReport, VerificationStage
from ground.__main__ import main
from mission.definition import DICTIONARY
from mission.inference import ReplyEnd
from mission.words.packing import MODEL_APPROXIMATED, PACKING_FAILED, PACKING_FORGOTTEN

WORDS = ["To be, ", "or not ", "to be: ", "that is the question"]


@pytest.fixture
def ground(tmp_path, served):
    def run(*arguments, typed=None):
        home = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
        options = ["--socket", str(served.config.socket_path)]
        return CliRunner().invoke(main, [*arguments, *options], env={**home, "COLUMNS": "400"}, input=typed)

    return run


def say(spacecraft, named, /, **values):
    report = DICTIONARY.reports[named]
    spacecraft.say(report.service, report.subtype, report.fields.encode(values))


def tell(spacecraft, key, words=WORDS, attempt=1, missing=()):
    for sequence, text in enumerate(words):
        if sequence not in missing:
            say(spacecraft, "reply_chunk", **key, attempt=attempt, sequence=sequence, text=text)
    say(
        spacecraft,
        "reply_end",
        **key,
        attempt=attempt,
        chunks=len(words),
        end=ReplyEnd.LENGTH,
        reason="",
        prompt_tokens=5,
        tokens=20,
        tokens_per_s=4.0,
        sha256=hashlib.sha256("".join(words).encode()).digest(),
        model_sha256=bytes(32),
    )


@pytest.fixture
def chatty(served):
    """A spacecraft that answers each prompt with the same words."""
    spacecraft = served.spacecraft
    complete = spacecraft.answer

    def answer(telecommand):
        if (telecommand.service, telecommand.subtype) == (129, 1):
            said = DICTIONARY.command("chat.prompt").arguments.decode(telecommand.data)
            tell(spacecraft, {"conversation": said["conversation"], "turn": said["turn"]})
        return complete(telecommand)

    spacecraft.answer = answer
    return spacecraft


def prompts(spacecraft):
    layout = DICTIONARY.command("chat.prompt").arguments
    return [layout.decode(each.data) for each in spacecraft.telecommands if (each.service, each.subtype) == (129, 1)]


def test_a_prompt_is_answered_in_the_terminal_and_kept_by_the_station(ground, chatty):
    result = ground("chat", "To be?", "--temperature", "0.5", "--top-k", "40", "--tokens", "20", "--telemetry")
    assert result.exit_code == 0, result.output
    assert "".join(WORDS) in result.output
    (prompt,) = prompts(chatty)
    assert (prompt["conversation"], prompt["turn"], prompt["text"]) == (1, 1, "To be?")
    assert (prompt["temperature"], prompt["top_k"], prompt["tokens_max"], int(prompt["telemetry"])) == (0.5, 40, 20, 1)
    shown = ground("conversations").output
    assert "1> To be?" in shown
    assert "".join(WORDS) in shown
    assert "LENGTH, 20 tokens, 4.0/s" in shown


def test_lines_that_are_typed_are_turns_of_one_conversation(ground, chatty):
    assert ground("chat", "--conversation", "7", typed="One?\n\nTwo?\n").exit_code == 0
    assert [(each["conversation"], each["turn"], each["text"]) for each in prompts(chatty)] == [
        (7, 1, "One?"),
        (7, 2, "Two?"),
    ]
    assert ground("chat", "--new", "Three?").exit_code == 0
    assert ground("chat", "Four?").exit_code == 0
    assert [(each["conversation"], each["turn"]) for each in prompts(chatty)[2:]] == [(8, 1), (8, 2)]


def test_who_says_nothing_is_told_so(ground, chatty):
    result = ground("chat", " ")
    assert (result.exit_code, prompts(chatty)) == (2, [])
    assert result.output.startswith("ground: expected something to say, found nothing")


def test_a_reply_is_given_to_programs_whole(ground, chatty):
    reply = json.loads(ground("chat", "To be?", "--json").output)
    assert (reply["reply"], reply["is_whole"], reply["prompt"]) == ("".join(WORDS), True, "To be?")


def test_a_prompt_that_is_refused_tells_why(ground, served):
    def refuse(telecommand):
        return [VerificationReport(VerificationStage.START_FAILED, telecommand.request_id, None, 8, "no model")]

    served.spacecraft.answer = refuse
    result = ground("chat", "To be?")
    assert (result.exit_code, "no model" in result.output) == (1, True)


def test_a_reply_that_does_not_come_is_waited_for_no_longer_than_said(ground, served):
    result = ground("chat", "To be?", "--timeout", "0.3")
    assert result.exit_code == 1
    assert "its reply is not whole" in result.output
    assert ground("chat", "To be?", "--no-wait").output == "turn 2 waits\n"


def test_a_model_is_activated_with_its_digest_and_canary(ground, served):
    arguments = ["--sha256", "ab" * 32, "--canary", "To be", "--answer", ", or"]
    assert ground("model", "activate", "gemma", *arguments).exit_code == 0
    (telecommand,) = served.spacecraft.telecommands
    assert DICTIONARY.command("model.activate").arguments.decode(telecommand.data) == {
        "name": "gemma", "sha256": bytes.fromhex("ab" * 32), "canary": "To be", "answer": ", or",
    }  # fmt: skip


@pytest.mark.parametrize(("word", "subtype"), [("roll-back", 7), ("check", 8), ("report", 9), ("list", 10)])
def test_models_are_looked_after(ground, served, word, subtype):
    assert ground("model", word).exit_code == 0
    assert [(each.service, each.subtype) for each in served.spacecraft.telecommands] == [(129, subtype)]


def test_the_digest_of_a_file_is_asked_for(ground, served):
    complete = served.spacecraft.answer

    def answer(telecommand):
        say(served.spacecraft, "file_attributes", name="gemma/config.json", size=9, sha256=bytes(32), failure="")
        return complete(telecommand)

    served.spacecraft.answer = answer
    assert "gemma/config.json: 9 octets 0000" in ground("model", "verify", "gemma/config.json").output


def test_a_directory_goes_up_file_by_file(ground, served, tmp_path):
    directory = tmp_path / "gemma"
    directory.mkdir()
    for name in ("config.json", "model.safetensors"):
        (directory / name).write_text(name)
    lines = ground("model", "upload", str(directory), "gemma").output.splitlines()
    assert [line.split()[1] for line in lines] == ["gemma/config.json", "gemma/model.safetensors"]


def begin_packing(served, ended, **values):
    """Have the spacecraft tell of an end as soon as it is asked to begin."""
    complete = served.spacecraft.answer

    def answer(telecommand):
        octets = ended.id.to_bytes(2, "big") + ended.fields.encode(values)
        served.spacecraft.say(5, ended.severity, octets)
        return complete(telecommand)

    served.spacecraft.answer = answer


def test_a_model_is_packed_and_unpacked_on_board_to_its_end(ground, served):
    about = {"name": "m.pack", "destination": "m.safetensors", "size": 9, "base": "old", "sha256": bytes(32)}
    begin_packing(served, MODEL_APPROXIMATED, **about, layers=2, layers_in_all=4, error=0.25)
    result = ground("model", "unpack", "m.pack", "m.safetensors", "--base", "old")
    assert result.exit_code == 0, result.output
    assert result.output == "m.safetensors is made of 2 of the 4 layers of m.pack: 0.25 of the change is left\n"
    (telecommand,) = served.spacecraft.telecommands
    given = DICTIONARY.command("model.unpack").arguments.decode(telecommand.data)
    assert given == {"name": "m.pack", "destination": "m.safetensors", "base": "old"}


def test_the_end_of_another_packing_is_not_taken_for_the_one_that_was_asked_for(ground, served):
    about = {"destination": "m.pack", "reason": "no room"}
    begin_packing(served, PACKING_FAILED, name="m", **about)
    begin_packing(served, PACKING_FAILED, name="other", **about)
    result = ground("model", "pack", "m", "m.pack")
    assert result.output == "m did not become m.pack, and nothing is left of it: no room\n"


def test_a_reset_ends_a_packing(ground, served):
    begin_packing(served, PACKING_FORGOTTEN, octets=77)
    result = ground("model", "pack", "m", "m.pack", "--timeout", "60")
    assert result.exit_code == 1
    assert result.output == "a reset fell into packing or unpacking a model; 77 octets that were written are removed\n"


def test_a_model_that_could_not_be_packed_fails_and_says_why(ground, served):
    begin_packing(served, PACKING_FAILED, name="m", destination="m.pack", reason="no room")
    result = ground("model", "pack", "m", "m.pack")
    assert result.exit_code == 1
    assert result.output == "m did not become m.pack, and nothing is left of it: no room\n"
    assert "m2 within 0.3 s" in ground("model", "pack", "m", "m2", "--timeout", "0.3").output
