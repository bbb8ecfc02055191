"""What is said of one file that goes down, beside its names: class, closure, checksum, requests; and what is asked."""

import random
from dataclasses import replace

from ccsds.cfdp.codes import ChecksumType, ConditionCode
from ccsds.cfdp.directives import KeepAlive, Metadata
from ccsds.cfdp.pdu import Pdu
from mission.channels import SPACECRAFT_ENTITY
from mission.profiles import find_profile

SECOND = 1_000_000_000
CONTENT = random.Random(1).randbytes(20_000)


def test_a_file_goes_down_as_its_command_says(make_sky):
    sky = make_sky()
    sky.file("out", CONTENT)
    sky.store.pwrite("old", 0, b"x")
    requests = [
        {"action": "DELETE_FILE", "first": "old", "second": ""},
        {"action": "RENAME_FILE", "first": "out", "second": "kept"},
    ]
    words = {"mode": "UNACKNOWLEDGED", "closure": 1, "checksum": "MODULAR", "requests": requests}
    bodies = []
    receive = sky.ground.receive

    def hear(pdu, now_ns):
        bodies.append(Pdu.decode(bytes(pdu)).body)
        receive(pdu, now_ns)

    sky.ground.receive = hear
    assert sky.command("file.send", name="out", **words) == [("executed", "")]
    assert sky.run()
    (metadata,) = {body for body in bodies if isinstance(body, Metadata)}
    assert metadata.closure_requested
    assert metadata.checksum_type == ChecksumType.MODULAR
    assert sky.store.list() == ["kept"]
    assert sky.store.read("kept") == CONTENT
    (finished,) = sky.told("transfer_finished")
    assert finished["size"] == len(CONTENT)


def test_a_request_that_failed_is_told_by_its_name(make_sky):
    sky = make_sky()
    sky.file("out", CONTENT)
    requests = [{"action": "DELETE_FILE", "first": "none", "second": ""}]
    assert sky.command("file.send", name="out", requests=requests) == [("executed", "")]
    assert sky.run()
    (failed,) = sky.told("transfer_failed")
    assert failed["reason"] == "delete file none: refused"


def test_a_prompt_brings_word_of_how_far_the_ground_is(make_sky):
    sky = make_sky()
    sky.file("out", CONTENT * 5)
    sky.command("file.send", name="out")
    assert sky.run(60, lambda: sky.ground.transfers and sky.ground.transfers[0].done_octets > 20_000)
    word = {"source_entity": SPACECRAFT_ENTITY, "sequence": 1}
    assert sky.command("transfer.prompt", **word, response="KEEP_ALIVE") == [("executed", "")]
    assert sky.run(60, lambda: bool(sky.told("transfer_answered")))
    (answered,) = sky.told("transfer_answered")
    assert 20_000 < answered["progress"] <= len(CONTENT) * 5
    ((outcome, text),) = sky.command("transfer.prompt", **{**word, "sequence": 9}, response="NAK")
    assert outcome == "refused"
    assert "expected a transaction that is sent from here, found none" in text


def test_keep_alives_come_unasked_if_the_profile_has_them_and_are_not_told_each_time(make_sky):
    profile = replace(find_profile("serial"), cfdp_keep_alive_ns=SECOND // 10)
    sky = make_sky(profile)
    heard = []
    receive = sky.ground.receive

    def hear(pdu, now_ns):
        heard.append(type(Pdu.decode(bytes(pdu)).body))
        receive(pdu, now_ns)

    sky.ground.receive = hear
    sky.put(CONTENT * 3)
    assert sky.run()
    assert heard.count(KeepAlive) > 3
    assert not [event for event in sky.finished if event.condition is not ConditionCode.NO_ERROR]
