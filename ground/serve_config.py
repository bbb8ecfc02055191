"""What one station in service is told: where its link, archive, files and doors are, and what it keeps."""

from dataclasses import dataclass
from pathlib import Path

from ground.archive.retention import Rule
from ground.server.doors import WebAddress
from mission.profiles import LinkProfile


@dataclass(frozen=True, kw_only=True)
class ServeConfig:
    """What one station in service needs."""

    link: str
    """Link URL."""
    profile: LinkProfile
    archive_path: Path
    socket_path: Path
    keys_path: Path | None = None
    """Key file of the ground, or None on a bench: then every frame is believed, and commands travel clear."""
    light_time_ns: int | None = None
    """Light time of one way, of a far spacecraft or a network; None: commands and their acceptance tell it."""
    files_path: Path | None = None
    """Directory of files that came and go, or None: beside the archive."""
    web: WebAddress | None = None
    """Where the API and the console are for browsers, or None: nowhere."""
    web_names: tuple[str, ...] = ()
    """Names by which browsers ask for it, beside its own and plain addresses."""
    users_path: Path | None = None
    """File of the people who may come in there, or None: only on a loopback address, where one person is alone."""
    passes_path: Path | None = None
    """File of the passes that are expected (`ground.pass_plan`), or None: none are known."""
    rules_path: Path | None = None
    """File of the station's own limits and derived parameters, or None: those of the dictionary alone."""
    procedures_path: Path | None = None
    """Directory of the procedures that people may have the station run, or None: none."""
    retention: Rule | None = None
    """What is removed from the archive each hour, or None: nothing."""
    has_console: bool = True
    """Whether the console is at that address, where it is installed."""

    @property
    def files_directory(self) -> Path:
        """Where files are."""
        return self.files_path or self.archive_path.with_name(self.archive_path.name + ".files")

    @property
    def audit_path(self) -> Path:
        """Where the record is of what was done."""
        return self.archive_path.with_name(self.archive_path.name + ".audit")
