"""Mission service [135] packing: models are packed for a thin link, and made whole again, by telecommand."""

from collections.abc import Mapping
from typing import Any

from flight.filestore.packer import Packer
from flight.services.service import Outcome
from mission.dictionary import Command


class PackingService:
    """Puts an operator's wishes to the packer.

    Args:
        packer: Who does it.
    """

    number = 135

    def __init__(self, packer: Packer) -> None:
        self._packer = packer

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        begin = self._packer.pack if command.name == "model.pack" else self._packer.unpack
        begin(arguments["name"], arguments["destination"], arguments["base"], now_ns)
        return Outcome()
