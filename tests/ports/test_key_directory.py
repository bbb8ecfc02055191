"""The directory of a key file: its permissions, its lock, and senders on it that are killed again and again."""

import os
import shutil

import pytest

from ccsds.errors import MisuseError
from ccsds.sdls.association import Link
from ccsds.sdls.key_file import End, generate_keys
from ccsds.sdls.key_store import KeyStore, Standing
from ccsds.sdls.security import Security
from ccsds.tc_frame import TcFrame, TcFrameKind
from ports.key_directory import KeyDirectory, create_key_file
from tools.bench.nonces import kill_senders

KILLS = 50
"""A slice of the thousand of `make campaign ONLY=link`."""


@pytest.fixture
def path(tmp_path):
    tmp_path.chmod(0o700)
    path = tmp_path / "ground.keys"
    create_key_file(path, generate_keys([(Link.TC, 0)], os.urandom)[End.GROUND].encode())
    return path


def opened(path):
    directory = KeyDirectory.open(path)
    return directory, KeyStore.open(directory, directory.name)


def send(store):
    return Security(store).sender.protect_tc(TcFrame(TcFrameKind.BD, 1, 0, 0, b"x")).data[:14]


def test_a_key_file_and_all_that_lies_beside_it_is_for_its_owner_alone(path):
    directory, store = opened(path)
    send(store)
    directory.close()
    assert {entry.name.split("-")[0]: entry.stat().st_mode & 0o777 for entry in path.parent.iterdir()} == {
        f"ground.keys{suffix}": 0o600 for suffix in ("", ".lock", ".state", ".seal")
    }


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_key_file_that_others_may_touch_is_refused(path, mode):
    path.chmod(mode)
    with pytest.raises(MisuseError, match=f"chmod 600.*, found mode {mode:o}"):
        KeyDirectory.open(path)


def test_a_directory_that_others_may_change_is_refused(path):
    path.parent.chmod(0o770)
    with pytest.raises(MisuseError, match="chmod go-w"):
        KeyDirectory.open(path)


def test_a_second_process_is_kept_out_until_the_first_lets_go(path):
    directory, _ = opened(path)
    with pytest.raises(MisuseError, match="found another process using them"):
        KeyDirectory.open(path)
    directory.close()
    assert opened(path)[1].standing is Standing.RESUMED


def test_keys_are_never_overwritten(path):
    with pytest.raises(MisuseError, match="never overwritten"):
        create_key_file(path, b"other")
    opened(path)[0].close()
    path.unlink()
    with pytest.raises(MisuseError, match="found the state of keys that were there"):
        create_key_file(path, b"other")


@pytest.mark.parametrize("copy", [shutil.copy, shutil.copy2])
def test_a_copy_of_the_files_is_found_out_and_the_original_is_not_harmed(path, tmp_path, copy):
    directory, store = opened(path)
    send(store)
    directory.close()
    shutil.copytree(path.parent, tmp_path / "copy", copy_function=copy)
    assert opened(tmp_path / "copy" / path.name)[1].standing is Standing.RESTORED
    assert opened(path)[1].standing is Standing.RESUMED


def test_a_moved_directory_is_no_copy(path, tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    create_key_file(home / "keys", path.read_bytes())
    directory, store = opened(home / "keys")
    send(store)
    directory.close()
    home.rename(tmp_path / "elsewhere")
    assert opened(tmp_path / "elsewhere" / "keys")[1].standing is Standing.RESUMED


def test_no_nonce_is_used_twice_over_kills_at_random_instants():
    found = kill_senders(KILLS, seed=2)
    assert (found["kills"], found["reused"], found["restored"]) == (KILLS, 0, 0)
    assert found["nonces"] > KILLS > found["kills_while_opening"]
