"""Over the link: several conversations, a stop, limits, and models that cannot be served, each told with its reason."""

import json
import pickle

import safetensors.numpy
from numpy import zeros

from hil.run.corpora import find_corpora
from hil.run.run import prepare_folder
from hil.scenario.scenario import parse_scenario
from hil.world import World

from .test_chat import bare

HEAD = """
name = "chat"
duration_s = 5000
[spacecraft]
corpora = ["CORPUS"]
worker = "inline"
work = { step_s = 0.1, token_s = 0.5 }
[link]
profile = "sband"
security = "none"
[[procedure]]
command = "job.submit"
arguments = { job_id = 1, recipe = "tiny", corpus = "sheep", seed = 3, steps = 12 }
[[procedure]]
wait_for_job = 1
[[procedure]]
command = "model.activate"
arguments = { name = "jobs/1/model.safetensors" }
"""
COMMAND = '[[procedure]]\ncommand = "{name}"\narguments = {{ {arguments} }}\nmay_fail = true\n'
CONFIG = json.dumps({"architectures": ["Gemma3ForCausalLM"], "max_position_embeddings": 128}).encode()
WEIGHTS = safetensors.numpy.save({"a": zeros(600_000, "float32")})
TEXTS = {"config.json": CONFIG, "tokenizer.json": b'{"model": {}}'}


def prompt(conversation, turn=1, text="12 sheep", tokens_max=10):
    return COMMAND.format(
        name="chat.prompt",
        arguments=f'conversation = {conversation}, turn = {turn}, text = "{text}", seed = 7, tokens_max = {tokens_max}',
    )


def fly(folder, procedure, laid=()):
    corpus = folder / "sheep.txt"
    corpus.write_text("".join(f"{number} sheep and {number * 7 % 13} dogs\n" for number in range(400)))
    scenario = parse_scenario(HEAD.replace("CORPUS", str(corpus)) + procedure, "chat")
    prepare_folder(folder / "run", force=False)
    for name, octets in dict(laid).items():
        path = folder / "run" / "store" / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(octets)
    world = World(scenario, 1, folder / "run", find_corpora(scenario), lambda source, event: None)
    evidence = world.run()
    assert world.procedure.is_done, world.procedure.failures
    return evidence


def ends_of(evidence, name):
    """Give the last stage of each command of a name, with what was said of it, in order."""
    return [each["stages"][-1][1:] for each in evidence.commands.values() if each["name"] == name]


def test_conversations_go_on_beside_each_other_and_one_is_stopped(tmp_path):
    stop = COMMAND.format(name="chat.stop", arguments="conversation = 8")
    wait = "[[procedure]]\nwait_for_reply = {}\n"
    procedure = (
        prompt(5) + prompt(8, tokens_max=900) + prompt(8, 2) + prompt(5, 2, "3 dogs") + "[[procedure]]\nwait_s = 60\n"
    )
    evidence = fly(tmp_path, procedure + stop + wait.format(5) + wait.format(8))
    run = tmp_path / "run"
    five, eight = evidence.conversations["5"], evidence.conversations["8"]
    first = bare(run, "12 sheep", (), 10)
    assert [turn["reply"] for turn in five] == [first, bare(run, "3 dogs", (("12 sheep", first),), 10)]
    # So short a reply may be the same with and without what was said before: how much was read is not.
    assert five[1]["end"]["prompt_tokens"] == len("12 sheep" + first + "3 dogs")
    assert [turn["end"]["end"] for turn in eight] == ["STOPPED", "STOPPED"]
    whole = bare(run, "12 sheep", (), 900)
    assert 0 < len(eight[0]["reply"]) < len(whole)
    assert whole.startswith(eight[0]["reply"])
    assert eight[1]["reply"] == ""
    assert ends_of(evidence, "chat.stop") == [("COMPLETED", "")]


def test_prompts_beyond_the_limits_are_refused_with_the_reason_and_the_others_are_answered(tmp_path):
    many = "".join(prompt(number) for number in range(10, 26))
    beyond = prompt(5, 2, "1" * 33) + prompt(5, 2, "") + prompt(5, 1, "other")
    evidence = fly(tmp_path, prompt(5) + beyond + many + "[[procedure]]\nwait_for_reply = 5\n")
    ends = ends_of(evidence, "chat.prompt")
    assert ends[1:4] == [
        ("FAILED", "REFUSED, text: expected at most 32 characters, which the model sees, found 33"),
        ("FAILED", "REFUSED, text: expected a prompt, found none"),
        ("FAILED", "REFUSED, turn 1 of conversation 5 is another prompt already"),
    ]
    assert ends[0] == ends[18] == ("COMPLETED", "")
    assert ends[19] == (
        "FAILED", "REFUSED, expected fewer than 16 conversations, found 16; chat.forget gives one back"
    )  # fmt: skip
    turn = evidence.conversations["5"][0]
    assert turn["reply"] == bare(tmp_path / "run", "12 sheep", (), 10)


NEVER_LOADED = "expected weights as safetensors, found a pickle, which is never loaded"


def directory(name, **others):
    """A directory whose model is whole but for what is said."""
    files = {**TEXTS, "model.safetensors": WEIGHTS, **others}
    return {f"{name}/{file}": octets for file, octets in files.items() if octets is not None}


BAD = {
    "gone.safetensors": ({}, "expected a model, found nothing"),
    "cut.safetensors": ({"cut.safetensors": WEIGHTS[:-7]}, "expected 2400080 octets, found 2400073"),
    "foreign.safetensors": ({"foreign.safetensors": WEIGHTS}, "the recipe and vocabulary of a job, found neither"),
    "pickled.safetensors": ({"pickled.safetensors": pickle.dumps({"a": [1]})}, NEVER_LOADED),
    "zipped.safetensors": ({"zipped.safetensors": b"PK\x03\x04" + bytes(range(40))}, NEVER_LOADED),
    "model.pt": ({"model.pt": b"\x80\x04."}, "found a pickle, which is never loaded"),
    "no_config": (directory("no_config", **{"config.json": None}), "expected config.json, found none"),
    "no_weights": (directory("no_weights", **{"model.safetensors": None}), "found neither"),
    "bin": (directory("bin", **{"pytorch_model.bin": b"\x80\x04."}), NEVER_LOADED),
    "pickled": (directory("pickled", **{"model.safetensors": pickle.dumps([1], 2)}), NEVER_LOADED),
    "code": (directory("code", **{"own.py": b"1"}), "expected nothing but the files of a model, found another file"),
    "cut": (directory("cut", **{"model.safetensors": WEIGHTS[:-1]}), "expected 2400080 octets, found 2400079"),
    "no_text": (directory("no_text", **{"tokenizer.json": b"{"}), "one that is cut off, or another file"),
    "../keys": ({}, "expected the name of a model in the store, found '../keys'"),
    "large": (directory("large"), "a model that takes at most 2 MiB of memory, found one of 3 MiB"),
}


def test_models_that_cannot_be_served_are_refused_with_the_reason_and_the_one_that_is_goes_on(tmp_path):
    limit = COMMAND.format(name="parameter.set", arguments="values = { model_memory_max = 2 }")
    tries = "".join(COMMAND.format(name="model.activate", arguments=f'name = "{name}"') for name in BAD)
    laid = {path: octets for files, _ in BAD.values() for path, octets in files.items()}
    evidence = fly(tmp_path, limit + tries + prompt(5) + "[[procedure]]\nwait_for_reply = 5\n", laid)
    served, *ends = ends_of(evidence, "model.activate")
    assert served == ("COMPLETED", "")
    assert [(stage, reason in said) for (_, reason), (stage, said) in zip(BAD.values(), ends, strict=True)] == [
        ("FAILED", True)
    ] * len(BAD), ends
    (turn,) = evidence.conversations["5"]
    assert turn["reply"] == bare(tmp_path / "run", "12 sheep", (), 10)
