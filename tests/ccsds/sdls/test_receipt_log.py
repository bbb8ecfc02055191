"""The receipt log: windows move on with two operations of the disk, and none goes back, whatever happens."""

import errno
import itertools

import pytest

import ccsds.sdls.receipt_log
from ccsds.sdls.association import Link
from ccsds.sdls.key_file import End, generate_keys
from ccsds.sdls.key_state import KeyOperation
from ccsds.sdls.key_store import KeyStore
from ccsds.sdls.receipt_log import ReceiptLog
from ccsds.sdls.window import Receipt
from hil.disk.simulated_disk import PowerCut


def received(highest, spi=1):
    return Receipt(spi, highest, b"\x01")


@pytest.fixture
def opened(make_disk, draw):
    """Give a disk with the keys of a ground, and their store."""

    def make(name="keys", seed=1):
        disk = make_disk(name, seed)
        disk.append("keys", generate_keys([(Link.TC, 0), (Link.TM, 0)], draw)[End.GROUND].encode())
        disk.fsync("keys")
        disk.fsync("")
        return disk, KeyStore.open(disk, "keys")

    return make


def windows(store):
    return {receipt.spi: receipt.highest for receipt in store.receipts}


def test_windows_are_read_again_from_the_state_and_its_log(opened):
    disk, store = opened()
    store.remember([received(1), received(5, spi=9)])
    store.remember([received(2), received(5, spi=9)])
    again = KeyStore.open(disk, "keys")
    assert windows(again) == {1: 2, 9: 5}
    again.remember([received(3)])
    assert windows(KeyStore.open(disk, "keys")) == {1: 3, 9: 5}


def test_a_record_takes_an_append_and_a_sync_and_the_same_windows_take_nothing(opened):
    disk, store = opened()
    store.remember([received(1)])
    before = disk.operations
    store.remember([received(2)])
    assert disk.operations == before + 2
    store.remember([received(2)])
    assert disk.operations == before + 2


def test_a_new_state_takes_the_log_in_and_lets_it_go(opened, monkeypatch):
    monkeypatch.setattr(ccsds.sdls.receipt_log, "RECORDS_MAX", 3)
    disk, store = opened()
    for highest in range(1, 12):
        store.remember([received(highest)])
        assert len(disk.list()) <= 4
    assert windows(KeyStore.open(disk, "keys")) == {1: 11}
    store.operate(2, KeyOperation.ACTIVATE, lambda spi: True)
    assert len(disk.list()) == 3
    assert windows(KeyStore.open(disk, "keys")) == {1: 11}


def test_no_window_that_was_remembered_goes_back_at_a_power_cut_at_any_operation(opened, monkeypatch):
    monkeypatch.setattr(ccsds.sdls.receipt_log, "RECORDS_MAX", 3)
    for operation, seed in itertools.product(range(1, 41), range(3)):
        disk, store = opened(f"cut-{operation}-{seed}", seed)
        disk.cut_at(disk.operations + operation)
        remembered = 0
        try:
            for highest in range(1, 30):
                if highest == 8:
                    store.reserve(1, 100)
                store.remember([received(highest)])
                remembered = highest
        except PowerCut:
            disk.power_on()
        for _ in range(2):
            store = KeyStore.open(disk, "keys")
            assert remembered <= windows(store).get(1, 0) <= remembered + 1
        # What comes after a torn end is not lost behind it.
        for highest in range(30, 36):
            store.remember([received(highest)])
            disk.power_cut()
            disk.power_on()
            store = KeyStore.open(disk, "keys")
            assert windows(store) == {1: highest}


def test_after_a_failure_the_state_is_written_instead(opened, monkeypatch):
    disk, store = opened()
    store.remember([received(1)])

    def fail(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    for name in ("append", "fsync", "rename"):
        with monkeypatch.context() as patched:
            patched.setattr(disk, name, fail if name == "append" else lambda *_: fail(None, None))
            with pytest.raises(OSError, match="No space"):
                (store.remember([received(2)]) if name != "rename" else store.reserve(1, 1_000))
        assert windows(store) == {1: 1}
    store.remember([received(3)])
    assert windows(KeyStore.open(disk, "keys")) == {1: 3}


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_log_cut_or_struck_anywhere_gives_the_whole_records_before_and_takes_no_more(make_disk, cut):
    disk = make_disk()
    log = ReceiptLog(disk, "log")
    for highest in range(1, 4):
        log.append([received(highest)])
    data = disk.read("log")
    octets = len(data) // 3
    for name, held in (("cut", data[:-cut]), ("struck", data[: cut - 1] + bytes([data[cut - 1] ^ 4]) + data[cut:])):
        disk.append(name, held)
        read = ReceiptLog.read(disk, name)
        whole = (len(data) - cut) // octets if name == "cut" else (cut - 1) // octets
        assert [receipt.highest for receipt in read.receipts] == list(range(1, whole + 1))
        assert read.takes_more is (len(held) == whole * octets)


def test_nothing_is_logged_beside_a_state_that_may_have_been_replaced(opened, monkeypatch):
    disk, store = opened()
    store.remember([received(1)])
    synced, sync = [], disk.fsync

    def fail_after_the_rename(path):
        synced.append(path)
        if synced.count("") == 2:
            raise OSError(errno.EIO, "Input/output error")
        sync(path)

    with monkeypatch.context() as patched:
        patched.setattr(disk, "fsync", fail_after_the_rename)
        with pytest.raises(OSError, match="Input"):
            store.reserve(1, 1_000)
    store.remember([received(2)])
    assert windows(KeyStore.open(disk, "keys")) == {1: 2}
