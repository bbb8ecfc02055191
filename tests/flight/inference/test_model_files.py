"""What a model in the store is, and the many things that are none: each is refused by name, before it is loaded."""

import json

import pytest

from ccsds.errors import MisuseError
from flight.disk import RealDisk
from flight.inference.model_files import look_at, models_in, path_of
from mission.inference import ModelKind

CONFIG = {"architectures": ["Gemma3ForCausalLM"], "max_position_embeddings": 128}
DIRECTORY = "files/gemma"


def tensors(name="a", octets=8):
    header = json.dumps({name: {"dtype": "F32", "shape": [octets // 4], "data_offsets": [0, octets]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(octets)


GOOD = {
    "config.json": json.dumps(CONFIG).encode(),
    "tokenizer.json": b'{"model": {}}\n',
    "model.safetensors": tensors(),
}
SHARDS = {
    "config.json": GOOD["config.json"],
    "tokenizer.json": GOOD["tokenizer.json"],
    "model-00001-of-00002.safetensors": tensors("a"),
    "model-00002-of-00002.safetensors": tensors("b"),
    "model.safetensors.index.json": json.dumps(
        {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    ).encode(),
}


@pytest.fixture
def disk(tmp_path):
    return RealDisk(tmp_path)


def lay(disk, files):
    for name, octets in files.items():
        if octets is not None:
            disk.append(f"{DIRECTORY}/{name}", octets)
    return disk


@pytest.mark.parametrize("files", [GOOD, SHARDS], ids=["one file", "shards"])
def test_a_directory_of_a_causal_language_model_is_one(disk, files):
    facts = look_at(lay(disk, files), DIRECTORY)
    assert (facts.kind, facts.context) == (ModelKind.LANGUAGE_MODEL, 128)
    assert facts.length_octets == 8 * sum(name.endswith(".safetensors") for name in files)
    assert len(facts.files) == len(files)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"pytorch_model.bin": b"\x80"}, "a pickle, which is never loaded"),
        ({"model.safetensors": None, "model.pt": b"\x80"}, "a pickle, which is never loaded"),
        ({"modeling_own.py": b"import os"}, "expected nothing but the files of a model"),
        ({"config.json": None}, "expected config.json, found none"),
        ({"tokenizer.json": None}, "expected tokenizer.json, found none"),
        ({"model.safetensors": None}, "found neither"),
        ({"model.safetensors": tensors()[:-1]}, "expected 77 octets, found 76"),
        ({"model.safetensors": tensors()[:20]}, "expected the length of a header"),
        ({"model.safetensors": tensors() + b"x"}, "expected 77 octets, found 78"),
        ({"model.safetensors": b"\x80\x04pickled"}, "a pickle, which is never loaded"),
        ({"model.safetensors": b""}, "expected the length of a header"),
        ({"tokenizer.json": b'{"model": {'}, "cut off"),
        ({"tokenizer.json": b""}, "cut off"),
        ({"config.json": b'{"architectures": ['}, "expected a JSON object"),
        ({"config.json": b"[]"}, "expected a JSON object"),
        ({"config.json": b'{"a": ' + b"[" * 100_000}, "expected a JSON object"),
        ({"config.json": json.dumps({**CONFIG, "auto_map": {}}).encode()}, "brings code"),
        (
            {"config.json": json.dumps({**CONFIG, "architectures": ["ViT"]}).encode()},
            "expected a causal language model",
        ),
        ({"config.json": json.dumps({"architectures": CONFIG["architectures"]}).encode()}, "max_position_embeddings"),
    ],
)
def test_a_directory_with_anything_wrong_is_refused(disk, changes, reason):
    lay(disk, {**GOOD, **changes})
    with pytest.raises(MisuseError, match=reason):
        look_at(disk, DIRECTORY)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model-00002-of-00002.safetensors": None}, "expected the shards"),
        ({"model-00003-of-00003.safetensors": tensors("c")}, "expected the shards"),
        ({"model-00002-of-00002.safetensors": tensors("c")}, "expected tensor b, found none"),
        ({"model.safetensors.index.json": b"{}"}, "expected a weight_map"),
        ({"model.safetensors.index.json": None}, "expected model.safetensors, or"),
    ],
)
def test_shards_that_do_not_fit_together_are_refused(disk, changes, reason):
    lay(disk, {**SHARDS, **changes})
    with pytest.raises(MisuseError, match=reason):
        look_at(disk, DIRECTORY)


def test_every_truncation_of_the_weights_is_seen(disk):
    whole = GOOD["model.safetensors"]
    for length in range(len(whole)):
        path = f"files/cut{length}/model.safetensors"
        disk.append(path, whole[:length])
        with pytest.raises(MisuseError):
            look_at(disk, path)


def test_a_link_that_leads_out_is_refused(disk, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "config.json"
    outside.write_bytes(GOOD["config.json"])
    lay(disk, {**GOOD, "config.json": None})
    (disk.root / DIRECTORY / "config.json").symlink_to(outside)
    with pytest.raises(MisuseError, match="a link that leads out"):
        look_at(disk, DIRECTORY)


def test_weights_of_nobody_are_refused(disk):
    disk.append("files/a.safetensors", tensors())
    with pytest.raises(MisuseError, match="the recipe and vocabulary of a job"):
        look_at(disk, "files/a.safetensors")


def test_what_is_not_there_is_refused(disk):
    with pytest.raises(MisuseError, match="found nothing"):
        look_at(disk, "files/a.safetensors")


@pytest.mark.parametrize(
    "name", ["", "/etc", "../keys", "a/../../b", "a//b", "./a", ".cfdp/a", "jobs/1/slot-a", "jobs"]
)
def test_a_name_that_no_model_has_is_refused(disk, name):
    with pytest.raises(MisuseError):
        path_of(disk, name)


def test_names_are_those_of_the_store_of_files(disk):
    assert path_of(disk, "gemma") == "files/gemma"
    assert path_of(disk, "jobs/7/model.safetensors") == "jobs/7/model.safetensors"


def test_models_are_found_by_what_they_are_made_of(disk):
    lay(disk, SHARDS)
    disk.append("jobs/3/model.safetensors", b"")
    disk.append("files/one.safetensors", b"")
    disk.append("files/notes.txt", b"")
    assert models_in(disk) == ["gemma", "jobs/3/model.safetensors", "one.safetensors"]
