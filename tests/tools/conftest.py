"""A spacecraft and its station, both the shipped programs, with a tiny corpus on board: for what operators write."""

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ground.client import Client, NoStationError
from hil.rig.showroom import Showing, Showroom
from hil.run.corpora import find_corpora
from hil.scenario.scenario import Scenario
from hil.scenario.spacecraft import SpacecraftTable

TIMEOUT_S = 120


@pytest.fixture(scope="session")
def station_socket(tmp_path_factory) -> Iterator[Path]:
    """The socket of a station that hears its spacecraft."""
    corpora = find_corpora(
        Scenario(name="examples", duration_s=1, spacecraft=SpacecraftTable(corpora=["verses"]), procedure=[])
    )
    with tempfile.TemporaryDirectory() as short:
        path = Path(short) / "s"
        is_enough, is_there = threading.Event(), threading.Event()
        failures: list[BaseException] = []
        folder = tmp_path_factory.mktemp("showroom")
        showing = Showing(folder=folder, web="none", socket_path=path, corpora=corpora)
        showroom = Showroom(showing, lambda line: is_there.set())

        def show() -> None:
            try:
                showroom.run(is_enough.is_set)
            except BaseException as error:
                failures.append(error)
                is_there.set()

        thread = threading.Thread(target=show)
        thread.start()
        try:
            assert is_there.wait(TIMEOUT_S)
            assert failures == []
            yield path
        finally:
            is_enough.set()
            thread.join(TIMEOUT_S)
        assert failures == []


@pytest.fixture
def station(station_socket) -> Iterator[Client]:
    try:
        with Client.connect(station_socket) as client:
            yield client
    except NoStationError:
        pytest.fail("expected the station to serve, found it gone")
