"""What becomes of a put: checked, and made into the record of a transaction. It opens nothing.

Source: CCSDS 727.0-B-5 3.4.1, 4.6.1.1.1.
"""

from ccsds.cfdp.codes import Direction
from ccsds.cfdp.directives import Metadata
from ccsds.cfdp.far_end import PRIORITY_MAX
from ccsds.cfdp.filestore import refusal_of
from ccsds.cfdp.header import PduHeader
from ccsds.cfdp.mib import SMALL_FILE_OCTETS_MAX, RemoteConfig
from ccsds.cfdp.pdu import Pdu
from ccsds.cfdp.records import PutRequest, SenderRecord
from ccsds.cfdp.transactions import Transactions
from ccsds.errors import MisuseError


def sender_record(request: PutRequest, transactions: Transactions, remote: RemoteConfig) -> SenderRecord:
    """Give the record of a transaction that is to be begun; its sequence number is used up.

    Raises:
        MisuseError: The file is not there or too large, a name leaves the store, or there are too many transactions.
    """
    mib = transactions.mib
    if len(transactions.senders) >= mib.transactions_max:
        raise MisuseError(f"put: expected at most {mib.transactions_max} transactions at once")
    if not 0 <= request.priority <= PRIORITY_MAX:
        raise MisuseError(f"put: expected priority 0 to {PRIORITY_MAX}, found {request.priority}")
    if bool(request.source_name) != bool(request.destination_name):
        raise MisuseError("put: expected both file names or none, found one")
    size = _size_of(request.source_name, transactions, remote) if request.source_name else 0
    metadata = Metadata(
        size,
        request.source_name,
        request.destination_name,
        remote.checksum_type if request.checksum_type is None else request.checksum_type,
        remote.closure_requested if request.closure_requested is None else request.closure_requested,
        request.options,
    )
    header = PduHeader(
        Direction.TOWARD_RECEIVER,
        remote.mode if request.mode is None else request.mode,
        mib.entity,
        transactions.history.take_sequence(mib.entity, remote.sequence_octets, transactions.senders.__contains__),
        request.destination,
        remote.has_crc,
        size > SMALL_FILE_OCTETS_MAX,
        remote.entity_octets,
        remote.sequence_octets,
    )
    octets = len(Pdu(header, metadata).encode())
    if octets > remote.pdu_octets_max:
        raise MisuseError(f"put: expected Metadata of at most {remote.pdu_octets_max} octets, found {octets}")
    version = transactions.store.version(request.source_name) if request.source_name else b""
    return SenderRecord(header=header, request=request, metadata=metadata, version=version)


def _size_of(name: str, transactions: Transactions, remote: RemoteConfig) -> int:
    refusal = refusal_of(transactions.store, name, transactions.mib.part_directory)
    if refusal:
        raise MisuseError(f"put: {refusal}")
    try:
        size = transactions.store.size(name)
    except OSError as error:
        raise MisuseError(f"put: expected a file at {name!r}: {error}") from error
    if size > remote.file_octets_max:
        raise MisuseError(f"put: expected at most {remote.file_octets_max} octets for this far end, found {size}")
    return size
