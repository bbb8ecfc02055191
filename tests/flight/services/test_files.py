"""ST[23] and CFDP on board: files down and up through the whole spacecraft, and what is done with them by command."""

import hashlib
import random

import pytest

from ccsds.cfdp.codes import ConditionCode
from ccsds.sdls.key_file import End
from ccsds.sdls.key_state import KeyOperation
from flight.filestore.file_digests import DIGESTS_MAX, SLICE_OCTETS
from mission.channels import SPACECRAFT_ENTITY, Downlink
from mission.transfers import FileKind, TransferRole

# The second keys of the live channel and of that of files.
LIVE_SPI, FILES_SPI = 18, 34
CONTENT = random.Random(1).randbytes(20_000)
BAD_NAMES = [
    ("../secret", "expected a plain path inside the store"),
    ("/etc/passwd", "expected a plain path inside the store"),
    ("a//b", "expected a plain path inside the store"),
    ("a\\b", "expected a plain path inside the store"),
    (".cfdp/1-1.part", "expected a path outside '.cfdp'"),
    ("", "expected a file name, found an empty one"),
    ("link", "whose links leave it"),
    ("way/secret", "whose links leave it"),
]


@pytest.mark.parametrize("with_keys", [False, True], ids=["clear", "protected"])
@pytest.mark.parametrize("profile", ["serial", "uhf", "sband"])
def test_a_file_comes_down_whole(make_sky, profile, with_keys):
    sky = make_sky(profile, with_keys)
    sky.file("out/data.bin", CONTENT)
    assert sky.command("file.send", name="out/data.bin", destination="data.bin") == [("executed", "")]
    accepted = sky.report("transfer_accepted")
    assert accepted == {"source_entity": SPACECRAFT_ENTITY, "sequence": 1, "name": "out/data.bin", "size": 20_000}
    assert sky.run()
    assert sky.store.read("data.bin") == CONTENT
    (started,) = sky.told("transfer_started")
    assert (started["role"], started["name"], started["size"]) == ("SENDER", "out/data.bin", 20_000)
    (finished,) = sky.told("transfer_finished")
    assert (finished["name"], finished["size"]) == ("out/data.bin", 20_000)


@pytest.mark.parametrize("with_keys", [False, True], ids=["clear", "protected"])
@pytest.mark.parametrize("profile", ["serial", "sband"])
def test_a_file_goes_up_whole(make_sky, profile, with_keys):
    sky = make_sky(profile, with_keys)
    sky.put(CONTENT, "in/data.bin")
    assert sky.run()
    assert sky.disk.read("files/in/data.bin") == CONTENT
    (stored,) = sky.told("file_stored")
    assert (stored["name"], stored["size"]) == ("in/data.bin", 20_000)
    assert sky.finished[0].condition is ConditionCode.NO_ERROR


@pytest.mark.parametrize("with_keys", [False, True], ids=["clear", "protected"])
def test_files_arrive_whole_whatever_frames_are_lost(make_sky, with_keys):
    chance = random.Random(5)
    sky = make_sky(with_keys=with_keys)
    sky.loses = lambda direction, number: chance.random() < 0.1
    sky.file("out", CONTENT)
    sky.command("file.send", name="out")
    sky.put(CONTENT[::-1], "in")
    assert sky.run(300)
    assert sky.store.read("out") == CONTENT
    assert sky.disk.read("files/in") == CONTENT[::-1]


@pytest.mark.parametrize("with_keys", [False, True], ids=["clear", "protected"])
@pytest.mark.parametrize("profile", ["uhf", "sband"])
def test_file_data_fills_every_frame_so_that_a_lost_one_costs_one_pdu(make_sky, profile, with_keys):
    sky = make_sky(profile, with_keys)
    sky.file("out", CONTENT * 3)
    sky.command("file.send", name="out")
    sky.hear()
    assert sky.run()
    frames = [frame for frame in sky.frames if frame.virtual_channel == Downlink.FILES]
    mib = sky.spacecraft._files.entity.mib
    segments = -(-len(CONTENT * 3) // mib.remotes[0].segment_octets)
    # Metadata has a frame of its own, what remains of the last segment shares one with EOF, idle slots repeat a few.
    assert segments < len(frames) <= segments + 10
    # None begins with the end of a PDU that the one before it had no room for.
    assert all(frame.first_header_pointer == 0 for frame in frames)


def test_small_pdus_share_a_frame(make_sky):
    sky = make_sky("sband")
    for number in range(8):
        sky.file(f"{number}", b"x")
    for number in range(8):
        sky.command("file.send", name=f"{number}")
    assert sky.run()
    frames = [frame for frame in sky.frames if frame.virtual_channel == Downlink.FILES]
    assert sky.parameter("pdus_sent") >= 8 * 3 > 2 * len(frames)


@pytest.mark.parametrize("profile", ["serial", "sband"])
def test_a_live_packet_waits_for_no_more_than_the_frame_on_its_way(make_sky, profile):
    sky = make_sky(profile)
    sky.file("out", CONTENT * 10)
    sky.command("file.send", name="out")
    sky.run(1)
    assert sky.frames[-1].virtual_channel == Downlink.FILES
    for _ in range(5):
        count = len(sky.frames)
        sky.command("test.connection")
        sky.hear()
        assert [frame.virtual_channel for frame in sky.frames[count:]] == [Downlink.LIVE]
        count = len(sky.frames)
        for _ in range(3):
            sky.step()
        assert Downlink.FILES in [frame.virtual_channel for frame in sky.frames[count:]]


def test_out_of_contact_no_pdu_is_made_and_the_transfer_goes_on_after_it(sky):
    sky.file("out", CONTENT)
    sky.command("file.send", name="out")
    sky.run(1)
    sky.spacecraft.contact(False, sky.now_ns)
    sky.ground.contact(False, sky.now_ns)
    sent = sky.parameter("pdus_sent")
    sky.run(600)
    assert sky.parameter("pdus_sent") == sent > 0
    assert sky.told("transfer_failed") == []
    sky.spacecraft.contact(True, sky.now_ns)
    sky.ground.contact(True, sky.now_ns)
    assert sky.run()
    assert sky.store.read("out") == CONTENT


def test_without_a_sending_key_no_pdu_is_asked_for_and_that_is_told_once(make_sky):
    sky = make_sky(with_keys=True)
    state = sky.paths[End.SPACECRAFT].with_name("spacecraft.keys.state")
    sky.held.close()
    content = state.read_bytes()
    sky.boot()
    sky.file("out", CONTENT)
    sky.command("file.send", name="out")
    sky.run(1)  # Counters are set aside that the copy does not know.
    sky.held.close()
    state.write_bytes(content)
    sky.boot()
    sky.security.operate(LIVE_SPI, KeyOperation.ACTIVATE)
    sky.command("key.activate", spi=LIVE_SPI)
    sent = sky.parameter("pdus_sent")
    sky.run(5)
    assert sky.parameter("pdus_sent") == sent == 0
    reasons = [values["reason"] for values in sky.told("telemetry_held")]
    assert reasons.count(f"no key sends on TM channel {Downlink.FILES}: activate one") == 1
    sky.security.operate(FILES_SPI, KeyOperation.ACTIVATE)
    sky.command("key.activate", spi=FILES_SPI)
    assert sky.run()
    assert sky.store.read("out") == CONTENT


def test_a_directory_is_listed_with_its_directories_and_without_what_is_not_whole(sky):
    sky.file("b/data", b"123")
    sky.file("a", b"12345")
    sky.file("b/c/deep", b"")
    sky.file(".cfdp/1-9.part", b"x")
    (sky.disk.root / "files/link").symlink_to(sky.disk.root / "journal")
    sky.command("directory.make", name="empty")
    sky.command("file.list")
    report = sky.report("file_list")
    assert (report["directory"], report["total"], report["first"]) == ("", 3, 0)
    assert report["entries"] == [
        {"name": "a", "kind": FileKind.FILE, "size": 5},
        {"name": "b", "kind": FileKind.DIRECTORY, "size": 0},
        {"name": "empty", "kind": FileKind.DIRECTORY, "size": 0},
    ]
    sky.command("file.list", directory="b")
    assert [entry["name"] for entry in sky.report("file_list")["entries"]] == ["c", "data"]


def test_a_long_list_comes_in_pages_that_make_the_whole(sky):
    names = {f"{number:03}-{'n' * (number % 200)}" for number in range(120)}
    for name in names:
        sky.file(f"many/{name}", b"x")
    found = []
    while True:
        assert sky.command("file.list", directory="many", first=len(found)) == [("executed", "")]
        report = sky.report("file_list")
        found += [entry["name"] for entry in report["entries"]]
        if len(found) >= report["total"]:
            break
    assert found == sorted(names)
    sky.command("file.list", directory="many", first=500)
    assert sky.report("file_list")["entries"] == []


def test_the_digest_of_a_large_file_is_computed_while_other_things_go_on(sky):
    content = random.Random(2).randbytes(3 * SLICE_OCTETS + 5)
    sky.file("large", content)
    sky.file("empty", b"")
    for name in ("large", "empty", "large"):
        assert sky.command("file.attributes", name=name) == [("executed", "")]
    first = sky.report("file_attributes")
    assert first == {
        "name": "large",
        "size": len(content),
        "sha256": hashlib.sha256(content).digest(),
        "failure": "",
    }
    assert sky.report("file_attributes")["sha256"] == hashlib.sha256(b"").digest()
    assert len([name for name, _ in sky.reports if name == "file_attributes"]) == 2


def test_a_file_that_shrinks_under_its_digest_has_none(sky):
    sky.file("large", bytes(2 * SLICE_OCTETS))
    sky.command("file.attributes", name="large")
    sky.disk.remove("files/large")
    report = sky.report("file_attributes")
    assert (report["sha256"], report["size"]) == (b"", 2 * SLICE_OCTETS)
    assert "No such file" in report["failure"]


def test_so_many_digests_at_once_and_no_more(sky):
    for number in range(DIGESTS_MAX + 1):
        sky.file(f"{number}", b"x")
    for number in range(DIGESTS_MAX):
        assert sky.command("file.attributes", name=f"{number}") == [("executed", "")]
    ((outcome, text),) = sky.command("file.attributes", name=f"{DIGESTS_MAX}")
    assert (outcome, text) == ("refused", f"expected at most {DIGESTS_MAX} files whose digest is being computed")


def test_files_are_moved_and_deleted_and_directories_made_and_removed(sky):
    sky.file("a", b"1")
    for name, arguments in (
        ("directory.make", {"name": "dir"}),
        ("file.move", {"name": "a", "destination": "dir/b"}),
    ):
        assert sky.command(name, **arguments) == [("executed", "")]
    assert sky.disk.list("files") == ["files/dir/b"]
    ((outcome, text),) = sky.command("directory.remove", name="dir")
    assert (outcome, text) == ("refused", "expected an empty directory at 'dir', found 1 names in it")
    assert sky.command("file.delete", name="dir/b") == [("executed", "")]
    assert sky.command("directory.remove", name="dir") == [("executed", "")]
    sky.reboot()
    assert (sky.disk.list("files"), sky.disk.list_directories("files")) == ([], ())


@pytest.mark.parametrize("seed", range(8))
def test_what_a_command_has_done_outlasts_a_power_cut(make_sky, seed):
    sky = make_sky(seed=seed)
    sky.file("a", b"1")
    sky.file("old/c", b"2")
    for name, arguments, left in (
        ("file.move", {"name": "a", "destination": "new/b"}, ["files/new/b", "files/old/c"]),
        ("file.delete", {"name": "old/c"}, ["files/new/b"]),
        ("directory.remove", {"name": "old"}, ["files/new/b"]),
        ("directory.make", {"name": "made"}, ["files/new/b"]),
    ):
        assert sky.command(name, **arguments) == [("executed", "")]
        sky.reboot()
        assert sky.disk.list("files") == left
    assert sky.disk.list_directories("files") == ("files/made", "files/new")


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("file.delete", {"name": "nothing"}, "expected a file at 'nothing', found none"),
        ("file.delete", {"name": "dir"}, "expected a file at 'dir', found none"),
        ("file.attributes", {"name": "nothing"}, "expected a file at 'nothing', found none"),
        ("file.send", {"name": "nothing"}, "expected a file at 'nothing', found none"),
        ("file.move", {"name": "a", "destination": "dir/b"}, "expected nothing at 'dir/b', found something"),
        ("file.move", {"name": "a", "destination": "dir"}, "expected nothing at 'dir', found something"),
        ("file.move", {"name": "dir/b", "destination": "a/c"}, "expected a directory at 'a', found a file"),
        ("directory.make", {"name": "dir"}, "expected nothing at 'dir', found something"),
        ("directory.make", {"name": "a/c/d"}, "expected a directory at 'a', found a file"),
        ("directory.remove", {"name": "a"}, "expected a directory at 'a', found none"),
        ("file.list", {"directory": "a"}, "expected a directory at 'a', found none"),
        ("transfer.cancel", {"source_entity": 42, "sequence": 9}, "found none"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(sky, name, arguments, message):
    sky.file("a", b"1")
    sky.file("dir/b", b"2")
    ((outcome, text),) = sky.command(name, **arguments)
    assert outcome == "refused"
    assert message in text
    assert sky.disk.list("files") == ["files/a", "files/dir/b"]


@pytest.mark.parametrize(("bad", "message"), BAD_NAMES, ids=[repr(name) for name, _ in BAD_NAMES])
@pytest.mark.parametrize(
    ("command", "argument"),
    [
        ("file.delete", "name"),
        ("file.attributes", "name"),
        ("file.send", "name"),
        ("file.move", "name"),
        ("file.move", "destination"),
        ("directory.make", "name"),
        ("directory.remove", "name"),
        ("file.list", "directory"),
    ],
)
def test_no_command_names_anything_outside_the_store_of_files(sky, command, argument, bad, message):
    if (command, bad) == ("file.list", ""):
        return
    sky.file("good", b"1")
    sky.file(".cfdp/1-1.part", b"x")
    sky.disk.append("secret", b"of the spacecraft")
    (sky.disk.root / "files/link").symlink_to(sky.disk.root / "secret")
    (sky.disk.root / "files/way").symlink_to(sky.disk.root)
    before = {path: sky.disk.read(path) for path in sky.disk.list("files")}
    arguments = {"name": "good"} if command != "file.list" else {}
    if command == "file.move":
        arguments["destination"] = "better"
    ((outcome, text),) = sky.command(command, **{**arguments, argument: bad})
    assert (outcome, message in text) == ("refused", True)
    assert {path: sky.disk.read(path) for path in sky.disk.list("files")} == before
    assert sky.told("transfer_started") == []


def test_a_file_that_is_being_sent_is_neither_deleted_nor_moved(sky):
    sky.file("out", CONTENT)
    sky.command("file.send", name="out")
    for name, arguments in (("file.delete", {}), ("file.move", {"destination": "other"})):
        ((outcome, text),) = sky.command(name, name="out", **arguments)
        assert (outcome, text) == ("refused", "expected a file that is not being sent, found transfer 42-1 of it")
    assert sky.run()
    assert sky.command("file.delete", name="out") == [("executed", "")]


def test_a_transfer_is_suspended_resumed_and_reported(sky):
    sky.file("out", CONTENT)
    sky.command("file.send", name="out")
    transfer = {"source_entity": SPACECRAFT_ENTITY, "sequence": 1}
    sky.run(1)
    assert sky.command("transfer.suspend", **transfer) == [("executed", "")]
    sky.command("transfer.report")
    report = sky.report("transfer_report")
    assert (report["total"], report["first"]) == (1, 0)
    (row,) = report["transfers"]
    assert 0 < row["done"] < len(CONTENT)
    expected = {**transfer, "role": TransferRole.SENDER, "name": "out", "size": len(CONTENT), "done": row["done"]}
    assert row == {**expected, "condition": ConditionCode.NO_ERROR, "is_suspended": 1}
    sky.reboot()
    assert not sky.run(20)
    assert sky.command("transfer.resume", **transfer) == [("executed", "")]
    assert sky.run()
    assert sky.store.read("out") == CONTENT
    assert len(sky.told("transfer_suspended")) == len(sky.told("transfer_resumed")) == 1
    sky.command("transfer.report")
    assert sky.report("transfer_report") == {"total": 0, "first": 0, "transfers": []}


def test_a_transfer_that_is_cancelled_ends_at_both_ends(sky):
    sky.put(CONTENT * 10)
    assert sky.run(1) is False
    assert sky.command("transfer.cancel", source_entity=1, sequence=1) == [("executed", "")]
    assert sky.run()
    assert sky.disk.list("files") == []
    (failed,) = sky.told("transfer_failed")
    assert (failed["role"], failed["condition"]) == ("RECEIVER", "CANCEL_REQUEST_RECEIVED")
    assert sky.finished[0].condition is ConditionCode.CANCEL_REQUEST_RECEIVED


def test_the_same_telecommand_sent_again_sends_no_second_file(sky):
    sky.file("out", CONTENT)
    sky.command("file.send", name="out")
    sky.send_command("file.send", sky.sequence, name="out")
    sky.reboot()
    sky.send_command("file.send", sky.sequence, name="out")
    assert [event.outcome for event in sky.answered] == ["executed", "repeated", "repeated"]
    assert sky.run()
    assert [event.transaction.sequence for event in sky.finished] == [1]
    accepted = [values for name, values in sky.reports if name == "transfer_accepted"]
    assert {values["sequence"] for values in accepted} == {1}


def test_a_put_that_power_is_cut_in_acts_once_or_says_that_it_does_not_know(make_sky):
    outcomes = set()
    operation = 0
    while True:
        operation += 1
        sky = make_sky(folder=f"{operation}", seed=operation)
        sky.file("out", b"x" * 3000)
        sky.disk.cut_at(sky.disk.operations + operation)
        sky.command("file.send", name="out")
        was_cut = sky.spacecraft._ledger.boot_count > 1
        sky.send_command("file.send", sky.sequence, name="out")
        outcomes.add((was_cut, sky.answered[-1].outcome))
        assert sky.run()
        assert len({event.transaction for event in sky.finished}) <= 1
        if sky.answered[-1].outcome != "failed":
            assert sky.store.read("out") == b"x" * 3000
        if not was_cut:
            break
    assert outcomes == {(True, "executed"), (True, "failed"), (True, "repeated"), (False, "repeated")}


def test_housekeeping_tells_of_files(sky):
    sky.command("housekeeping.enable", structures=[23])
    sky.file("out", CONTENT)
    sky.command("file.send", name="out")
    sky.put(CONTENT, "in")
    assert sky.run()
    expected = {"transfers_sending": 0, "transfers_receiving": 0, "files_sent": 1, "files_stored": 1, "pdus_refused": 0}
    assert {name: sky.parameter(name) for name in expected} == expected
    assert sky.parameter("pdu_octets_sent") > len(CONTENT) < sky.parameter("pdu_octets_received")
    assert sky.parameter("pdus_sent") > 0 < sky.parameter("pdus_received")
    assert 0 < sky.parameter("files_free_octets") < 16 << 30


def test_the_model_of_a_job_comes_down_and_cannot_be_changed(make_sky):
    sky = make_sky("sband", False)
    name = "jobs/3/model.safetensors"
    sky.disk.append(name, CONTENT)
    sky.disk.append("jobs/3/slot-a.safetensors", CONTENT)
    assert sky.command("file.send", name=name, destination="model.safetensors") == [("executed", "")]
    assert sky.run()
    assert sky.store.read("model.safetensors") == CONTENT
    for command, arguments in (
        ("file.delete", {"name": name}),
        ("file.move", {"name": name, "destination": "mine"}),
        ("directory.make", {"name": "jobs/4"}),
        ("directory.remove", {"name": "jobs/3"}),
    ):
        ((fate, reason),) = sky.command(command, **arguments)
        assert fate == "refused"
        assert "expected a name outside jobs/, which is read only" in reason
    ((fate, reason),) = sky.command("file.send", name="jobs/3/slot-a.safetensors")
    assert (fate, reason) == ("refused", "expected a file at 'jobs/3/slot-a.safetensors', found none")
    assert sky.disk.read(name) == CONTENT


def test_a_file_that_is_put_among_the_models_is_refused(make_sky):
    sky = make_sky("sband", False)
    sky.disk.append("jobs/3/model.safetensors", CONTENT)
    sky.put(b"mine", "jobs/3/model.safetensors")
    assert sky.run()
    assert sky.disk.read("jobs/3/model.safetensors") == CONTENT
    assert sky.finished[0].condition is ConditionCode.FILESTORE_REJECTION
