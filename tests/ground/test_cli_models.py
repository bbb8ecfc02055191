"""``ground pack``, ``unpack`` and ``plan-transfer``: a model there and back by hand, and what is said of bad input."""

import json

import pytest
from click.testing import CliRunner

from ground.__main__ import main
from ground.transfer_plan import plan_transfer
from mission.profiles import PROFILES
from tests.packing.conftest import model


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "base.safetensors").write_bytes(model())
    (tmp_path / "new.safetensors").write_bytes(model(moved=1e-3))
    return tmp_path


def ground(*arguments, status=0):
    result = CliRunner().invoke(main, [str(each) for each in arguments])
    assert result.exit_code == status, result.output
    return result.output


@pytest.mark.parametrize("base", [False, True])
def test_a_model_goes_there_and_comes_back(folder, base):
    extra = ["--base", folder / "base.safetensors"] if base else []
    told = json.loads(ground("pack", folder / "new.safetensors", folder / "new.pack", *extra, "--json"))
    assert told["packed_octets"] == (folder / "new.pack").stat().st_size < told["octets"]
    assert "exact" in ground("unpack", folder / "new.pack", folder / "back.safetensors", *extra)
    assert (folder / "back.safetensors").read_bytes() == (folder / "new.safetensors").read_bytes()


def test_layers_that_arrived_in_part_make_a_model_and_say_how_far_they_got(folder):
    base = ["--base", folder / "base.safetensors"]
    ground("pack", folder / "new.safetensors", folder / "new.pack", *base, "--layers")
    told = (folder / "new.pack").read_bytes()
    (folder / "part.pack").write_bytes(told[: len(told) // 2])
    found = json.loads(ground("unpack", folder / "part.pack", folder / "part.safetensors", *base, "--json"))
    assert 0 < found["layers"] < found["layers_in_all"]
    assert 0 < found["error"] < 1


def test_what_is_damaged_leaves_no_file_and_says_where(folder):
    ground("pack", folder / "new.safetensors", folder / "new.pack")
    told = (folder / "new.pack").read_bytes()
    (folder / "new.pack").write_bytes(told[:-100])
    output = ground("unpack", folder / "new.pack", folder / "back.safetensors", status=2)
    assert "expected" in output and "octets of a block at octet" in output
    assert sorted(path.name for path in folder.iterdir()) == ["base.safetensors", "new.pack", "new.safetensors"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pack", "missing", "x"], "missing: expected a readable file, found No such file"),
        (["pack", "{folder}/new.safetensors", "x", "--layers"], "--layers: expected --base as well"),
        (["unpack", "{folder}/new.safetensors", "x"], "packed file: expected it to begin with STPK"),
        (["plan-transfer", "{folder}/new.safetensors", "--profile", "laser"], "unknown link profile 'laser'"),
    ],
)
def test_bad_input_is_one_line(folder, arguments, message):
    output = ground(*(each.format(folder=folder) for each in arguments), status=2)
    assert output.startswith("ground: ") and message in output and output.count("\n") == 1


def test_a_plan_says_what_fits_in_a_pass(folder):
    rows = json.loads(ground("plan-transfer", folder / "new.safetensors", "--json"))
    assert {(row["profile"], row["direction"]) for row in rows} == {
        (name, way) for name in PROFILES for way in ("up", "down")
    }
    assert "sband" in ground("plan-transfer", folder / "new.safetensors")
    (up, down) = plan_transfer(10_000_000, [PROFILES["sband"]], pass_s=420, passes_a_day=4, share=1.0)
    assert down.useful_octets_s == pytest.approx(1e6 / 8 * 1065 / 1279, rel=0.02)
    assert down.passes == 1 and up.passes > 3
    assert up.passes == -(-10_000_000 // up.octets_a_pass)


def test_a_pass_that_is_shorter_than_a_round_trip_carries_nothing():
    up, _ = plan_transfer(1, [PROFILES["sband"]], pass_s=0.5, passes_a_day=4, share=1.0)
    assert (up.octets_a_pass, up.passes) == (0, 0)
