"""A pseudo-terminal: a serial device made of nothing, for another program to open.

It has no rate, parity or modem lines, and the kernel drops nothing; pacing is its user's affair. It is up while another
program has it open. When that program leaves, the system answers EIO, which is no unplugging: the next may come.
"""

import os
import pty
import select
import tty
from pathlib import Path

from ccsds.errors import MisuseError
from ports.errors import PortLostError
from ports.url import PtyUrl

# What one look takes at most; the kernel holds less.
READ_OCTETS_MAX = 1 << 16


class PtyPort:
    """The inner side of a pseudo-terminal; ``path`` is the device that another program opens.

    Raises:
        PortLostError: The system has none left.
        MisuseError: There is something at the path of the symbolic link, or it cannot be made.
    """

    def __init__(self, url: PtyUrl) -> None:
        try:
            self._descriptor, outer = pty.openpty()
        except OSError as error:
            raise PortLostError(error.strerror or str(error)) from error
        try:
            # Raw: octets pass as they are, without echo and without lines. It stays so while this side is open.
            tty.setraw(outer)
            self.path = os.ttyname(outer)
        finally:
            # Once it has been open and closed, the system tells this side whether anybody has it open.
            os.close(outer)
        os.set_blocking(self._descriptor, False)
        self._poll = select.poll()
        self._poll.register(self._descriptor, 0)
        self._is_open = True
        self._link: Path | None = None
        try:
            if url.link is not None:
                self._make_link(Path(url.link), url.text)
        except MisuseError:
            self.close()
            raise
        self.name = f"pty:{self.path}" if url.link is None else f"pty:{url.link}"

    @property
    def is_up(self) -> bool:
        """See `ports.port.Port.is_up`."""
        return self._is_open and not any(event & select.POLLHUP for _, event in self._poll.poll(0))

    def fileno(self) -> int | None:
        """See `ports.port.Port.fileno`. Unopened, the descriptor would be readable for ever, and there is none."""
        return self._descriptor if self.is_up else None

    def read(self) -> bytes:
        """See `ports.port.Port.read`."""
        try:
            return os.read(self._descriptor, READ_OCTETS_MAX)
        except OSError:
            # Nothing has come (EAGAIN), or nobody has it open (EIO).
            return b""

    def write(self, data: bytes) -> int:
        """See `ports.port.Port.write`."""
        if not self.is_up:
            # The kernel would keep the octets and hand them, stale, to whoever comes next.
            return 0
        try:
            return os.write(self._descriptor, data)
        except OSError:
            return 0

    def close(self) -> None:
        """See `ports.port.Port.close`."""
        if not self._is_open:
            return
        self._is_open = False
        os.close(self._descriptor)
        if self._link is not None and self._link.is_symlink() and str(self._link.readlink()) == self.path:
            self._link.unlink()

    def _make_link(self, link: Path, text: str) -> None:
        try:
            if link.is_symlink():
                # One that leads to this very terminal was left by a program whose number came round again.
                if link.exists() and str(link.readlink()) != self.path:
                    raise MisuseError(
                        f"link URL {text!r}: expected no other program at {link}, found that it leads to "
                        f"{link.readlink()}; remove it if no program runs"
                    )
                link.unlink()  # An earlier run left it behind.
            link.symlink_to(self.path)
        except OSError as error:
            raise MisuseError(f"link URL {text!r}: expected to make a symbolic link, found {error.strerror}") from error
        self._link = link
