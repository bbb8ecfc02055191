"""The hand-packed headers are what `construct` declares, field by field and both ways."""

from construct import BitsInteger, BitStruct, Bytes, Const, Flag, Padding
from hypothesis import given
from hypothesis import strategies as st

from ccsds.clcw import Clcw
from ccsds.packet import PacketType, SequenceFlags, SpacePacket
from ccsds.pus.telecommand import AckFlags, Telecommand
from ccsds.pus.telemetry import Telemetry
from ccsds.tc_frame import TcFrame, TcFrameKind
from ccsds.time import cuc_decode
from ccsds.tm_frame import NO_PACKET_START, ONLY_IDLE, TmFrame

PACKET = BitStruct(
    "version" / Const(0, BitsInteger(3)),
    "packet_type" / BitsInteger(1),
    "has_secondary_header" / Flag,
    "apid" / BitsInteger(11),
    "sequence_flags" / BitsInteger(2),
    "sequence_count" / BitsInteger(14),
    "data_length_less_one" / BitsInteger(16),
)
TELECOMMAND = BitStruct(
    "pus_version" / Const(2, BitsInteger(4)),
    "ack" / BitsInteger(4),
    "service" / BitsInteger(8),
    "subtype" / BitsInteger(8),
    "source_id" / BitsInteger(16),
)
TELEMETRY = BitStruct(
    "pus_version" / Const(2, BitsInteger(4)),
    "time_reference_status" / Const(0, BitsInteger(4)),
    "service" / BitsInteger(8),
    "subtype" / BitsInteger(8),
    "message_counter" / BitsInteger(16),
    "destination_id" / BitsInteger(16),
    "ticks" / BitsInteger(48),
)
TC_FRAME = BitStruct(
    "version" / Const(0, BitsInteger(2)),
    "bypass" / Flag,
    "control_command" / Flag,
    "spare" / Const(0, BitsInteger(2)),
    "spacecraft_id" / BitsInteger(10),
    "virtual_channel" / BitsInteger(6),
    "length_less_one" / BitsInteger(10),
    "sequence" / BitsInteger(8),
)
TM_FRAME = BitStruct(
    "version" / Const(0, BitsInteger(2)),
    "spacecraft_id" / BitsInteger(10),
    "virtual_channel" / BitsInteger(3),
    "has_ocf" / Flag,
    "mc_count" / BitsInteger(8),
    "vc_count" / BitsInteger(8),
    "secondary_header" / Const(0, BitsInteger(1)),
    "synchronisation" / Const(0, BitsInteger(1)),
    "packet_order" / Const(0, BitsInteger(1)),
    "segment_length" / Const(3, BitsInteger(2)),
    "first_header_pointer" / BitsInteger(11),
)
CLCW = BitStruct(
    "control_word_type" / Const(0, BitsInteger(1)),
    "version" / Const(0, BitsInteger(2)),
    "status" / BitsInteger(3),
    "cop_in_effect" / Const(1, BitsInteger(2)),
    "virtual_channel" / BitsInteger(6),
    Padding(2),
    "no_rf_available" / Flag,
    "no_bit_lock" / Flag,
    "lockout" / Flag,
    "wait" / Flag,
    "retransmit" / Flag,
    "farm_b_counter" / BitsInteger(2),
    Padding(1),
    "report_value" / BitsInteger(8),
)

octet = st.integers(0, 0xFF)
word = st.integers(0, 0xFFFF)
apids = st.integers(0, 0x7FF)
counts = st.integers(0, 0x3FFF)
data = st.binary(min_size=1, max_size=20)


@given(st.sampled_from(PacketType), st.booleans(), apids, st.sampled_from(SequenceFlags), counts, data)
def test_the_space_packet_is_laid_out_as_declared(packet_type, has_secondary_header, apid, flags, count, octets):
    declared = PACKET.build(
        {
            "packet_type": packet_type,
            "has_secondary_header": has_secondary_header,
            "apid": apid,
            "sequence_flags": flags,
            "sequence_count": count,
            "data_length_less_one": len(octets) - 1,
        }
    )
    packet = SpacePacket(packet_type, apid, count, octets, flags, has_secondary_header)
    assert packet.encode() == declared + octets
    assert SpacePacket.decode(declared + octets) == packet


@given(apids, counts, octet, octet, word, st.integers(0, 15), st.binary(max_size=20))
def test_the_telecommand_is_laid_out_as_declared(apid, count, service, subtype, source_id, ack, octets):
    declared = PACKET.build(
        {
            "packet_type": 1,
            "has_secondary_header": True,
            "apid": apid,
            "sequence_flags": 3,
            "sequence_count": count,
            "data_length_less_one": TELECOMMAND.sizeof() + len(octets) + 2 - 1,
        }
    ) + TELECOMMAND.build({"ack": ack, "service": service, "subtype": subtype, "source_id": source_id})
    telecommand = Telecommand(apid, count, service, subtype, source_id, AckFlags(ack), octets)
    assert telecommand.encode()[:-2] == declared + octets


@given(apids, counts, octet, octet, word, word, st.integers(0, 2**48 - 1), st.binary(max_size=20))
def test_the_telemetry_packet_is_laid_out_as_declared(apid, count, service, subtype, counter, to, ticks, octets):
    declared = PACKET.build(
        {
            "packet_type": 0,
            "has_secondary_header": True,
            "apid": apid,
            "sequence_flags": 3,
            "sequence_count": count,
            "data_length_less_one": TELEMETRY.sizeof() + len(octets) + 2 - 1,
        }
    ) + TELEMETRY.build(
        {
            "service": service,
            "subtype": subtype,
            "message_counter": counter,
            "destination_id": to,
            "ticks": ticks,
        }
    )
    time_tai_ns = cuc_decode(ticks.to_bytes(6, "big"))
    report = Telemetry(apid, count, service, subtype, counter, to, time_tai_ns, octets)
    assert report.encode()[:-2] == declared + octets


@given(st.sampled_from(TcFrameKind), st.integers(0, 1023), st.integers(0, 63), octet, data)
def test_the_tc_frame_is_laid_out_as_declared(kind, spacecraft_id, virtual_channel, sequence, octets):
    declared = TC_FRAME.build(
        {
            "bypass": kind in (TcFrameKind.BD, TcFrameKind.BC),
            "control_command": kind is TcFrameKind.BC,
            "spacecraft_id": spacecraft_id,
            "virtual_channel": virtual_channel,
            "length_less_one": TC_FRAME.sizeof() + len(octets) + 2 - 1,
            "sequence": sequence,
        }
    )
    assert TcFrame(kind, spacecraft_id, virtual_channel, sequence, octets).encode()[:-2] == declared + octets


@given(
    st.integers(0, 1023),
    st.integers(0, 7),
    octet,
    octet,
    st.just(0) | st.sampled_from([NO_PACKET_START, ONLY_IDLE]),
    data,
    st.none() | st.binary(min_size=4, max_size=4),
)
def test_the_tm_frame_is_laid_out_as_declared(spacecraft_id, channel, mc_count, vc_count, pointer, octets, ocf):
    declared = TM_FRAME.build(
        {
            "spacecraft_id": spacecraft_id,
            "virtual_channel": channel,
            "has_ocf": ocf is not None,
            "mc_count": mc_count,
            "vc_count": vc_count,
            "first_header_pointer": pointer,
        }
    )
    frame = TmFrame(spacecraft_id, channel, mc_count, vc_count, pointer, octets, ocf)
    assert frame.encode()[:-2] == declared + octets + (ocf or b"")


@given(st.binary(min_size=4, max_size=4))
def test_any_clcw_is_read_as_declared_and_written_back_without_its_spare_bits(octets):
    octets = bytes([octets[0] & 0x1C | 1]) + octets[1:]
    declared = CLCW.parse(octets)
    clcw = Clcw.decode(octets)
    fields = [name for name in Clcw.__struct_fields__]
    assert {name: getattr(clcw, name) for name in fields} == {name: declared[name] for name in fields}
    assert clcw.encode() == CLCW.build({name: declared[name] for name in fields})


def test_the_request_identifier_is_the_packets_first_half():
    telecommand = Telecommand(0x42, 5, 17, 1)
    assert telecommand.request_id.encode() == Bytes(4).parse(telecommand.encode())
