"""What lies between flight and ground in a run: nothing but memory, pseudo-terminals, TCP, or a board on a line.

Data only; `hil.world` and `hil.rig.rig` make it so.
"""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol, Self

from ccsds.errors import MisuseError
from ports.url import SerialUrl, parse_url


class Mode(Enum):
    """Under which clock a run goes, and over what."""

    VIRTUAL = "virtual"
    """In one process, in virtual time."""
    PTY = "pty"
    """In real time: `flight` and `ground` as programs of their own, on two pseudo-terminals paced like a UART."""
    TCP = "tcp"
    """In real time: the two programs on two TCP connections."""
    BOARD = "board"
    """In real time: `flight` runs on a board behind a link URL, `ground` here."""


LOOPBACK = "loopback"
"""What tests call `Mode.VIRTUAL` by, since to them it is a link as the others are."""


class Power(Protocol):
    """The switch of a board's supply: a relay, a laboratory supply, a smart plug."""

    def off(self) -> None:
        """Cut the power."""
        ...

    def on(self) -> None:
        """Give it back."""
        ...


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """How the two ends are joined.

    Raises:
        MisuseError: A board without a URL or without a choice about its keys, or the one or the other without a board.
    """

    mode: Mode = Mode.VIRTUAL
    board_url: str | None = None
    """Where the board is, as a link URL."""
    keys_path: Path | None = None
    """The ground's key file, whose twin the board has."""
    is_insecure: bool = False
    """Whether the board runs without keys."""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        has_choice = self.keys_path is not None or self.is_insecure
        if self.mode is not Mode.BOARD:
            if self.board_url is not None or has_choice:
                raise MisuseError("expected a board for its URL and its keys, found none; its keys are made here")
            return
        if self.board_url is None:
            raise MisuseError("expected the link URL of the board, such as serial:/dev/ttyUSB0?baud=115200")
        parse_url(self.board_url)
        if not has_choice or (self.keys_path is not None and self.is_insecure):
            raise MisuseError(
                f"board at {self.board_url}: expected either the ground's key file or the word that it has none"
            )

    @classmethod
    def of(cls, link: str, *, keys_path: Path | None = None, is_insecure: bool = False) -> Self:
        """Give the wiring that one word names: ``loopback``, ``pty``, ``tcp``, or the device or link URL of a board.

        Raises:
            MisuseError: It names none.
        """
        words = {LOOPBACK: Mode.VIRTUAL, Mode.PTY.value: Mode.PTY, Mode.TCP.value: Mode.TCP}
        if link in words:
            # Keys of a board stay in a configuration that is also used without one.
            return cls(mode=words[link])
        try:
            parse_url(link)
        except MisuseError:
            expected = f"{', '.join(words)}, a device such as /dev/ttyUSB0, or a link URL"
            raise MisuseError(f"expected {expected}, found {link!r}") from None
        return cls(mode=Mode.BOARD, board_url=link, keys_path=keys_path, is_insecure=is_insecure)

    @property
    def text(self) -> str:
        """What it is, in some words."""
        words = {
            Mode.VIRTUAL: "virtual time",
            Mode.PTY: "real time over pseudo-terminals",
            Mode.TCP: "real time over TCP",
            Mode.BOARD: f"real time, a board at {self.board_url}",
        }
        return words[self.mode]

    @property
    def option(self) -> str:
        """The option of ``hil run`` that asks for it."""
        return f"--mode {self.mode.value}" if self.board_url is None else f"--link-board '{self.board_url}'"

    @property
    def is_real_time(self) -> bool:
        """Whether seconds of it are seconds."""
        return self.mode is not Mode.VIRTUAL

    @property
    def is_device(self) -> bool:
        """Whether there is a real board at the other end."""
        return self.mode is Mode.BOARD

    @property
    def baud(self) -> int | None:
        """The rate of a board's UART."""
        url = parse_url(self.board_url) if self.board_url is not None else None
        return url.baud if isinstance(url, SerialUrl) else None
