"""A program's hold on a running station: send commands, wait for their ends, follow what happens, run procedures."""

from ground.client.client import Client
from ground.client.errors import NoStationError, RefusalError, StationGoneError
from ground.client.place import default_socket_path

__all__ = ["Client", "NoStationError", "RefusalError", "StationGoneError", "default_socket_path"]
