"""How a worker becomes the process of a package: it begins anew with its socket, and meets torch once it is confined.

``flight.jobs.worker`` calls `run_package` when the first request is for a package. What follows checks the package once
more (the flight process did when the job was queued), unpacks it into ``jobs/<job_id>/package/``, confines itself, and
hands over to `flight.jobs.package.worker`. What is refused is answered like any failure of a job.
"""

import argparse
import base64
import contextlib
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import NoReturn

from ccsds.errors import MisuseError, StarloopError
from flight.disk import RealDisk
from flight.jobs.messages import REASON_CHARACTERS_MAX, Failed, FailureKind, Request, Start, encode, request_stream
from flight.jobs.package.confinement import confine
from flight.jobs.package.package_file import PackageFile
from flight.jobs.package.package_recipe import PackageRecipe
from flight.jobs.package.packages import Packages
from flight.jobs.parent import end_with_parent
from flight.jobs.recipe import load_any_recipe


def run_package(store: Path, channel: socket.socket, first: bytes) -> NoReturn:
    """Become the process of a package.

    Args:
        store: Directory of the spacecraft's store.
        channel: The socket to the engine; it is standard input afterwards.
        first: The request that came already.
    """
    os.dup2(channel.fileno(), 0)
    module = [sys.executable, "-P", "-m", "flight.jobs.package.process", "--store", str(store)]
    # numpy, which comes along with what both ends agree on, would start threads, and walls are for one.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    os.execve(sys.executable, [*module, "--first", base64.b64encode(first).decode()], environment)


def unpack(package: PackageFile, directory: Path) -> None:
    """Write the files of a package into a directory, which holds nothing else afterwards.

    Raises:
        OSError: It cannot be written.
    """
    if directory.is_symlink():
        raise MisuseError(f"{directory.name}: expected a directory, found a symbolic link")
    shutil.rmtree(directory, ignore_errors=True)
    for path, data in package.files.items():
        place = directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


def main() -> None:
    """Run a package until the engine is done with it."""
    parser = argparse.ArgumentParser(prog="python -m flight.jobs.package.process", description=__doc__)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--first", type=base64.b64decode, required=True)
    arguments = parser.parse_args()
    end_with_parent()
    channel = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    with contextlib.suppress(ConnectionError):  # The flight process ended while it was being answered.
        try:
            start, recipe = _order(request_stream().receive(arguments.first))
            refused, package, directory = _prepare(arguments.store, start, recipe)
        except (StarloopError, OSError) as error:
            kind = FailureKind.STORE if isinstance(error, OSError) else FailureKind.JOB
            channel.sendall(encode(Failed(str(error)[:REASON_CHARACTERS_MAX], kind)))
            channel.recv(1)  # Whoever asked ends this process.
            return
        from flight.jobs.package.worker import PackageWorker  # Torch comes here, and not before the walls are up.
        from flight.jobs.worker import serve

        worker = PackageWorker(RealDisk(arguments.store), recipe, package.manifest, directory, refused)
        serve(channel, worker, arguments.first)


def _order(requests: list[Request]) -> tuple[Start, PackageRecipe]:
    match requests:
        case [Start() as start]:
            recipe = load_any_recipe(start.recipe)
            if isinstance(recipe, PackageRecipe):
                return start, recipe
    raise MisuseError("package: expected one Start of a package, found something else")


def _prepare(store: Path, start: Start, recipe: PackageRecipe) -> tuple[tuple[str, ...], PackageFile, Path]:
    package = Packages(RealDisk(store)).read(start.corpus_path, start.corpus_sha256, recipe.package)
    own = store.absolute() / "jobs" / str(start.job_id)
    directory = own / "package"
    unpack(package, directory)
    return confine(package.manifest.needs, own, store), package, directory


if __name__ == "__main__":
    main()
