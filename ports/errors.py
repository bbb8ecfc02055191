"""What goes wrong with a port. It holds no behaviour."""

from ccsds.errors import MisuseError, StarloopError


class PortLostError(StarloopError, OSError):
    """The device or the other end is not there (any more); opening the port again may help."""

    def __str__(self) -> str:
        """Tell the reason only; `OSError` would look for a number in it."""
        return str(self.args[0]) if self.args else ""


class PortRefusedError(MisuseError):
    """The link URL asks for what its device cannot do; opening it again does not help."""
