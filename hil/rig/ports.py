"""The two ports of a rig: the one at whose far side the spacecraft is, and the station's."""

from pathlib import Path

from hil.rig.plug import Plug
from hil.rig.wiring import Mode, Wiring
from ports.errors import PortLostError


def open_plugs(wiring: Wiring, folder: Path) -> tuple[Plug, Plug]:
    """Open the port that the spacecraft has at its other end, and the station's.

    Args:
        wiring: What the link goes over.
        folder: Where pseudo-terminals get their names.

    Raises:
        PortLostError: One of them is not there.
    """
    # Ports of TCP take a free number; a board's station has a pseudo-terminal of its own.
    urls = [f"pty:{folder / name}" for name in ("board", "station")]
    if wiring.mode is Mode.TCP:
        urls = ["tcp-listen:127.0.0.1:0"] * 2
    elif wiring.board_url is not None:
        urls[0] = wiring.board_url
    board, station = (Plug(url) for url in urls)
    for plug in (board, station):
        plug.advance(0)
    if not (board.is_open and station.is_open):
        reasons = [event.reason for plug in (board, station) for event in plug.take_events()]
        board.close()
        station.close()
        raise PortLostError("; ".join(reasons))
    return board, station


def far_url(plug: Plug) -> str:
    """Give the link URL by which a program reaches the other end of a port."""
    scheme, _, rest = plug.name.partition(":")
    return f"serial:{rest}" if scheme == "pty" else f"tcp:{rest}"
