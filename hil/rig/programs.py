"""The two programs of a rig: how each is called, and both looked after together. On a board there is one only."""

from collections.abc import Mapping
from pathlib import Path

import psutil

from ccsds.sdls.key_file import End
from flight.__main__ import RESET_STATUS
from flight.jobs.corpus import CorpusFile
from flight.jobs.uploaded_corpus import is_uploaded
from hil.rig.program import Program


class Programs:
    """Both.

    Args:
        flight: The spacecraft's; None if that is a board.
        ground: The station's.
    """

    def __init__(self, flight: Program | None, ground: Program) -> None:
        self.flight = flight
        self.ground = ground

    @classmethod
    def of(
        cls,
        *,
        folder: Path,
        profile: str,
        board_url: str | None,
        station_url: str,
        keys: Mapping[End, Path],
        corpora: Mapping[str, CorpusFile],
        socket_path: Path,
        files: Path,
        web: str = "none",
        procedures: Path | None = None,
        passes: Path | None = None,
        sensors: Path | None = None,
    ) -> "Programs":
        """Give the programs as they are called; none of them runs yet.

        Args:
            folder: Where the store, the archive and the logs go.
            profile: The link's.
            board_url: Where the spacecraft finds the link; None if it is a board.
            station_url: Where the station finds it.
            keys: The key file of each end; an end that has none goes without.
            corpora: What is on board.
            socket_path: Where the station serves its clients.
            files: The directory of the station's files.
            web: Where the console is, as HOST:PORT; none for nowhere.
            procedures: Directory of procedures that the station offers.
            passes: File of the passes that the station expects.
            sensors: File that says where the spacecraft's sensors are.
        """
        security = {end: ["--keys", str(keys[end])] if end in keys else ["--insecure"] for end in End}
        ground = [
            "serve", "--web", web, "--link", station_url, "--profile", profile, "--socket", str(socket_path),
            "--archive", str(folder / "archive.sqlite"), "--files", str(files), *security[End.GROUND],
            *(() if procedures is None else ("--procedures", str(procedures))),
            *(() if passes is None else ("--passes", str(passes))),
        ]  # fmt: skip
        station = Program("ground", ground, folder / "ground.log")
        if board_url is None:
            return cls(None, station)
        on_board = [
            part
            for corpus in corpora.values()
            if not is_uploaded(corpus.name)
            for part in ("--corpus", f"{corpus.name}={corpus.path}")
        ]
        flight = [
            "--link", board_url, "--profile", profile, "--store", str(folder / "store"),
            *security[End.SPACECRAFT], *on_board,
            *(() if sensors is None else ("--sensors", str(sensors))),
        ]  # fmt: skip
        return cls(Program("flight", flight, folder / "flight.log"), station)

    def launch(self) -> None:
        """Start them."""
        for program in self._all():
            program.launch()

    def check(self) -> None:
        """See that both run; a spacecraft that wants to be started again is.

        Raises:
            ProgramEndedError: One of them ended, with its last words.
        """
        if self.flight is not None and self.flight.exit_status() == RESET_STATUS:
            self.flight.launch()
        for program in self._all():
            if program.exit_status() is not None:
                raise program.ended()

    def workers(self) -> list[psutil.Process]:
        """Give the processes that do the spacecraft's job, as far as they can be reached."""
        return [] if self.flight is None else self.flight.workers()

    def stop(self) -> None:
        """Have them end in order."""
        for program in self._all():
            program.stop()

    def _all(self) -> list[Program]:
        return [program for program in (self.flight, self.ground) if program is not None]
