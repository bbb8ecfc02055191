"""A job trains, its model is activated and asked, and answers over the link: with the signal lost in between."""

import pytest

from flight.disk import RealDisk
from flight.inference.job_model import load_job_model
from flight.inference.messages import Begin, Sampling
from flight.inference.reply import Reply
from hil.run.corpora import find_corpora
from hil.run.run import prepare_folder
from hil.scenario.scenario import parse_scenario
from hil.world import World

TEXT = """
name = "chat"
duration_s = 4000
[spacecraft]
corpora = ["CORPUS"]
worker = "inline"
work = { token_s = TOKEN }
[link]
profile = "sband"
security = "none"
passes = [{ at_s = 0, duration_s = 60 }, { at_s = 300, duration_s = 3000 }]
[[procedure]]
command = "job.submit"
arguments = { job_id = 1, recipe = "tiny", corpus = "sheep", seed = 3, overrides = 'OVERRIDES' }
[[procedure]]
wait_for_job = 1
[[procedure]]
command = "model.activate"
arguments = { name = "jobs/1/model.safetensors" }
[[procedure]]
command = "chat.prompt"
arguments = { conversation = 5, turn = 1, text = "12 sheep", seed = 7, tokens_max = 100 }
[[procedure]]
WAIT
[[procedure]]
command = "chat.prompt"
arguments = { conversation = 5, turn = 2, text = "3 dogs", seed = 7, tokens_max = 30 }
waits = false
[[procedure]]
wait_for_reply = 5
FAULTS
[expect]
replies_min = 2
"""


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "sheep.txt"
    path.write_text("".join(f"{number} sheep and {number * 7 % 13} dogs\n" for number in range(400)))
    return path


def fly(folder, corpus, faults="", wait="wait_until_s = 100", token="0.5", overrides=""):
    text = TEXT.replace("CORPUS", str(corpus)).replace("FAULTS", faults).replace("WAIT", wait).replace("TOKEN", token)
    text = text.replace("OVERRIDES", overrides)
    scenario = parse_scenario(text, "chat")
    prepare_folder(folder, force=False)
    world = World(scenario, 1, folder, find_corpora(scenario), lambda source, event: None)
    return world, world.run()


def bare(folder, text, turns, tokens):
    model = load_job_model(RealDisk(folder / "store"), "jobs/1/model.safetensors")
    sampling = Sampling(temperature=0.8, seed=7)
    prompt = Begin(turns=turns, telemetry="", text=text, tokens_max=tokens, octets_max=4096, sampling=sampling)
    return Reply(model, prompt).write(tokens)


def test_a_reply_outlives_a_loss_of_signal_and_a_prompt_waits_for_the_next_pass(tmp_path, corpus):
    folder = tmp_path / "run"
    world, evidence = fly(folder, corpus)
    assert world.procedure.is_done, world.procedure.failures
    turns = evidence.conversations["5"]
    assert [turn["is_whole"] for turn in turns] == [True, True]
    first = bare(folder, "12 sheep", (), 100)
    assert turns[0]["reply"] == first
    assert turns[1]["reply"] == bare(folder, "3 dogs", (("12 sheep", first),), 30)
    # At half a second a token the first was written while the signal was gone, and the second given while it was.
    assert len(evidence.contacts) == 2
    _, given = [each for each in evidence.commands.values() if each["name"] == "chat.prompt"]
    at_s = {stage: seconds for seconds, stage, _ in given["stages"]}
    assert at_s["QUEUED"] < 300 < at_s["RELEASED"]


@pytest.mark.parametrize("tokens", ["bytes", "bpe"])
def test_models_of_bytes_and_byte_pairs_answer_in_whole_characters(tmp_path, tokens):
    pytest.importorskip("tokenizers")
    corpus = tmp_path / "sheep.txt"
    corpus.write_text("".join(f"{number} овец и {number * 7 % 13} собак 😀\n" for number in range(400)))
    overrides = f'data = {{order = "random", tokens = "{tokens}", vocabulary = 300, validation = "last"}}'
    folder = tmp_path / "run"
    world, evidence = fly(folder, corpus, overrides=overrides)
    assert world.procedure.is_done, world.procedure.failures
    turns = evidence.conversations["5"]
    first = bare(folder, "12 sheep", (), 100)
    assert [turn["reply"] for turn in turns] == [first, bare(folder, "3 dogs", (("12 sheep", first),), 30)]
    assert all(turn["is_whole"] for turn in turns)
    # Some piece would have been cut within a character, had the tokens been told as they came.
    assert sum(len(each.encode()) > 1 for each in first.replace("\ufffd", "")) > 10


def test_equal_seeds_say_equal_things_to_the_octet(tmp_path, corpus):
    logs = []
    for name in ("one", "two"):
        fly(tmp_path / name, corpus)
        logs.append((tmp_path / name / "downlink.bin").read_bytes())
    assert logs[0] == logs[1]


def test_power_that_is_cut_while_a_reply_is_written_changes_no_word(tmp_path, corpus):
    faults = '[[faults]]\nkind = "reboot_spacecraft"\nat_s = 50\n'
    folder = tmp_path / "run"
    _, evidence = fly(folder, corpus, faults)
    turns = evidence.conversations["5"]
    assert turns[0]["is_whole"]
    assert turns[0]["reply"] == bare(folder, "12 sheep", (), 100)
    assert turns[0]["attempt"] > 1
