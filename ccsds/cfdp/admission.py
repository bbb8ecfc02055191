"""Whether a file is let in, by what its Metadata says of it. It never writes.

Source: CCSDS 727.0-B-5 4.2.2.8, 4.6.1.2.
"""

from typing import NamedTuple

from ccsds.cfdp.codes import ChecksumType, ConditionCode
from ccsds.cfdp.directives import Metadata
from ccsds.cfdp.filestore import refusal_of
from ccsds.cfdp.host import Host
from ccsds.cfdp.mib import RemoteConfig
from ccsds.cfdp.part_file import PartFile


class Fault(NamedTuple):
    """What is wrong, and how it is told."""

    condition: ConditionCode
    detail: str


def checksum_type_of(number: int) -> ChecksumType:
    """Give the checksum type, the null one for those that are not known."""
    return ChecksumType._value2member_map_.get(number, ChecksumType.NULL)  # type: ignore[return-value]


def refusal_of_sent(host: Host, name: str) -> str | None:
    """Tell why nothing may take the place of a file: its receiver would get half of each. None if it may."""
    return f"expected a file that is not being sent, found {name!r} on its way" if host.is_being_sent(name) else None


def faults_of(metadata: Metadata, host: Host, remote: RemoteConfig, part: PartFile) -> list[Fault]:
    """Give what is wrong with a file that is about to come, and promise it its room if it may.

    Args:
        metadata: What its sender says of it.
        host: Whose store it would be in.
        remote: Where it comes from.
        part: Where it waits until it is whole.

    Raises:
        OSError: The store failed.
    """
    faults: list[Fault] = []
    if checksum_type_of(metadata.checksum_type) != metadata.checksum_type:
        detail = f"expected a checksum type that is known, found {metadata.checksum_type}"
        faults.append(Fault(ConditionCode.UNSUPPORTED_CHECKSUM_TYPE, detail))
    name, size = metadata.destination_name, metadata.size_octets
    if not name:
        return faults
    refusal = refusal_of(host.store, name, host.mib.part_directory) or refusal_of_sent(host, name)
    if not refusal and host.store.is_directory(name):
        refusal = f"expected a file at {name!r}, found a directory"
    room_octets = part.octets_max()
    if not refusal and size > room_octets:
        refusal = f"expected a file of at most {room_octets} octets, found {size}"
    if refusal:
        faults.append(Fault(ConditionCode.FILESTORE_REJECTION, refusal))
    elif size > remote.file_octets_max:
        detail = f"expected at most {remote.file_octets_max} octets, found {size}"
        faults.append(Fault(ConditionCode.FILE_SIZE_ERROR, detail))
    else:
        part.promise(size)
    return faults
