"""What the commands of ``ground`` share: where the station is, output for programs, and errors in one line.

Exit status: 0 done, 1 the command failed or was lost or the station went away, 2 bad input or no station, 130 Ctrl-C.
"""

import contextlib
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import click
import msgspec

from ccsds.errors import MalformedError, MisuseError, StarloopError
from ground.client import NoStationError, RefusalError, default_socket_path

FAILED_STATUS = 1
BAD_INPUT_STATUS = 2
INTERRUPTED_STATUS = 130

SOCKET_DEFAULT = "the user's runtime directory, or ~/.cache"


class Finite(click.FloatRange):
    """A number in a range, and neither infinite nor none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Give a number."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"expected a number, found {number}", param, ctx)
        return number


class SocketPath(click.Path):
    """A path of a socket, and no address."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Give a path."""
        if "://" in str(value):
            self.fail(f"expected a path, found {value!r}", param, ctx)
        return super().convert(value, param, ctx)


class _Where(SocketPath):
    """A path of a socket, or an address of the web, which is left as it is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Give a path, or the address."""
        return value if isinstance(value, str) and "://" in value else super().convert(value, param, ctx)


socket_option = click.option(
    "--socket",
    "socket_path",
    type=_Where(),
    default=default_socket_path,
    show_default=SOCKET_DEFAULT,
    help="Where the station listens; or https://HOST:PORT of one that you have logged in at (ground login).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def default_archive_path() -> Path:
    """Give where the archive is unless told otherwise: the user's data directory."""
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "starloop" / "ground.sqlite"


def to_json(value: Any) -> str:
    """Give plain values as one line of JSON."""
    return msgspec.json.encode(value).decode()


def tell(value: Any, text: str, *, as_json: bool) -> None:
    """Print what was done: plain values as JSON for programs, or text for people."""
    click.echo(to_json(value) if as_json else text)


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turn the errors a person can do something about into one line and an exit status."""
    try:
        yield
    except (MalformedError, MisuseError, NoStationError, RefusalError) as error:
        _fail(error, BAD_INPUT_STATUS)
    except (StarloopError, TimeoutError) as error:
        _fail(error, FAILED_STATUS)
    except BrokenPipeError:  # Whoever read our lines has enough; click ends us quietly.
        raise
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else error, BAD_INPUT_STATUS)
    except KeyboardInterrupt:
        _fail("interrupted; what was sent is not taken back", INTERRUPTED_STATUS)


def _fail(error: Exception | str, status: int) -> NoReturn:
    click.echo(f"ground: {error}", err=True)
    sys.exit(status)
