"""Which names of files a telecommand may say, and for what: to read, to change, or for something new."""

from ccsds.cfdp.filestore import directory_of, has_file, refusal_of
from ccsds.errors import MisuseError
from flight.filestore.shelf import Shelf


class FileNames:
    """The names of one store of files.

    Args:
        folder: The store.
        part_directory: Where files wait in it that are not whole; nobody may name it.
    """

    def __init__(self, folder: Shelf, part_directory: str) -> None:
        self._folder = folder
        self._part_directory = part_directory

    def inside(self, name: str) -> str:
        """Give a name that stays in the store.

        Raises:
            MisuseError: It does not, or is where files wait that are not whole.
        """
        refusal = refusal_of(self._folder, name, self._part_directory)
        if refusal:
            raise MisuseError(refusal)
        return name

    def own(self, name: str) -> str:
        """Give a name that the ground may change.

        Raises:
            MisuseError: It belongs to a job.
        """
        if self._folder.is_read_only(name):
            raise MisuseError(f"expected a name outside jobs/, which is read only, found {name!r}")
        return name

    def file(self, name: str) -> str:
        """Give the name of a file.

        Raises:
            MisuseError: There is none.
        """
        if not has_file(self._folder, self.inside(name)):
            raise MisuseError(f"expected a file at {name!r}, found none")
        return name

    def directory(self, name: str) -> str:
        """Give the name of a directory.

        Raises:
            MisuseError: There is none.
        """
        if not self._folder.is_directory(self.inside(name)):
            raise MisuseError(f"expected a directory at {name!r}, found none")
        return name

    def free(self, name: str) -> str:
        """Give a name that nothing has yet, in a directory that is none or is one.

        Raises:
            MisuseError: Something has it.
        """
        self.inside(self.own(name))
        if self._folder.is_directory(name) or has_file(self._folder, name):
            raise MisuseError(f"expected nothing at {name!r}, found something")
        above = directory_of(name)
        while above:
            if has_file(self._folder, above):
                raise MisuseError(f"expected a directory at {above!r}, found a file")
            above = directory_of(above)
        return name
