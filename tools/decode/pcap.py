"""A capture file that Wireshark and tshark open without any settings: space packets and CFDP PDUs.

Each record is an "exported PDU" (link type 252): a tag with the name of the dissector, ``ccsds`` or ``cfdp``, and then
the octets. So there is no need of UDP with its limit of 65,507 octets, nor of decode-as. Packets of APID 2045 are
handed on to the cfdp dissector by the ccsds dissector itself.

Source: draft-ietf-opsawg-pcap (file); Wireshark epan/exported_pdu.h (tags).
"""

import struct
from collections.abc import Iterable
from typing import BinaryIO

from ccsds.errors import MalformedError
from ccsds.pus.telemetry import Telemetry
from ccsds.time import unix_ns_from_tai
from tools.decode.node import Kind, Node

MAGIC_NANOSECONDS = 0xA1B23C4D
LINK_TYPE_UPPER_PDU = 252
TAG_DISSECTOR_NAME = 12
TAG_END = 0

_FILE = struct.Struct(">IHHiIII")
_RECORD = struct.Struct(">IIII")
_TAG = struct.Struct(">HH")
_VERSION = (2, 4)
# What a record may be long at most: the longest packet is 65,542 octets, and 262,144 is Wireshark's own limit.
RECORD_OCTETS_MAX = 262_144
_NS_PER_S = 1_000_000_000
_SECONDS_MAX = 0xFFFF_FFFF


class PcapWriter:
    """Writes one capture file.

    Args:
        file: Where to.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._time_ns = 0
        self.records_count = 0
        file.write(_FILE.pack(MAGIC_NANOSECONDS, *_VERSION, 0, 0, RECORD_OCTETS_MAX, LINK_TYPE_UPPER_PDU))

    def write(self, nodes: Iterable[Node]) -> None:
        """Write the packets and PDUs of trees; idle packets are left out, and a PDU in a packet is not written twice.

        A telemetry packet is stamped with its own time, everything else with the last time there was.
        """
        for node in nodes:
            if node.kind is Kind.PACKET:
                self._note_time(node.octets.data)
                self._record("ccsds", node.octets.data)
            elif node.kind is Kind.PDU:
                self._record("cfdp", node.octets.data)
            else:
                self.write(node.children)

    def _record(self, dissector: str, octets: bytes) -> None:
        name = dissector.encode()
        name += bytes(-len(name) % 4)
        record = _TAG.pack(TAG_DISSECTOR_NAME, len(name)) + name + _TAG.pack(TAG_END, 0) + octets
        seconds, rest_ns = divmod(self._time_ns, _NS_PER_S)
        kept = record[:RECORD_OCTETS_MAX]
        self._file.write(_RECORD.pack(seconds, rest_ns, len(kept), len(record)) + kept)
        self.records_count += 1

    def _note_time(self, packet: bytes) -> None:
        try:
            unix_ns = unix_ns_from_tai(Telemetry.decode(packet).time_tai_ns)
        except MalformedError:
            return
        # The file has no times before 1970 or after 2106.
        self._time_ns = min(max(0, unix_ns), _SECONDS_MAX * _NS_PER_S)
