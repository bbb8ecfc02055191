"""The key store: no counter is used twice whatever happens, and a copy or a backup is found out."""

import itertools
import shutil

import pytest

import ccsds.sdls.sender
from ccsds.errors import MalformedError, MisuseError
from ccsds.sdls.association import Link, Suite
from ccsds.sdls.key_file import End, KeyFile, generate_keys
from ccsds.sdls.key_state import KeyOperation, KeyState
from ccsds.sdls.key_store import KeyStore, Standing
from ccsds.sdls.security import Security
from ccsds.sdls.sender import RESERVED_FRAMES
from ccsds.tc_frame import TcFrame, TcFrameKind
from hil.disk.simulated_disk import PowerCut
from hil.streams import Streams

CUTS_AT_CHANCE = 1_000


def put_keys(disk, draw, **options):
    disk.append("keys", generate_keys([(Link.TC, 0)], draw, **options)[End.GROUND].encode())
    disk.fsync("keys")
    disk.fsync("")


def nonce(security):
    """Send a frame, and give the key and the counter that it went under."""
    data = security.sender.protect_tc(TcFrame(TcFrameKind.BD, 0x2A, 0, 0, b"x")).data
    return data[:2], data[2:14]


def state_of(store, spi):
    return store.ring.record(spi).state


def test_a_store_is_fresh_once_and_resumed_from_then_on(make_disk, draw):
    disk = make_disk()
    put_keys(disk, draw)
    assert KeyStore.open(disk, "keys").standing is Standing.FRESH
    assert KeyStore.open(disk, "keys").standing is Standing.RESUMED
    assert KeyFile.decode(disk.read("keys")).claimed


def test_counters_go_on_behind_the_block_that_was_set_aside(make_disk, draw):
    disk = make_disk()
    put_keys(disk, draw)
    first = [nonce(Security(KeyStore.open(disk, "keys"))) for _ in range(4)]
    assert [int.from_bytes(counter, "big") for _, counter in first] == [index * RESERVED_FRAMES for index in range(4)]


def test_one_durable_write_serves_a_block_of_frames(make_disk, draw):
    disk = make_disk()
    put_keys(disk, draw)
    security = Security(KeyStore.open(disk, "keys"))
    nonce(security)
    before = disk.operations
    for _ in range(RESERVED_FRAMES - 1):
        nonce(security)
    assert disk.operations == before
    nonce(security)
    assert before < disk.operations <= before + 10


def test_only_one_seal_is_left_however_often_the_store_is_written(make_disk, draw, monkeypatch):
    monkeypatch.setattr(ccsds.sdls.sender, "RESERVED_FRAMES", 3)
    disk = make_disk()
    put_keys(disk, draw)
    security = Security(KeyStore.open(disk, "keys"))
    for _ in range(15):
        nonce(security)
    assert len([name for name in disk.list() if ".seal-" in name]) == 1
    assert len(disk.list()) == 3


def test_a_power_cut_at_every_disk_operation_repeats_no_nonce_and_spends_no_key(make_disk, draw, monkeypatch):
    # Blocks of three, so that a few frames make many reservations.
    monkeypatch.setattr(ccsds.sdls.sender, "RESERVED_FRAMES", 3)
    for operation, seed in itertools.product(range(1, 61), range(2)):
        disk = make_disk(f"cut-{operation}-{seed}", seed)
        put_keys(disk, draw)
        used = []
        disk.cut_at(disk.operations + operation)
        for _ in range(2):
            try:
                security = Security(KeyStore.open(disk, "keys"))
                assert security.standing is not Standing.RESTORED
                for _ in range(14):
                    used.append(nonce(security))
            except PowerCut:
                disk.power_on()
        assert len(used) >= 14
        assert len(set(used)) == len(used)


def test_a_thousand_power_cuts_at_chance_repeat_no_nonce_and_spend_no_key(make_disk, draw, monkeypatch):
    monkeypatch.setattr(ccsds.sdls.sender, "RESERVED_FRAMES", 3)
    disk = make_disk()
    put_keys(disk, draw)
    chance = Streams(5).block("cuts", 0)
    used = []
    for _ in range(CUTS_AT_CHANCE):
        disk.cut_at(disk.operations + int(chance.integers(1, 40)))
        with pytest.raises(PowerCut):
            security = Security(KeyStore.open(disk, "keys"))
            assert security.standing is not Standing.RESTORED
            while True:
                used.append(nonce(security))
        disk.power_on()
    assert len(used) > 2 * CUTS_AT_CHANCE
    assert len(set(used)) == len(used)


def copy_away(disk, name):
    aside = disk.root.with_name(name)
    shutil.copytree(disk.root, aside, copy_function=shutil.copy2)
    return aside


def test_a_copied_store_spends_the_keys_that_it_sent_under(make_disk, draw):
    disk = make_disk()
    put_keys(disk, draw)
    nonce(Security(KeyStore.open(disk, "keys")))
    copy_away(disk, "copy")
    copied = KeyStore.open(make_disk("copy"), "keys")
    assert copied.standing is Standing.RESTORED
    assert state_of(copied, 1) is KeyState.SPENT
    assert state_of(copied, 2) is KeyState.PREACTIVE
    assert KeyStore.open(disk, "keys").standing is Standing.RESUMED


def test_a_backup_put_back_in_place_is_found_out_even_if_it_is_of_the_same_run(make_disk, draw):
    disk = make_disk()
    put_keys(disk, draw)
    security = Security(KeyStore.open(disk, "keys"))
    nonce(security)
    backup = disk.locate("keys.state").read_bytes()
    for _ in range(RESERVED_FRAMES):
        nonce(security)
    disk.locate("keys.state").write_bytes(backup)
    assert KeyStore.open(disk, "keys").standing is Standing.RESTORED


def test_a_state_that_is_lost_or_damaged_is_taken_as_restored(make_disk, draw):
    for name, harm in {"lost": lambda path: path.unlink(), "damaged": lambda path: path.write_bytes(b"{}")}.items():
        disk = make_disk(name)
        put_keys(disk, draw)
        nonce(Security(KeyStore.open(disk, "keys")))
        harm(disk.locate("keys.state"))
        store = KeyStore.open(disk, "keys")
        assert store.standing is Standing.RESTORED
        assert state_of(store, 1) is KeyState.SPENT


def test_a_restored_sender_sends_nothing_until_another_key_is_activated(make_disk, draw):
    disk = make_disk()
    put_keys(disk, draw)
    used = nonce(Security(KeyStore.open(disk, "keys")))
    disk.locate("keys.state").unlink()
    security = Security(KeyStore.open(disk, "keys"))
    assert not security.sends(Link.TC, 0)
    with pytest.raises(MisuseError, match="expected a key that sends on tc channel 0, found none"):
        nonce(security)
    with pytest.raises(MisuseError, match="expected a key that one can activate, found spent"):
        security.operate(1, KeyOperation.ACTIVATE)
    security.operate(8, KeyOperation.ACTIVATE)
    assert security.sends(Link.TC, 0)
    assert nonce(security) == (b"\0\x08", bytes(12)) != used
    assert KeyStore.open(disk, "keys").standing is Standing.RESUMED


def test_a_failed_reservation_sends_nothing_and_may_be_tried_again(make_disk, draw, monkeypatch):
    disk = make_disk()
    put_keys(disk, draw)
    security = Security(KeyStore.open(disk, "keys"))
    whole = disk.rename

    def full(old, new):
        raise OSError(28, "no space left")

    monkeypatch.setattr(disk, "rename", full)
    for _ in range(3):
        with pytest.raises(OSError, match="no space"):
            nonce(security)
    monkeypatch.setattr(disk, "rename", whole)
    assert nonce(security)[1] == bytes(12)
    assert security.counts["protected"] == 1
    assert len(disk.list()) == 3


def test_the_last_counter_is_used_and_none_after_it(make_disk, draw):
    disk = make_disk()
    put_keys(disk, draw, suite=Suite.AES_256_CMAC)
    store = KeyStore.open(disk, "keys")
    store.reserve(1, Suite.AES_256_CMAC.counter_max)
    security = Security(store)
    frame = TcFrame(TcFrameKind.BD, 0x2A, 0, 0, b"x")
    assert security.sender.protect_tc(frame).data[2:6] == b"\xff" * 4
    for _ in range(2):
        with pytest.raises(MisuseError, match="found all used: activate another key"):
            security.sender.protect_tc(frame)


def test_a_destroyed_key_leaves_the_file(make_disk, draw):
    disk = make_disk()
    put_keys(disk, draw)
    security = Security(KeyStore.open(disk, "keys"))
    entry = security._store.file.keys[1]
    security.operate(2, KeyOperation.DESTROY)
    file = KeyFile.decode(disk.read("keys"))
    assert file.keys[1].key == b""
    assert entry.key not in disk.read("keys")
    with pytest.raises(MisuseError, match="whose key is not destroyed, found 2"):
        security._store.key(2)


def test_a_destruction_that_was_cut_short_is_finished_at_the_next_start(make_disk, draw):
    for operation in itertools.count(1):
        disk = make_disk(f"destroy-{operation}")
        put_keys(disk, draw)
        store = KeyStore.open(disk, "keys")
        disk.cut_at(disk.operations + operation)
        try:
            store.operate(2, KeyOperation.DESTROY, lambda spi: True)
        except PowerCut:
            disk.power_on()
        else:
            break
        again = KeyStore.open(disk, "keys")
        assert again.standing is Standing.RESUMED
        assert (again.file.keys[1].key == b"") == (state_of(again, 2) is KeyState.DESTROYED)
    assert operation > 10


def test_a_state_of_another_key_set_and_a_damaged_key_file_are_refused(make_disk, draw):
    disk = make_disk()
    put_keys(disk, draw)
    KeyStore.open(disk, "keys")
    disk.remove("keys")
    put_keys(disk, draw)
    with pytest.raises(MisuseError, match="expected a state of key set"):
        KeyStore.open(disk, "keys")
    disk.append("keys", b" ")
    with pytest.raises(MalformedError, match="key file: expected checksum"):
        KeyStore.open(disk, "keys")
