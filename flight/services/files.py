"""ST[23] file management: what is done with files on board at a telecommand's word, and the transfers that it begins.

Files are those of `flight.filestore.files`; nothing outside their store can be named. What changes the store is durable
before it is answered. A put, a deletion, a move and the like act once: their commands are declared so, and a reset that
falls into one is answered with "outcome unknown".

Source: ECSS-E-ST-70-41C 6.23.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from ccsds.cfdp.codes import ChecksumType, ConditionCode, PromptResponse
from ccsds.cfdp.events import Role, TransactionId
from ccsds.cfdp.filestore import sync_names
from ccsds.cfdp.records import PutRequest
from ccsds.cfdp.tlv import FilestoreAction, FilestoreRequest
from ccsds.cfdp.transfer import Transfer
from ccsds.errors import MisuseError
from flight.filestore.file_digests import FileDigest, FileDigests
from flight.filestore.file_names import FileNames
from flight.filestore.files import Files
from flight.reporter import Reporter, clip_reason
from flight.services.service import Outcome
from mission.dictionary import Command
from mission.transfers import FileChecksum, FileKind, TransferRole
from mission.words.files import PAGE_OCTETS_MAX, PAGE_ROWS_MAX

Row = TypeVar("Row")

# A row of a report: what its numbers and lengths take beside its name.
_ENTRY_OCTETS = 11
_TRANSFER_OCTETS = 26


class FileService:
    """Executes file commands.

    Args:
        files: The files of the spacecraft.
        reporter: Where reports go.
    """

    number = 23

    def __init__(self, files: Files, reporter: Reporter) -> None:
        self._files = files
        self._folder = files.folder
        self._names = FileNames(files.folder, files.part_directory)
        self._reporter = reporter
        self._digests = FileDigests(files.folder, self._tell_digest)
        self._actions: dict[str, Callable[[Mapping[str, Any], int], Outcome]] = {
            "file.delete": self._delete,
            "file.attributes": self._attributes,
            "directory.make": self._make_directory,
            "directory.remove": self._remove_directory,
            "file.list": self._list,
            "file.send": self._send,
            "file.move": self._move,
            "transfer.suspend": self._suspend,
            "transfer.resume": self._resume,
            "transfer.cancel": self._cancel,
            "transfer.prompt": self._prompt,
            "transfer.report": self._report,
        }

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        return self._actions[command.name](arguments, now_ns)

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        self._digests.advance(now_ns)

    def next_deadline(self) -> int | None:
        """Give when something is due."""
        return self._digests.next_deadline()

    def _delete(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        name = self._idle_file(arguments["name"])
        self._folder.remove(name)
        sync_names(self._folder, name)
        return Outcome()

    def _attributes(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        self._digests.ask(self._names.file(arguments["name"]), now_ns)
        return Outcome()

    def _make_directory(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        name = self._names.free(arguments["name"])
        self._folder.make_directory(name)
        sync_names(self._folder, name)
        return Outcome()

    def _remove_directory(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        name = self._names.directory(self._names.own(arguments["name"]))
        if self._below(name):
            raise MisuseError(f"expected an empty directory at {name!r}, found {len(self._below(name))} names in it")
        self._folder.remove_directory(name)
        sync_names(self._folder, name)
        return Outcome()

    def _list(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        directory, first = arguments["directory"], arguments["first"]
        if directory:
            self._names.directory(directory)
        found = self._below(directory)
        names = _page([(name, len(name.encode()) + _ENTRY_OCTETS) for name in found], first)
        start = f"{directory}/" if directory else ""
        entries = [
            {
                "name": name,
                "kind": found[name],
                "size": self._folder.size(start + name) if found[name] is FileKind.FILE else 0,
            }
            for name in names
        ]
        report = {"directory": directory, "total": len(found), "first": first, "entries": entries}
        return Outcome(answers=(self._reporter.encode("file_list", report),))

    def _send(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        name, checksum = self._names.file(arguments["name"]), FileChecksum(arguments["checksum"])
        request = PutRequest(
            destination=self._files.ground_entity,
            source_name=name,
            destination_name=arguments["destination"] or name,
            mode=arguments["mode"],
            closure_requested=True if arguments["closure"] else None,
            checksum_type=None if checksum is FileChecksum.AS_PROFILE else ChecksumType[checksum.name],
            priority=arguments["priority"],
            options=tuple(
                FilestoreRequest(FilestoreAction(row["action"]), row["first"], row["second"])
                for row in arguments["requests"]
            ),
        )
        size = self._folder.size(name)
        transaction = self._files.entity.put(request, now_ns)
        self._files.follow(now_ns)
        report = {**_identity(transaction), "name": name, "size": size}
        return Outcome(answers=(self._reporter.encode("transfer_accepted", report),))

    def _move(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        name, destination = self._idle_file(arguments["name"]), self._names.free(arguments["destination"])
        self._folder.rename(name, destination)
        sync_names(self._folder, name, destination)
        return Outcome()

    def _suspend(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        self._files.entity.suspend(_transaction(arguments))
        self._files.follow(now_ns)
        return Outcome()

    def _resume(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        self._files.entity.resume(_transaction(arguments), now_ns)
        self._files.follow(now_ns)
        return Outcome()

    def _cancel(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        self._files.entity.cancel(_transaction(arguments), now_ns)
        self._files.follow(now_ns)
        return Outcome()

    def _prompt(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        self._files.entity.prompt(_transaction(arguments), PromptResponse(arguments["response"]))
        self._files.follow(now_ns)
        return Outcome()

    def _report(self, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        transfers = self._files.entity.transfers
        first = arguments["first"]
        page = _page([(each, len(_name(each).encode()) + _TRANSFER_OCTETS) for each in transfers], first)
        report = {"total": len(transfers), "first": first, "transfers": [_row(each) for each in page]}
        return Outcome(answers=(self._reporter.encode("transfer_report", report),))

    def _idle_file(self, name: str) -> str:
        """Give the name of a file that is not being sent: one that is would be cut short at the ground."""
        self._names.file(self._names.own(name))
        for transfer in self._files.entity.transfers:
            if transfer.role is Role.SENDER and transfer.source_name == name:
                raise MisuseError(
                    f"expected a file that is not being sent, found transfer {transfer.transaction} of it"
                )
        return name

    def _below(self, directory: str) -> dict[str, FileKind]:
        """Give what is in a directory, in order of names, without links that leave the store."""
        start = f"{directory}/" if directory else ""
        kinds = {path: FileKind.FILE for path in self._folder.list(directory)}
        kinds.update(dict.fromkeys(self._folder.list_directories(directory), FileKind.DIRECTORY))
        names = {path[len(start) :]: kind for path, kind in kinds.items()}
        hidden = self._files.part_directory if not directory else None
        return {
            name: names[name]
            for name in sorted(names)
            if "/" not in name and name != hidden and self._folder.is_inside(start + name)
        }

    def _tell_digest(self, digest: FileDigest) -> None:
        self._reporter.report(
            "file_attributes",
            {
                "name": digest.name,
                "size": digest.size_octets,
                "sha256": digest.sha256,
                "failure": clip_reason(digest.failure),
            },
        )


def _page(rows: Iterable[tuple[Row, int]], first: int) -> list[Row]:
    """Give as many rows as fit into a report, from a number on."""
    page: list[Row] = []
    octets = 0
    for row, row_octets in list(rows)[first : first + PAGE_ROWS_MAX]:
        octets += row_octets
        if octets > PAGE_OCTETS_MAX:
            break
        page.append(row)
    return page


def _row(transfer: Transfer) -> dict[str, object]:
    return {
        **_identity(transfer.transaction),
        "role": TransferRole[transfer.role.name],
        "name": _name(transfer),
        "size": transfer.size_octets or 0,
        "done": transfer.done_octets,
        "condition": ConditionCode(transfer.condition),
        "is_suspended": int(transfer.is_suspended),
    }


def _name(transfer: Transfer) -> str:
    """Give the name of the file at this end."""
    return transfer.source_name if transfer.role is Role.SENDER else transfer.destination_name


def _transaction(arguments: Mapping[str, Any]) -> TransactionId:
    return TransactionId(arguments["source_entity"], arguments["sequence"])


def _identity(transaction: TransactionId) -> dict[str, int]:
    return {"source_entity": transaction.source, "sequence": transaction.sequence}
