"""Stored telemetry through the whole stack: gaps in contact, frames lost, a reboot; then the ground has all of it."""

import contextlib
import dataclasses
import hashlib
import json
import sqlite3

import msgspec

from ccsds.pus.telemetry import Telemetry
from flight.storage.packet_store import PacketStore
from ground.archive.history import History
from hil.run.run import prepare_folder
from hil.scenario.scenario import parse_scenario
from hil.world import World
from mission.storage import StoreId

TEXT = """
name = "storage"
duration_s = DURATION
[spacecraft]
corpora = []
[link]
profile = "serial"
security = "none"
up = { delay_s = 0.1, frame_loss = 0.02, frame_loss_burst = 1 }
down = { delay_s = 0.1, frame_loss = 0.02, frame_loss_burst = 1 }
PASSES
FAULTS
[[procedure]]
command = "housekeeping.enable"
arguments = { structures = [1] }
[[procedure]]
wait_s = 1e7
"""
PLAN = "".join(f"[[link.passes]]\nat_s = {at_s}\nduration_s = 200\n" for at_s in (100, 10_000, 30_000))
REBOOT = '[[faults]]\nkind = "reboot_spacecraft"\nat_s = 20000\ndown_s = 30\n'
FAST = "[[link.passes]]\nat_s = 0\nduration_s = 60\n[[link.passes]]\nat_s = 6000\nduration_s = 200\n"


def identity_of(packet):
    bare = msgspec.structs.replace(Telemetry.decode(packet), sequence_count=0, message_counter=0)
    return hashlib.sha256(bare.encode()).digest()[:8]


def fly(folder, monkeypatch, *, duration_s, plan, faults="", octets=None):
    """Run a scenario; give the world, and by store the identity of each packet that was ever durable, by number."""
    text = TEXT.replace("DURATION", str(duration_s)).replace("PASSES", plan).replace("FAULTS", faults)
    prepare_folder(folder, force=False)
    world = World(parse_scenario(text, "storage"), 5, folder, {}, lambda source, event: None)
    if octets is not None:
        end = world.spacecraft
        end._config = dataclasses.replace(end._config, store_octets=octets)
    written = {store: {} for store in StoreId}
    append = PacketStore._append

    def appended(self, batch, payload):
        append(self, batch, payload)
        for number, packet in batch.items():
            identity = identity_of(packet)
            assert written[self.store].setdefault(number, identity) == identity, f"number {number} was given twice"

    monkeypatch.setattr(PacketStore, "_append", appended)
    world.run()
    return world, written


def archived(folder):
    """Give the identities of the reports in the archive, and the places in stores that they are known to have."""
    with contextlib.closing(History.open(folder / "archive.sqlite")) as history:
        identities = {each.identity for each in history.reports.between()}
    with contextlib.closing(sqlite3.connect(folder / "archive.sqlite")) as connection:
        return identities, connection.execute("SELECT store, sequence FROM places").fetchall()


def events(folder, kind):
    logged = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [each for each in logged if each["type"] == kind]


def test_after_hours_of_gaps_losses_and_a_reboot_the_archive_is_complete(tmp_path, monkeypatch):
    world, written = fly(tmp_path / "run", monkeypatch, duration_s=30_200, plan=PLAN, faults=REBOOT)
    here, places = archived(tmp_path / "run")
    assert len(written[StoreId.HOUSEKEEPING]) > 5_000
    assert world.spacecraft.core._stores[StoreId.EVENTS].next > 256
    for store, packets in written.items():
        missing = [number for number, identity in packets.items() if identity not in here]
        # What was said in the very last seconds may have been lost, and there was no time to ask again.
        assert [number for number in missing if number < max(packets) - 20] == [], store
    assert len(places) == len(set(places)) > 5_000
    assert not [event for event in events(tmp_path / "run", "StoredPacketsGone") if event["gone"] == "OVERWRITTEN"]
    confirmations = [each for each in events(tmp_path / "run", "CommandIssued") if each["name"] == "storage.confirm"]
    assert 3 <= len(confirmations) < 60
    assert all(each["is_automatic"] for each in confirmations)


def test_the_ground_knows_exactly_what_a_store_that_was_too_small_has_overwritten(tmp_path, monkeypatch):
    octets = {StoreId.EVENTS: 1 << 20, StoreId.HOUSEKEEPING: 40_000}
    world, written = fly(tmp_path / "run", monkeypatch, duration_s=6_200, plan=FAST, octets=octets)
    here, _ = archived(tmp_path / "run")
    packets = written[StoreId.HOUSEKEEPING]
    missing = {number for number, identity in packets.items() if identity not in here and number < max(packets) - 20}
    told = set()
    for event in events(tmp_path / "run", "StoredPacketsGone"):
        if event["store"] == "HOUSEKEEPING" and event["gone"] == "OVERWRITTEN":
            assert event["count"] == event["last"] - event["first"] + 1
            told |= set(range(event["first"], event["last"] + 1))
    assert len(missing) > 300
    assert told == missing
    assert world.station.core.snapshot()["stores"]["housekeeping"]["overwritten"] == len(told)
    # Events are not pushed out by housekeeping.
    assert {identity for number, identity in written[StoreId.EVENTS].items() if number < 5} <= here
