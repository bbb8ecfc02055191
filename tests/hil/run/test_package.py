"""A team's classifier goes up in a signed package and retrains on board, also when its worker dies."""

import importlib.util
import math
from pathlib import Path

import pytest
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from safetensors.torch import load_file, save

from flight.jobs.compute_device import prepare_torch
from flight.jobs.package.package_job import PackageJob
from flight.jobs.package.protocol import Order
from flight.jobs.recipe import ExecutionRecipe, load_any_recipe
from flight.jobs.state import weights_sha256
from ground.package_signing import make_package, public_octets
from hil.run.corpora import find_corpora
from hil.run.run import prepare_folder
from hil.scenario.scenario import parse_scenario
from hil.world import World
from mission.packages import KEYS_NAME

EXAMPLE = Path(__file__).parents[3] / "tools/examples/image_classifier"
STEPS = 120

TEXT = f"""
name = "x"
duration_s = 4000
[spacecraft]
corpora = []
work = {{ step_s = 1 }}
[link]
profile = "sband"
security = "none"
EXTRA
[[procedure]]
put_file = "classifier.package"
[[procedure]]
wait_for_file = "classifier.package"
[[procedure]]
command = "job.submit"
arguments = {{ job_id = 1, recipe = "package", corpus = "files/classifier.package", seed = 3, steps = {STEPS} }}
EXPECT
"""

WAITS = """
[[procedure]]
wait_for_job = 1
[[procedure]]
command = "job.report"
arguments = { job_id = 1 }
"""


@pytest.fixture(scope="module")
def images():
    """Bars that stand, bars that lie, and squares, in noise."""
    generator = torch.Generator().manual_seed(1)
    labels_N = torch.randint(3, (200,), generator=generator)
    images_NHW = torch.randint(60, (200, 12, 12), generator=generator)
    for image_HW, label in zip(images_NHW, labels_N.tolist(), strict=True):
        x, y = torch.randint(1, 7, (2,), generator=generator).tolist()
        height, width = ((5, 2), (2, 5), (4, 4))[label]
        image_HW[y : y + height, x : x + width] += 150
    return save({"images": images_NHW.to(torch.uint8), "labels": labels_N})


@pytest.fixture
def files(images):
    code = (EXAMPLE / "image_classifier.py").read_bytes()
    return {"image_classifier.py": code, "images.safetensors": images}


def fly(folder, files, extra="", expect=WAITS, known=True):
    scenario = parse_scenario(TEXT.replace("EXTRA", extra).replace("EXPECT", expect), "x")
    prepare_folder(folder, force=False)
    world = World(scenario, 1, folder, find_corpora(scenario), lambda source, event: None)
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    spacecraft, station = world.file_roots
    if known:
        (spacecraft.parent / KEYS_NAME).write_text(f"{public_octets(key).hex()} the team\n")
    package = make_package((EXAMPLE / "package.toml").read_text(), files, key)
    station.mkdir(parents=True, exist_ok=True)
    (station / "classifier.package").write_bytes(package)
    return world, world.run()


def bare(directory, files):
    """Run the example without spacecraft, link or worker."""
    directory.mkdir()
    for path, data in files.items():
        (directory / path).write_bytes(data)
    recipe = load_any_recipe("package").override(f"training.steps = {STEPS}")
    prepare_torch(ExecutionRecipe(threads=1, inexact=False))
    spec = importlib.util.spec_from_file_location("image_classifier", directory / "image_classifier.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    order = Order(directory=directory, seed=3, steps=STEPS, threads=1)
    job = PackageJob(recipe, module.Classifier(order))
    for _ in range(STEPS):
        job.step()
    return job


def test_a_classifier_retrains_on_board_and_a_killed_worker_changes_no_bit_of_it(tmp_path, files):
    expected = bare(tmp_path / "bare", files)
    world, evidence = fly(tmp_path / "run", files, '[[faults]]\nkind = "kill_worker"\njob_step = 25\n')
    assert world.procedure.is_done, world.procedure.failures
    report = evidence.job_reports[1]
    assert (report["state"], report["step"], report["worker_restarts"]) == ("DONE", STEPS, 1)
    assert report["weights_sha256"] == expected.weights_sha256()
    # It has learned: who guesses among three has a loss of log 3.
    assert report["validation_loss"] == pytest.approx(expected.evaluate())
    assert report["validation_loss"] < 0.5 * math.log(3)
    weights = load_file(tmp_path / "run/store/jobs/1/model.safetensors")
    assert weights_sha256(weights) == report["weights_sha256"]


def test_a_package_of_a_key_that_the_spacecraft_does_not_know_is_refused_over_the_link(tmp_path, files):
    _, evidence = fly(tmp_path / "run", files, expect="", known=False)
    (submitted,) = [each for each in evidence.commands.values() if each["name"] == "job.submit"]
    assert "expected a known one: none" in repr(submitted)
    assert 1 not in evidence.job_reports
    assert not (tmp_path / "run/store/jobs").exists()
