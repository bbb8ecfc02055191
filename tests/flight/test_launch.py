"""The launcher, with real processes: whatever the software of a slot does, the last good one comes back."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from flight.disk import RealDisk
from flight.survival.slots import TRIES_MAX, SlotStore, Trigger
from mission.slots import Slot, SlotKind
from tools.pack_software import pack

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def store(tmp_path):
    return SlotStore(RealDisk(tmp_path / "store"))


def launch(tmp_path, *arguments):
    return subprocess.run(
        [sys.executable, "-P", "-m", "flight.launch", f"--store={tmp_path / 'store'}", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def software(tmp_path, main):
    path = tmp_path / "software.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("flight/__init__.py", "")
        archive.writestr("flight/__main__.py", main)
    return path.read_bytes()


def try_out(store, data):
    store.install(SlotKind.SOFTWARE, data)
    store.keep(SlotKind.SOFTWARE, store.state(SlotKind.SOFTWARE).follow(Trigger.ACTIVATE))


@pytest.mark.parametrize(
    "main",
    ["raise ImportError('broken')", "import os\nos.kill(os.getpid(), 9)", "import sys\nsys.exit(4)"],
    ids=["raises", "is killed", "exits"],
)
def test_software_that_never_lives_is_left(store, tmp_path, main):
    try_out(store, software(tmp_path, main))
    for number in range(1, TRIES_MAX + 1):
        assert launch(tmp_path, "--help").returncode != 0
        assert store.state(SlotKind.SOFTWARE).tries == number
    ended = launch(tmp_path, "--help")
    assert ended.returncode == 0
    assert "Run the flight software on a link" in ended.stdout
    assert store.state(SlotKind.SOFTWARE).trial is Slot.BUILT_IN


def test_the_flight_software_of_this_checkout_runs_from_a_slot(store, tmp_path):
    pack(tmp_path / "software.zip")
    try_out(store, (tmp_path / "software.zip").read_bytes())
    ended = launch(tmp_path, "--link", "nonsense:", "--insecure")
    assert ended.returncode == 2
    assert "flight: link URL 'nonsense:'" in ended.stderr
    show = "import flight, os; print(flight.__file__); print(os.environ['STARLOOP_SOFTWARE_SLOT'])"
    try_out_main = software(tmp_path, show)
    store.keep(SlotKind.SOFTWARE, store.state(SlotKind.SOFTWARE).follow(Trigger.CONFIRM))
    try_out(store, try_out_main)
    ended = launch(tmp_path)
    assert "software-b.zip" in ended.stdout
    assert '"is_trial": true' in ended.stdout


def test_a_packed_software_is_the_same_each_time(tmp_path):
    assert pack(tmp_path / "one.zip") == pack(tmp_path / "two.zip")


def test_bad_input_is_refused_in_a_line(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "flight.launch", "--insecure"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr == "flight.launch: expected --store DIR among the arguments of flight, found none\n"
    (tmp_path / "store").write_text("")
    ended = launch(tmp_path)
    assert ended.returncode == 2
    assert "expected a directory, found a file" in ended.stderr
