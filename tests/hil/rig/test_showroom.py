"""A spacecraft and a station to look at: a first job is trained and its model served with nobody touching anything."""

import itertools
import socket
import tempfile
from pathlib import Path

import pytest

from ccsds.errors import MisuseError, StarloopError
from ground.client import Client, NoStationError
from hil.rig.showroom import Showing, Showroom
from hil.run.corpora import find_corpora
from hil.run.run import prepare_folder
from hil.scenario.scenario import Scenario
from hil.scenario.spacecraft import SpacecraftTable
from mission.definition import DICTIONARY


def test_a_first_job_is_trained_and_its_commands_are_verified(tmp_path):
    corpora = find_corpora(
        Scenario(name="console", duration_s=1, spacecraft=SpacecraftTable(corpora=["verses"]), procedure=[])
    )
    lines: list[str] = []
    found: dict = {}
    with tempfile.TemporaryDirectory() as short:
        socket_path = Path(short) / "s"

        looks = itertools.count()

        def is_trained() -> bool:
            # It is asked in each turn of the bridge, hundreds of times a second.
            if next(looks) % 100:
                return False
            try:
                with Client.connect(socket_path) as client:
                    found.update(jobs=client.jobs(), commands=client.commands(), state=client.state())
            except (NoStationError, StarloopError):
                return False
            activated = [row for row in found["commands"] if row["name"] == "model.activate"]
            return any(row["stage"] == "COMPLETED" for row in activated)

        job = {"job_id": 1, "recipe": "tiny", "corpus": "verses", "seed": 1}
        showing = Showing(folder=tmp_path, web="none", socket_path=socket_path, jobs=[job], corpora=corpora)
        Showroom(showing, lines.append).run(is_trained)
    assert found["jobs"]["1"]["state"] == "DONE"
    assert found["state"]["onboard_time"]["offset_ns"] is not None
    (enabled,) = [row for row in found["commands"] if row["name"] == "housekeeping.enable"]
    assert enabled["arguments"]["structures"] == sorted(DICTIONARY.structures)
    assert {row["stage"] for row in found["commands"] if row["name"] != "storage.confirm"} == {"COMPLETED"}
    assert lines[0] == f"the station serves at {socket_path}; this ends with Ctrl-C"
    # Whoever shows it again in the same folder can.
    prepare_folder(tmp_path, force=True)
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_is_taken_is_said_before_anything_is_started(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        web = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(MisuseError, match=rf"expected a free address, found http://{web}: Address already in use"):
            Showroom(Showing(folder=tmp_path, web=web, socket_path=tmp_path / "s"), print)
    assert list(tmp_path.iterdir()) == []


def test_no_command_goes_to_a_spacecraft_of_another_station(tmp_path):
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as other:
        other.bind(f"{short}/s")
        other.listen()
        with pytest.raises(MisuseError, match=f"expected no other station at {short}/s, found one that serves there"):
            Showroom(Showing(folder=tmp_path, web="none", socket_path=Path(short) / "s"), print)
    assert list(tmp_path.iterdir()) == []


def test_a_change_of_a_job_that_is_played_back_does_nothing_again(tmp_path):
    job = {"job_id": 1, "recipe": "tiny", "corpus": "verses", "seed": 1}
    with tempfile.TemporaryDirectory() as short:
        lines: list[str] = []
        showing = Showing(folder=tmp_path, web="none", socket_path=Path(short) / "s", jobs=[job])
        showroom = Showroom(showing, lines.append)
        try:
            for after, tai_ns, stored in (
                ("RUNNING", 10, None),
                ("DONE", 20, None),
                ("RUNNING", 10, {"store": 1, "sequence": 1}),
                ("DONE", 20, {"store": 1, "sequence": 2}),
            ):
                values = {"job_id": 1, "before": "QUEUED", "after": after}
                showroom._look_at_job({"values": values, "tai_ns": tai_ns, "stored": stored}, tai_ns)
            assert not showroom._at_work
            assert lines == ["job 1 is RUNNING", "job 1 is DONE"]
        finally:
            showroom._bridge.close()
            showroom._desk.close()
