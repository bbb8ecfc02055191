"""What goes wrong between a program and its station. It holds no behaviour."""

from ccsds.errors import StarloopError


class NoStationError(StarloopError):
    """No station serves there."""


class StationGoneError(StarloopError):
    """The station has stopped, does not answer, or has dropped a client that read too slowly."""


class RefusalError(StarloopError):
    """The station refused a request; its text says what was expected and what was found."""
