"""How the `flight` program ends: which status a supervisor sees, and what is kept for the ground."""

import errno
import os
import signal

import pytest
from click.testing import CliRunner

from ccsds.errors import MisuseError
from flight.__main__ import BAD_INPUT_STATUS, CRASH_STATUS, main
from flight.books.mode import ModeChanged
from flight.configuration import Configuration
from flight.disk import RealDisk
from flight.ledger import Ledger
from flight.spacecraft import Spacecraft
from flight.survival.slots import SlotStore, Trigger
from mission.boots import ResetReason
from mission.modes import Mode, ModeCause
from mission.slots import SlotKind


def fly(tmp_path, link="pty:"):
    return CliRunner().invoke(
        main, ["--link", link, "--store", str(tmp_path / "store"), "--insecure", "--corpus", str(corpus(tmp_path))]
    )


def corpus(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("to be or not to be\n" * 100)
    return path


@pytest.mark.parametrize("error", [MisuseError("nothing fits"), OSError(5, "I/O error"), KeyError("lost")])
def test_an_exception_of_the_running_software_is_a_crash_that_the_ground_can_read(tmp_path, monkeypatch, error):
    def fail(self):
        raise error

    monkeypatch.setattr(Spacecraft, "take_events", fail)
    result = fly(tmp_path)
    assert result.exit_code == CRASH_STATUS
    kept = Ledger(RealDisk(tmp_path / "store")).boots.exceptions[-1].text
    assert kept.endswith(f"{type(error).__name__}: {error}")


def test_an_exception_where_a_worker_is_heard_is_a_crash_too(tmp_path, monkeypatch):
    take_events = Spacecraft.take_events

    def lose_a_worker(self):
        worker = self._engine._worker
        if worker._process.pid is None:
            worker.launch()
            os.kill(worker._process.pid, signal.SIGKILL)
        return take_events(self)

    def fail(self, reason, now_ns):
        raise KeyError("lost")

    monkeypatch.setattr(Spacecraft, "take_events", lose_a_worker)
    monkeypatch.setattr(Spacecraft, "worker_lost", fail)
    assert fly(tmp_path).exit_code == CRASH_STATUS
    assert Ledger(RealDisk(tmp_path / "store")).boots.exceptions[-1].text.endswith("KeyError: 'lost'")


def test_a_bit_that_flips_in_memory_ends_the_software_and_the_next_start_is_told_why(tmp_path, monkeypatch):
    take_events = Spacecraft.take_events

    def strike(self):
        self._ledger.mode.latest = ModeChanged(Mode.SAFE, ModeCause.START)
        self._scrubber._books_ns = 0
        return take_events(self)

    monkeypatch.setattr(Spacecraft, "take_events", strike)
    assert fly(tmp_path).exit_code == CRASH_STATUS
    boots = Ledger(RealDisk(tmp_path / "store")).boots
    assert boots.ended is ResetReason.MEMORY
    assert "StruckBookError: expected the book of mode as its last change left it" in boots.exceptions[-1].text


def test_a_store_that_is_no_folder_is_bad_input(tmp_path):
    (tmp_path / "store").write_text("a file")
    result = fly(tmp_path)
    assert result.exit_code == BAD_INPUT_STATUS
    assert result.output.count("\n") == 1


def test_a_device_that_cannot_be_is_bad_input(tmp_path):
    (tmp_path / "link").write_text("somebody's file")
    result = fly(tmp_path, f"pty:{tmp_path / 'link'}")
    assert result.exit_code == BAD_INPUT_STATUS
    assert "flight: link URL" in result.output
    assert (tmp_path / "link").read_text() == "somebody's file"


class Fed:
    """A watchdog that notes what is done to it."""

    period_ns = 10**9
    was_bitten = False
    closed = 0

    def feed(self):
        pass

    def close(self):
        self.closed += 1


def test_a_full_store_with_a_configuration_on_trial_keeps_nobody_from_starting(tmp_path, monkeypatch):
    store = SlotStore(RealDisk(tmp_path / "store"))
    store.install(SlotKind.CONFIGURATION, b'call_sign = "TRIAL"')
    store.keep(SlotKind.CONFIGURATION, store.state(SlotKind.CONFIGURATION).follow(Trigger.ACTIVATE))
    seen = []

    def full(self, path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    def stop(self):
        seen.append(self._config)
        raise KeyError("far enough")

    monkeypatch.setattr(RealDisk, "append", full)
    monkeypatch.setattr(Spacecraft, "take_events", stop)
    assert fly(tmp_path).exit_code == CRASH_STATUS
    (config,) = seen
    assert config.configuration.call_sign == Configuration().call_sign
    assert config.slots[SlotKind.CONFIGURATION].reason == "the store failed: No space left on device"


def test_what_ends_the_program_before_it_flies_lets_go_of_the_watchdog(tmp_path, monkeypatch):
    watchdog = Fed()
    monkeypatch.setattr("flight.__main__.open_watchdog", lambda name, environment: watchdog)

    def fail(slots, dictionary):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("flight.__main__.configure", fail)
    assert fly(tmp_path).exit_code == BAD_INPUT_STATUS
    assert watchdog.closed == 1
