"""Runs are protected by keys from their seed, unless a scenario says otherwise."""

import pytest

from ccsds.sdls.association import Link
from ccsds.sdls.key_file import End, KeyFile
from hil.ends.keys import lay_keys
from hil.run.evidence import Evidence
from hil.run.run import prepare_folder
from hil.scenario.scenario import parse_scenario
from hil.streams import Streams
from hil.world import World
from mission.channels import Downlink, Uplink

TEXT = """
name = "short"
duration_s = 60
[spacecraft]
corpora = []
[link]
profile = "sband"
SECURITY
[[procedure]]
command = "test.connection"
[[procedure]]
command = "job.report"
arguments = { job_id = 7 }
"""


def fly(folder, seed=1, security=""):
    prepare_folder(folder, force=False)
    scenario = parse_scenario(TEXT.replace("SECURITY", security), "short")
    return World(scenario, seed, folder, {}, lambda source, event: None).run()


def octets(folder):
    return (folder / "uplink.bin").read_bytes(), (folder / "downlink.bin").read_bytes()


def stages(evidence: Evidence):
    return [[stage for _, stage, _ in command["stages"]][-1] for command in evidence.commands.values()]


def test_a_run_is_protected_unless_it_says_otherwise_and_comes_to_the_same(tmp_path):
    protected, clear = fly(tmp_path / "a"), fly(tmp_path / "b", security='security = "none"')
    assert stages(protected) == stages(clear) == ["COMPLETED", "FAILED"]
    assert (tmp_path / "a" / "keys").is_dir()
    assert not (tmp_path / "b" / "keys").exists()
    assert octets(tmp_path / "a") != octets(tmp_path / "b")


def test_equal_seeds_give_equal_octets_and_other_seeds_other_keys(tmp_path):
    runs = {name: seed for name, seed in (("a", 1), ("b", 1), ("c", 2))}
    for name, seed in runs.items():
        fly(tmp_path / name, seed)
    assert octets(tmp_path / "a") == octets(tmp_path / "b")
    assert octets(tmp_path / "a") != octets(tmp_path / "c")
    files = [(tmp_path / name / "keys" / "ground" / "ground.keys").read_bytes() for name in runs]
    assert files[0] == files[1] != files[2]


def test_an_earlier_run_with_keys_may_be_overwritten(tmp_path):
    fly(tmp_path / "a")
    prepare_folder(tmp_path / "a", force=True)
    assert list((tmp_path / "a").iterdir()) == []


def test_every_channel_but_the_idle_one_has_keys_at_both_ends(tmp_path):
    expected = {(Link.TC, each) for each in Uplink} | {(Link.TM, each) for each in Downlink if each != Downlink.IDLE}
    for end, path in lay_keys(tmp_path, Streams(1)).items():
        file = KeyFile.decode(path.read_bytes())
        assert file.end is end
        assert {association.channel for association in file.associations.values()} == expected
        assert path.stat().st_mode & 0o077 == 0
    assert set(End) == {End.GROUND, End.SPACECRAFT}


def test_a_wrong_word_for_security_is_refused(tmp_path):
    with pytest.raises(Exception, match=r"link\.security: invalid enum value 'rot13'"):
        parse_scenario(TEXT.replace("SECURITY", 'security = "rot13"'), "short")
