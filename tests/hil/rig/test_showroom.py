"""A spacecraft and a station to look at: the first job runs to its end with nobody touching anything."""

import itertools
import tempfile
from pathlib import Path

from ccsds.errors import StarloopError
from ground.client import Client, NoStationError
from hil.rig.showroom import Showing, Showroom
from hil.run.corpora import find_corpora
from hil.scenario.scenario import Scenario
from hil.scenario.spacecraft import SpacecraftTable


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
                    found.update(jobs=client.jobs(), commands=client.commands())
            except (NoStationError, StarloopError):
                return False
            return found["jobs"].get("1", {}).get("state") == "DONE"

        job = {"job_id": 1, "recipe": "tiny", "corpus": "verses", "seed": 1}
        showing = Showing(folder=tmp_path, web="none", socket_path=socket_path, job=job, corpora=corpora)
        Showroom(showing, lines.append).run(is_trained)
    assert {row["stage"] for row in found["commands"] if row["name"] != "storage.confirm"} == {"COMPLETED"}
    assert lines[0] == f"the station serves at {socket_path}; this ends with Ctrl-C"
