"""What the ground sees of the store: its folder of files and, to be read only, the models that jobs left.

Models lie where the engine keeps them, ``jobs/<job_id>/model.safetensors``, and have the same name here. Checkpoints
are not shown: they are replaced while a job runs, and what is sent over many passes must not change on the way.
"""

import errno
from collections.abc import Sequence
from pathlib import PurePosixPath

from flight.disk import Disk
from flight.filestore.folder import Folder

JOBS_DIRECTORY = "jobs"
MODEL_NAME = "model.safetensors"


class Shelf:
    """A `flight.disk.Disk` of the folder of files with the models beside.

    A file of the folder below ``jobs/`` is hidden by the models. Whatever would change a name there raises
    ``PermissionError``.

    Args:
        folder: The files of the ground.
        disk: The store that the jobs are in.
    """

    def __init__(self, folder: Folder, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk

    def append(self, path: str, data: bytes) -> None:
        """See `flight.disk.Disk.append`."""
        self._require_writable(path)
        self._folder.append(path, data)

    def pwrite(self, path: str, offset_octets: int, data: bytes) -> None:
        """See `flight.disk.Disk.pwrite`."""
        self._require_writable(path)
        self._folder.pwrite(path, offset_octets, data)

    def read(self, path: str, offset_octets: int = 0, length_octets: int | None = None) -> bytes:
        """See `flight.disk.Disk.read`."""
        return self._home(path).read(path, offset_octets, length_octets)

    def fsync(self, path: str) -> None:
        """See `flight.disk.Disk.fsync`."""
        self._folder.fsync(path)

    def rename(self, old: str, new: str) -> None:
        """See `flight.disk.Disk.rename`."""
        self._require_writable(old)
        self._require_writable(new)
        self._folder.rename(old, new)

    def list(self, prefix: str = "") -> list[str]:
        """See `flight.disk.Disk.list`."""
        files = [] if _is_of_jobs(prefix) else [path for path in self._folder.list(prefix) if not _is_of_jobs(path)]
        models = self._models(prefix) if not prefix or _is_of_jobs(prefix) else []
        return sorted([*files, *models])

    def size(self, path: str) -> int:
        """See `flight.disk.Disk.size`."""
        return self._home(path).size(path)

    def remove(self, path: str) -> None:
        """See `flight.disk.Disk.remove`."""
        self._require_writable(path)
        self._folder.remove(path)

    def is_directory(self, path: str) -> bool:
        """See `flight.disk.Disk.is_directory`."""
        return (
            bool(self._models(path)) and not _is_model(path) if _is_of_jobs(path) else self._folder.is_directory(path)
        )

    def list_directories(self, prefix: str = "") -> tuple[str, ...]:
        """See `flight.disk.Disk.list_directories`."""
        models = self._models(prefix) if not prefix or _is_of_jobs(prefix) else []
        above = {str(parent) for model in models for parent in PurePosixPath(model).parents if parent.parts}
        files = [] if _is_of_jobs(prefix) else self._folder.list_directories(prefix)
        inside = {path for path in above if path != prefix and path.startswith(f"{prefix}/" if prefix else "")}
        return tuple(sorted(inside.union(path for path in files if not _is_of_jobs(path))))

    def make_directory(self, path: str) -> None:
        """See `flight.disk.Disk.make_directory`."""
        self._require_writable(path)
        self._folder.make_directory(path)

    def remove_directory(self, path: str) -> None:
        """See `flight.disk.Disk.remove_directory`."""
        self._require_writable(path)
        self._folder.remove_directory(path)

    def version(self, path: str) -> bytes:
        """See `flight.disk.Disk.version`."""
        return self._home(path).version(path)

    def free_octets(self) -> int:
        """See `flight.disk.Disk.free_octets`."""
        return self._folder.free_octets()

    def is_inside(self, path: str, directory: str = "") -> bool:
        """See `flight.disk.Disk.is_inside`."""
        if _is_of_jobs(path):
            return self._disk.is_inside(path, directory or JOBS_DIRECTORY)
        return self._folder.is_inside(path, directory)

    def is_read_only(self, path: str) -> bool:
        """Tell whether nothing of this name can be changed."""
        return _is_of_jobs(path)

    def _home(self, path: str) -> Disk:
        """Give where a file is read from.

        Raises:
            FileNotFoundError: It is below ``jobs/`` and no model.
        """
        if not _is_of_jobs(path):
            return self._folder
        if not _is_model(path):
            raise FileNotFoundError(errno.ENOENT, "expected a model of a job", path)
        return self._disk

    def _models(self, prefix: str) -> Sequence[str]:
        return [path for path in self._disk.list(prefix or JOBS_DIRECTORY) if _is_model(path)]

    def _require_writable(self, path: str) -> None:
        if self.is_read_only(path):
            raise PermissionError(errno.EPERM, f"expected a name outside {JOBS_DIRECTORY}/, which is read only", path)


def _is_of_jobs(path: str) -> bool:
    return path == JOBS_DIRECTORY or path.startswith(f"{JOBS_DIRECTORY}/")


def _is_model(path: str) -> bool:
    parts = path.split("/")
    return len(parts) == 3 and parts[0] == JOBS_DIRECTORY and parts[2] == MODEL_NAME
