"""The way of a PDU that came in: read, brought to its transaction, or answered because that is over. It never raises.

Source: CCSDS 727.0-B-5 4.6, 4.7.2, 5.1.
"""

from ccsds.cfdp.codes import ConditionCode, Direction, DirectiveCode, TransactionStatus, TransmissionMode
from ccsds.cfdp.directives import Ack, Directive, Eof, FileData, Finished, Metadata, Nak
from ccsds.cfdp.events import Rejection, Role, TransactionStarted
from ccsds.cfdp.far_end import FarEnd
from ccsds.cfdp.header import PduHeader
from ccsds.cfdp.pdu import Body, Pdu, decode_body
from ccsds.cfdp.receiver import Receiver
from ccsds.cfdp.records import ClosedRecord, ReceiverRecord, transaction_of, turned
from ccsds.cfdp.transactions import Transactions
from ccsds.crc import CRC16_OCTETS, crc16
from ccsds.errors import MalformedError

# The shortest header: 1-octet ids.
_HEADER_OCTETS_MIN = 7


def receive(transactions: Transactions, pdu: bytes, now_ns: int) -> None:
    """Take one PDU. What is wrong with it is counted and told."""
    if len(pdu) >= _HEADER_OCTETS_MIN:
        sizes = pdu[3]
        header_octets = 6 + (sizes >> 3 & 14) + (sizes & 7) + 1
        receiver = transactions.routes.get(pdu[:1] + pdu[3:header_octets])
        if receiver is not None:
            far_end = receiver.far_end
            time_ns = far_end.heard_ns = far_end.clock.count(now_ns)
            _receive_data(transactions, receiver, pdu, header_octets, time_ns)
            return
    try:
        header, pdu_type, field = PduHeader.decode(bytes(pdu))
        body = decode_body(header, pdu_type, field)
    except MalformedError as error:
        transactions.reject(Rejection.MALFORMED, str(error), None, ConditionCode.NO_ERROR)
        return
    is_toward_receiver = header.direction is Direction.TOWARD_RECEIVER
    here, there = (header.destination, header.source) if is_toward_receiver else (header.source, header.destination)
    far_end = transactions.far_ends.get(there)
    if here != transactions.mib.entity or far_end is None:
        mine, known = transactions.mib.entity, sorted(transactions.far_ends)
        detail = f"expected a PDU for entity {mine} from {known}, found {there} to {here}"
        transactions.reject(Rejection.FOREIGN_ENTITY, detail, transaction_of(header), ConditionCode.NO_ERROR)
        return
    time_ns = far_end.heard_ns = far_end.clock.count(now_ns)
    if is_toward_receiver:
        _receive_as_receiver(transactions, header, body, pdu, far_end, time_ns)
    else:
        _receive_as_sender(transactions, header, body, far_end, time_ns)


def _receive_data(transactions: Transactions, receiver: Receiver, pdu: bytes, header_octets: int, time_ns: int) -> None:
    """Take file data of a transaction that had some before: the header is known, but for the length."""
    length_octets = pdu[1] << 8 | pdu[2]
    end = len(pdu)
    if length_octets != end - header_octets:
        detail = f"expected a PDU of {header_octets + length_octets} octets, found {end}"
        transactions.reject(Rejection.MALFORMED, detail, receiver.identity, ConditionCode.NO_ERROR)
        return
    if pdu[0] & 2:
        if crc16(pdu):
            detail = f"expected CRC {crc16(pdu[:-CRC16_OCTETS]):04x}, found {pdu[-CRC16_OCTETS:].hex()}"
            transactions.reject(Rejection.MALFORMED, detail, receiver.identity, ConditionCode.NO_ERROR)
            return
        end -= CRC16_OCTETS
    start = header_octets + (8 if pdu[0] & 1 else 4)
    if start > end:
        detail = f"expected an offset of {start - header_octets} octets, found {end - header_octets}"
        transactions.reject(Rejection.MALFORMED, detail, receiver.identity, ConditionCode.NO_ERROR)
        return
    try:
        receiver.receive_data(int.from_bytes(pdu[header_octets:start], "big"), pdu[start:end], time_ns)
    except OSError as error:
        receiver.fail(error, time_ns)


def _receive_as_sender(
    transactions: Transactions, header: PduHeader, body: Body, far_end: FarEnd, time_ns: int
) -> None:
    identity = transaction_of(header)
    sender = transactions.senders.get(identity)
    is_acknowledged = header.mode is TransmissionMode.ACKNOWLEDGED
    if isinstance(body, FileData):
        detail = "expected no file data from a receiver"
        transactions.reject(Rejection.OUT_OF_PLACE, detail, identity, ConditionCode.NO_ERROR)
        return
    if sender is not None and sender.far_end is far_end:
        try:
            sender.receive(body, time_ns)
        except OSError as error:
            sender.fail(error, time_ns)
        return
    closed = None if sender is not None else transactions.history.closed(identity, Role.SENDER)
    if closed is not None:
        if isinstance(body, Finished) and is_acknowledged:
            _answer(far_end, header, Ack(DirectiveCode.FINISHED, body.condition, TransactionStatus.TERMINATED))
        elif isinstance(body, Nak) and closed.condition is not ConditionCode.NO_ERROR:
            # The far end does not know that it was given up.
            _answer(far_end, header, Eof(closed.condition, 0, 0, transactions.mib.entity))
        return
    detail = f"expected a transaction that is sent from here, found {type(body).__name__} of another"
    transactions.reject(Rejection.UNKNOWN_TRANSACTION, detail, identity, ConditionCode.NO_ERROR)
    if isinstance(body, Finished) and sender is None and is_acknowledged:
        _answer(far_end, header, Ack(DirectiveCode.FINISHED, body.condition, TransactionStatus.UNRECOGNIZED))


def _receive_as_receiver(
    transactions: Transactions, header: PduHeader, body: Body, pdu: bytes, far_end: FarEnd, time_ns: int
) -> None:
    identity = transaction_of(header)
    receiver = transactions.receivers.get(identity)
    if receiver is None:
        closed = transactions.history.closed(identity, Role.RECEIVER)
        if closed is not None:
            _answer_again(far_end, closed, header, body, time_ns)
            return
        receiver = _open(transactions, header, body, far_end, time_ns)
        if receiver is None:
            return
    if not receiver.agrees(header):
        detail = "expected the mode, large file flag and ids of the transaction, found others"
        transactions.reject(Rejection.CONTRADICTION, detail, identity, ConditionCode.INVALID_TRANSMISSION_MODE)
        return
    try:
        if not isinstance(body, FileData):
            receiver.receive(body, time_ns)
            return
        receiver.receive_data(body.offset_octets, body.data, time_ns)
        if not header.has_segment_metadata and identity in transactions.receivers:
            route = pdu[:1] + pdu[3 : header.octets]
            transactions.routes[route] = receiver
            receiver.routes.append(route)
    except OSError as error:
        receiver.fail(error, time_ns)


def _open(transactions: Transactions, header: PduHeader, body: Body, far_end: FarEnd, time_ns: int) -> Receiver | None:
    """Begin to receive a file, if a PDU may be its first."""
    identity = transaction_of(header)
    if not isinstance(body, Metadata | FileData | Eof):
        detail = f"expected Metadata, file data or EOF to begin with, found {type(body).__name__}"
        transactions.reject(Rejection.UNKNOWN_TRANSACTION, detail, identity, ConditionCode.NO_ERROR)
        return None
    if len(transactions.receivers) >= transactions.mib.transactions_max:
        detail = f"expected at most {transactions.mib.transactions_max} transactions at once"
        transactions.reject(Rejection.NO_ROOM, detail, identity, ConditionCode.FILESTORE_REJECTION)
        return None
    record = ReceiverRecord(header=turned(header, Direction.TOWARD_SENDER))
    try:
        receiver = transactions.open_receiver(record, far_end, time_ns)
    except OSError as error:
        transactions.reject(Rejection.NO_ROOM, str(error), identity, ConditionCode.FILESTORE_REJECTION)
        return None
    transactions.tell(TransactionStarted(identity, Role.RECEIVER))
    return receiver


def _answer_again(far_end: FarEnd, closed: ClosedRecord, header: PduHeader, body: Body, time_ns: int) -> None:
    """Answer a late EOF of a finished transaction, or data of one that was given up: the answer may have been lost."""
    if isinstance(body, FileData) and closed.condition is not ConditionCode.NO_ERROR and closed.finished is not None:
        # Else the sender goes on to the end of its file for nobody.
        far_end.answer_rarely(_answer_of(closed.header, closed.finished), time_ns)
    if not isinstance(body, Eof):
        return
    if header.mode is TransmissionMode.ACKNOWLEDGED:
        _answer(far_end, closed.header, Ack(DirectiveCode.EOF, body.condition, TransactionStatus.TERMINATED))
    if closed.finished is not None:
        _answer(far_end, closed.header, closed.finished)


def _answer(far_end: FarEnd, header: PduHeader, body: Directive) -> None:
    far_end.answer(_answer_of(header, body))


def _answer_of(header: PduHeader, body: Directive) -> bytes:
    is_from_sender = isinstance(body, Eof) or (isinstance(body, Ack) and body.directive is DirectiveCode.FINISHED)
    direction = Direction.TOWARD_RECEIVER if is_from_sender else Direction.TOWARD_SENDER
    return Pdu(turned(header, direction), body).encode()
