"""Files of a station, against a bare CFDP entity behind real frames: both ways, with losses, and what is refused."""

import itertools
import random
from dataclasses import replace

import pytest

from ccsds.cfdp.codes import TransmissionMode
from ccsds.cfdp.memory_store import MemoryStore
from ccsds.errors import MisuseError
from ground.events import PacketRejected
from ground.files import PROGRESS_INTERVAL_NS, FilesHome, TransferAction, parse_transaction
from ground.station import Station
from ground.station_config import StationConfig
from ground.transfer_events import (
    PduRefused,
    TransferDirection,
    TransferFailed,
    TransferFinished,
    TransferProgressed,
    TransferResumed,
    TransferStarted,
    TransferSuspended,
)
from ground.transfer_options import TransferOptions
from mission.channels import Apid, Downlink
from mission.profiles import PROFILES, Contact
from tests.ground.far_end import FarEnd, FileLadder

CLASS_1 = TransferOptions(mode=TransmissionMode.UNACKNOWLEDGED)
CONTENT = random.Random(1).randbytes(60_000)


@pytest.fixture
def ladder() -> FileLadder:
    store = MemoryStore()
    store.pwrite("photo", 0, CONTENT)
    profile = replace(PROFILES["serial"], contact=Contact.MODEM)
    station = Station(StationConfig(profile=profile, source_id=1), files=FilesHome(store=store))
    return FileLadder(station, FarEnd(profile), store)


def dropping(share: float, seed: int):
    chance = random.Random(seed)
    return lambda octets: None if chance.random() < share else octets


def is_over(ladder: FileLadder):
    return lambda: bool(ladder.of(TransferFinished) or ladder.of(TransferFailed))


def test_a_file_goes_up_one_pdu_a_frame(ladder):
    transaction = ladder.station.put_file("photo", "pictures/photo", now_ns=0)
    assert ladder.run(60, is_over(ladder))
    assert ladder.far.store.read("pictures/photo") == CONTENT
    (started,), (finished,) = ladder.of(TransferStarted), ladder.of(TransferFinished)
    assert started.transaction == finished.transaction == str(transaction)
    assert finished.direction is TransferDirection.UP
    assert str(finished) == f"transfer {transaction} up 'photo' -> 'pictures/photo': finished, 60000 octets"
    assert ladder.run(5, lambda: not ladder.station.transfers())


def test_a_file_comes_down_and_is_under_its_name_only_when_whole(ladder):
    seen = []

    def carry(octets):
        seen.append("new" in ladder.store.list())
        return octets

    ladder.down = carry
    ladder.far.put(CONTENT, "source", "new")
    assert ladder.run(60, is_over(ladder))
    assert ladder.store.read("new") == CONTENT
    assert not any(seen[:-1])
    (finished,) = ladder.of(TransferFinished)
    assert finished.direction is TransferDirection.DOWN
    assert (finished.source_name, finished.destination_name, finished.size_octets) == ("source", "new", 60_000)


@pytest.mark.parametrize("seed", range(3))
def test_both_ways_at_once_over_a_line_that_loses_a_fifth(ladder, seed):
    ladder.up, ladder.down = dropping(0.2, seed), dropping(0.2, seed + 100)
    ladder.station.put_file("photo", "up", now_ns=0)
    ladder.far.put(CONTENT[::-1], "source", "down")
    assert ladder.run(200, lambda: len(ladder.of(TransferFinished)) == 2)
    assert ladder.far.store.read("up") == CONTENT
    assert ladder.store.read("down") == CONTENT[::-1]


def test_class_1_does_not_ask_again(ladder):
    ladder.station.put_file("photo", "up", CLASS_1, now_ns=0)
    assert ladder.run(60, lambda: "up" in ladder.far.store.list())
    (finished,) = ladder.of(TransferFinished)
    assert str(finished).endswith("finished, 60000 octets, unconfirmed")


def test_a_command_waits_for_one_frame_of_a_file_at_most(ladder):
    ladder.station.put_file("photo", "up", now_ns=0)
    assert ladder.run(10, lambda: len(ladder.far.pdus) > 10)
    ladder.station.command("test.connection", now_ns=ladder.now_ns)
    frames: list[bytes] = []
    ladder.up = lambda octets: frames.append(octets) or octets
    assert ladder.run(1, lambda: bool(ladder.far.telecommands))
    assert len(frames) == 1


def test_progress_is_told_at_a_bounded_rate(ladder):
    ladder.store.pwrite("large", 0, CONTENT * 8)
    ladder.station.put_file("large", "up", now_ns=0)
    assert ladder.run(60, is_over(ladder))
    times = [event.time_ns for event in ladder.of(TransferProgressed)]
    assert len(times) >= 2
    assert all(later - earlier >= PROGRESS_INTERVAL_NS for earlier, later in itertools.pairwise(times))
    done = [event.done_octets for event in ladder.of(TransferProgressed)]
    assert done == sorted(done)
    contact = [event.contact_ns for event in ladder.of(TransferProgressed)]
    assert all(b - a >= PROGRESS_INTERVAL_NS for a, b in itertools.pairwise(contact))


def test_a_transfer_stands_still_while_it_is_suspended(ladder):
    transaction = ladder.station.put_file("photo", "up", now_ns=0)
    assert ladder.run(10, lambda: len(ladder.far.pdus) > 10)
    ladder.station.act_on_transfer(TransferAction.SUSPEND, transaction, ladder.now_ns)
    before = len(ladder.far.pdus)
    ladder.run(10)
    assert len(ladder.far.pdus) == before
    assert ladder.station.transfers()[0]["is_suspended"]
    ladder.station.act_on_transfer(TransferAction.RESUME, transaction, ladder.now_ns)
    assert ladder.run(60, is_over(ladder))
    assert ladder.far.store.read("up") == CONTENT
    assert (len(ladder.of(TransferSuspended)), len(ladder.of(TransferResumed))) == (1, 1)


def test_a_transfer_that_is_cancelled_leaves_nothing_at_the_far_end(ladder):
    transaction = ladder.station.put_file("photo", "up", now_ns=0)
    assert ladder.run(10, lambda: len(ladder.far.pdus) > 10)
    ladder.station.act_on_transfer(TransferAction.CANCEL, transaction, ladder.now_ns)
    assert ladder.run(60, is_over(ladder))
    (failed,) = ladder.of(TransferFailed)
    assert str(failed).endswith("failed, cancel request received")
    assert ladder.far.store.list() == []
    with pytest.raises(MisuseError, match="expected a running transaction, found none"):
        ladder.station.act_on_transfer(TransferAction.CANCEL, transaction, ladder.now_ns)


def test_what_the_spacecraft_refuses_fails_with_its_reason(ladder):
    ladder.station.put_file("photo", "../photo", now_ns=0)
    assert ladder.run(60, is_over(ladder))
    (failed,) = ladder.of(TransferFailed)
    assert failed.condition.name == "FILESTORE_REJECTION"
    assert ladder.far.store.list() == []


def test_no_timer_goes_on_while_the_spacecraft_is_not_heard(ladder):
    ladder.station.put_file("photo", "up", now_ns=0)
    assert ladder.run(10, lambda: len(ladder.far.pdus) > 10)
    good = ladder.down
    blind: list[int] = []
    ladder.up = lambda octets: blind.append(ladder.now_ns)
    ladder.down = lambda octets: None
    ladder.far.contact(False, ladder.now_ns)
    before_ns = ladder.now_ns
    ladder.run(20)
    assert max(blind) <= before_ns + ladder.station.config.profile.silence_ns
    ladder.now_ns += 11 * 3_600_000_000_000
    ladder.run(1)
    assert ladder.of(TransferFailed) == []
    ladder.up = ladder.down = good
    ladder.far.contact(True, ladder.now_ns)
    assert ladder.run(60, is_over(ladder))
    assert ladder.far.store.read("up") == CONTENT


def test_packets_on_the_wrong_channel_are_refused_and_counted(ladder):
    ladder.far.say(bytes(20), apid=Apid.CORE)
    ladder.run(0.05)
    (refused,) = ladder.of(PacketRejected)
    assert str(refused).endswith("expected packets of CFDP on this channel, found APID 0x42")
    ladder.far.say(bytes(20), channel=Downlink.LIVE)
    ladder.run(0.05)
    assert str(ladder.of(PacketRejected)[-1]).endswith(
        "expected packets of PUS telemetry on this channel, found APID 0x7fd"
    )
    assert ladder.station.snapshot()["counters"]["packets_rejected"] == 2


def test_a_pdu_that_is_none_is_refused_and_harms_no_transfer(ladder):
    ladder.station.put_file("photo", "up", now_ns=0)
    for octets in (b"\x00", bytes(40), b"\x24" + bytes(30)):
        ladder.far.say(octets)
        ladder.run(0.02)
    assert len(ladder.of(PduRefused)) == 3
    assert sum(ladder.station.snapshot()["files"]["refused"].values()) == 3
    assert ladder.run(60, is_over(ladder))
    assert ladder.far.store.read("up") == CONTENT


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("nothing", "up"), "expected a file at 'nothing'"),
        (("../photo", "up"), "expected a plain path inside the store"),
        (("photo", "x" * 256), "expected a destination name of at most 255 octets, found 256"),
        (("photo", ""), "expected both file names or none, found one"),
    ],
)
def test_what_cannot_be_sent_is_refused_at_once(ladder, names, message):
    with pytest.raises(MisuseError, match=message):
        ladder.station.put_file(*names, now_ns=0)
    assert ladder.station.transfers() == []


def test_a_transfer_is_named_by_its_sender_and_its_number():
    assert str(parse_transaction("42-7")) == "42-7"
    for text in ("", "7", "a-7", "1-", "-1", "1-\u0663"):
        with pytest.raises(MisuseError, match="expected a transfer as ENTITY-NUMBER"):
            parse_transaction(text)
