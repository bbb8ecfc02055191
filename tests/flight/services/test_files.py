"""ST[23] and CFDP on board: files down and up through the whole spacecraft, and what is done with them by command."""

import random

import pytest

from ccsds.cfdp.codes import ConditionCode
from mission.files import SPACECRAFT_ENTITY

CONTENT = random.Random(1).randbytes(20_000)


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
