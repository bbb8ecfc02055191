"""The protocol analyser: known octets in, named fields out; broken octets in, reasons out, whatever they are."""

import random
from dataclasses import replace
from itertools import cycle

import pytest

from ccsds.cfdp.codes import (
    Direction,
    DirectiveCode,
    TransmissionMode,
)
from ccsds.cfdp.directives import Metadata
from ccsds.cfdp.header import PduHeader, PduType
from ccsds.cfdp.pdu import Pdu
from ccsds.cltu import cltu_encode
from ccsds.packet import PacketType, SpacePacket
from ccsds.pus.telecommand import RequestId, Telecommand
from ccsds.pus.verification import VerificationReport, VerificationStage
from ccsds.sdls.association import Suite
from ccsds.sync import TmEncoder
from ccsds.tc_frame import UNLOCK, TcFrameKind, set_vr
from ccsds.tc_segment import cut_packet
from ccsds.tm_frame import NO_PACKET_START, ONLY_IDLE, TmFrame
from ccsds.tm_packets import PacketAssembler, TmFramer
from mission.definition import DICTIONARY
from tests.tools.samples import (
    BODIES,
    CLCW,
    HEADER,
    JOBS,
    METADATA,
    SAMPLES,
    SERIAL,
    SUBMIT,
    cfdp_packet,
    decode,
    event,
    housekeeping,
    problems,
    protect,
    show,
    tc_frame,
    telecommand,
    telemetry,
    tm_frame,
)
from tools.decode.__main__ import Decoder
from tools.decode.assembly import Assembly
from tools.decode.form import Form, guess
from tools.decode.node import Kind
from tools.decode.octets import Octets
from tools.decode.packet import PacketReader
from tools.decode.security import Protection
from tools.decode.show import printable, to_json

# What is right


@pytest.mark.parametrize("form", Form)
def test_a_sample_of_each_form_is_guessed_and_has_no_problem(form):
    assert guess(SAMPLES[form], [SERIAL]).form is form
    assert problems(decode(SAMPLES[form])) == []


def test_a_tm_frame_is_shown_field_by_field_with_its_clcw():
    (node,) = decode(SAMPLES[Form.TM_FRAME])
    assert node.kind is Kind.TM_FRAME
    for name, value in {
        "version": 0,
        "spacecraft id": 0x2A,
        "virtual channel": 0,
        "OCF flag": 1,
        "virtual channel count": 0,
        "first header pointer": 0,
        "segment length": 3,
    }.items():
        assert node.find(name).value == value
    assert node.find("virtual channel").bits == ".... 000."
    clcw = node.find("CLCW")
    assert clcw.octets.data == CLCW.encode()
    assert clcw.meaning == "TC virtual channel 0, N(R) 7, lockout"
    assert clcw.find("FARM-B counter").value == 2
    assert node.find("FECF").meaning == "right"
    assert node.find("FECF").octets.first == 221


def test_a_tc_frame_is_shown_with_all_its_packets():
    (node,) = decode(SAMPLES[Form.TC_FRAME])
    assert node.meaning == "AD, virtual channel 0 commands, N(S) 4"
    assert node.find("frame length").meaning == f"{len(SAMPLES[Form.TC_FRAME])} octets"
    packets = [each.name for each in node.walk() if each.kind is Kind.PACKET]
    assert packets == ["telecommand [128,1] job.submit", "telecommand [17,1] test.connection"]


@pytest.mark.parametrize(("command", "said"), [(UNLOCK, "Unlock"), (set_vr(9), "Set V(R) to 9")])
def test_a_command_to_farm_1_is_named(command, said):
    (node,) = decode(tc_frame(command, kind=TcFrameKind.BC, number=0))
    assert node.find("control command").meaning == said


def test_the_arguments_of_a_telecommand_are_shown_with_their_places():
    (node,) = decode(SUBMIT)
    assert node.find("acknowledgement flags").meaning == "acceptance, start, progress, completion"
    assert node.find("source id").value == 9
    assert [(each.name, each.octets.first, each.value) for each in node.children[-8:-1]] == [
        ("job_id", 11, 7),
        ("recipe", 15, "nanogpt"),
        ("corpus", 24, "tinyshakespeare"),
        ("seed", 41, 3),
        ("steps", 45, 0),
        ("overrides", 49, ""),
        ("deadline", 51, 0),
    ]


def test_housekeeping_is_shown_with_units_and_what_is_no_number_as_text():
    (node,) = decode(housekeeping(2, **JOBS))
    assert node.meaning == "housekeeping jobs"
    assert node.find("time").value == "2024-07-18T13:19:23.000000"
    assert (node.find("job_loss").value, node.find("job_loss").unit) == (2.5, "nat")
    assert node.find("job_state").value == "RUNNING"
    assert node.find("job_tokens_per_s").value == "nan"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("parameter.report", {"parameters": ["uptime", "mode"]}),
        ("parameter.set", {"values": {"beacon_period": 60}}),
        ("event.disable", {"events": ["booted"]}),
        ("storage.enable", {"stores": ["events"]}),
    ],
)
def test_arguments_that_name_what_is_declared_are_read(name, arguments):
    (node,) = decode(telecommand(name, **arguments))
    assert node.label == f"telecommand {name}"
    assert problems([node]) == []


def test_the_report_of_disabled_events_is_no_event():
    declared = DICTIONARY.reports["events_disabled"]
    (node,) = decode(telemetry(5, 8, declared.fields.encode({"events": [1, 2]})))
    assert node.label == "report events_disabled"


def test_an_event_is_shown_as_its_text():
    (node,) = decode(event("booted", boot_count=3, dictionary_digest=bytes(8)))
    assert node.meaning == ("informative event booted: flight software started, boot 3, dictionary 0000000000000000")


def test_a_verification_report_tells_the_request_it_is_about_once_that_was_seen():
    report = VerificationReport(VerificationStage.COMPLETION_FAILED, RequestId(0x42, 5), None, 7, "no such job")
    packet = telemetry(1, report.stage, report.encode())
    decoder = Decoder()
    (before,) = decoder.decode(packet)[2]
    assert before.meaning.startswith("completion failed: request 0x42/5, which is not in what was decoded so far")
    list(decoder.decode(telecommand("job.cancel", job_id=7))[2])
    (after,) = decoder.decode(packet)[2]
    assert after.meaning == "completion failed: job.cancel (0x42/5, sent at octet 0), refused: no such job"


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("name", BODIES)
def test_each_pdu_is_shown_with_all_its_octets_accounted_for(name, is_large):
    header = PduHeader(Direction.TOWARD_SENDER, TransmissionMode.UNACKNOWLEDGED, 1, 7, 2, True, is_large)
    (node,) = decode(Pdu(header, BODIES[name]).encode(), Form.CFDP)
    assert (node.name, node.problem) == (name, "")
    assert node.meaning.endswith("transaction 1/7 to 2")
    assert node.find("CRC-16").meaning == "right"
    shown = {place for each in node.walk() if not each.children for place in each.octets.places}
    assert shown == set(range(len(node.octets)))


def test_the_options_and_numbers_of_pdus_are_shown():
    nodes = {node.name: node for node in decode(SAMPLES[Form.CFDP])}
    metadata = nodes["CFDP Metadata"]
    assert metadata.meaning == "'a.bin' as 'b.bin', 1000 octets; transaction 1/7 to 2"
    assert metadata.find("filestore request").meaning == "rename file 'b.bin', 'c.bin'"
    assert metadata.find("checksum type").meaning == "crc 32c"
    assert nodes["CFDP File Data"].find("offset").value == 512
    assert nodes["CFDP EOF"].find("checksum").value == "1234abcd"
    assert nodes["CFDP EOF"].find("entity id").meaning == "entity 2"
    assert nodes["CFDP Finished"].find("filestore response").meaning == "rename file 'b.bin', 'c.bin': status 0, done"
    assert nodes["CFDP NAK"].meaning.startswith("2 parts missing, 200 octets")
    assert nodes["CFDP Prompt"].meaning.startswith("wants keep alive")


def test_a_packet_of_apid_2045_holds_its_pdu_at_its_place():
    (node,) = decode(cfdp_packet(METADATA))
    assert node.find("CFDP Metadata").octets.first == 6
    assert node.find("source file name").value == "a.bin"


# Protected frames


def test_an_encrypted_data_field_is_shown_with_spi_and_counter_and_no_more():
    (node,) = decode(tc_frame(protect(Suite.AES_256_GCM, bytes(range(100, 160)))))
    said = node.find("protected data field")
    assert said.meaning == "SPI 5, counter 1234, protected payload of 60 octets"
    assert node.find("MAC").octets.data == bytes(range(16))
    assert problems([node]) == []
    data = protect(Suite.AES_256_GCM, bytes(SERIAL.tm_data_octets - Suite.AES_256_GCM.overhead_octets))
    (node,) = decode(TmFrame(0x2A, 0, 0, 0, 3, data, CLCW.encode()).encode())
    assert node.find("IV").value == 1234
    assert node.find("CLCW").problem == ""


@pytest.mark.parametrize("protection", [Protection.NONE, Protection.AES_256_GCM])
def test_segment_headers_are_shown_where_the_profile_has_them(protection):
    profile = replace(SERIAL, tc_map=9)
    segments = cut_packet(SUBMIT, 9, 30)
    shown = []
    for number, segment in enumerate(segments):
        data = segment.encode()
        if protection is Protection.AES_256_GCM:
            data = data[:1] + protect(Suite.AES_256_GCM, data[1:], counter=number)
        (node,) = decode(tc_frame(data), Form.TC_FRAME, profile, protection)
        assert problems([node]) == []
        assert node.find("MAP id").value == 9
        shown.append(node.find("sequence flags").value)
        if protection is Protection.NONE:
            assert node.find("part of a packet").octets.data == segment.data
    assert shown == [0b01, *[0b00] * (len(segments) - 2), 0b10]
    (node,) = decode(tc_frame(b"\xc9" + SUBMIT), Form.TC_FRAME, profile, Protection.NONE)
    assert "MAP 9 whole packets" in node.meaning
    assert [each.kind for each in node.walk()].count(Kind.PACKET) == 1


def test_a_data_field_that_is_only_authenticated_is_read_on_if_its_suite_is_named():
    frame = tc_frame(protect(Suite.AES_256_CMAC, SUBMIT))
    (node,) = decode(frame, protection=Protection.AES_256_CMAC)
    assert node.find("sequence number").value == 1234
    assert node.find("recipe").value == "nanogpt"
    assert problems([node]) == []


def test_nothing_is_taken_for_protected_if_it_must_not_be():
    (node,) = decode(tc_frame(protect(Suite.AES_256_GCM, bytes(40))), protection=Protection.NONE)
    assert Kind.SECURITY not in {each.kind for each in node.walk()}


# Streams


def test_a_downlink_with_noise_and_a_slip_gives_each_octet_its_place():
    encoder = TmEncoder(SERIAL.tm_coding)
    packets = [housekeeping(2, **{**JOBS, "job_step": step}) for step in range(6)]
    cadus = [encoder.encode(tm_frame(packet, count=count)) for count, packet in enumerate(packets)]
    hit = bytearray(cadus[1])
    hit[100] ^= 0xFF
    noise = random.Random(1).randbytes(40)
    stream = noise + cadus[0] + hit + cadus[2] + b"\xaa" + cadus[3] + cadus[4][:-30] + cadus[5]
    nodes = decode(stream, Form.TM_STREAM, SERIAL)
    frames = [node for node in nodes if node.kind is Kind.TM_FRAME]
    length = len(cadus[0])
    starts = [frame.octets.places[0] - 4 for frame in frames]
    assert starts[:4] == [40, 40 + length, 40 + 2 * length, 41 + 3 * length]
    assert starts[-1] == 41 + 5 * length - 30
    assert "1 symbols corrected" in frames[1].meaning
    gaps = [(node.octets.first, len(node.octets)) for node in nodes if node.kind is Kind.GAP]
    assert gaps[0] == (0, 40)
    assert [frame.find("job_step").value for frame in frames][:4] == [0, 1, 2, 3]


def test_the_octets_of_an_uplink_stand_where_they_are_said_to_stand():
    frames = [tc_frame(telecommand("test.connection", count=count), number=count) for count in range(5)]
    stream = bytearray(b"\x55" * 9 + b"".join(cltu_encode(frame) + b"\x55" * 3 for frame in frames))
    hit = 9 + len(cltu_encode(frames[0])) + 3 + 2 + 9
    stream[hit] ^= 0x10
    nodes = [node for node in decode(bytes(stream)) if node.kind is Kind.TC_FRAME]
    assert [node.octets.data for node in nodes] == frames
    for node in nodes:
        differing = [
            place for place, octet in zip(node.octets.places, node.octets.data, strict=True) if stream[place] != octet
        ]
        assert differing == ([hit] if node is nodes[1] else [])
    assert "1 octets of the CLTU corrected" in nodes[1].meaning


def test_a_packet_that_spans_frames_is_shown_where_it_ends_with_the_places_of_all_its_pieces():
    packet = telemetry(128, 132, DICTIONARY.reports["job_sample"].fields.encode({"job_id": 7, "text": "x" * 450}))
    framer = TmFramer(SERIAL.tm_data_octets)
    framer.put(packet)
    frames = []
    while (content := framer.take(flush=True)) is not None:
        frames.append(TmFrame(0x2A, 0, len(frames), len(frames), *content, CLCW.encode()).encode())
    assert len(frames) == 3
    nodes = decode(b"".join(frames), Form.TM_FRAME)
    assert [node.children[11].name for node in nodes[:2]] == ["beginning of a packet", "middle of a packet"]
    whole = nodes[2].find("telemetry [128,132] job_sample")
    assert whole.octets.data == packet
    assert bytes(b"".join(frames)[place] for place in whole.octets.places) == packet
    assert [run[0] for run in whole.octets.runs()] == [6, 229, 452]
    assert len(to_json(whole)["pieces"]) == 3


@pytest.mark.parametrize("seed", range(20))
def test_the_packets_of_a_lossy_channel_are_those_that_the_link_itself_finds(seed):
    draw = random.Random(seed)
    framer, assembler, assembly = TmFramer(100), PacketAssembler(), Assembly(PacketReader())
    wanted, found = [], []
    for count in range(200):
        while not framer.is_full:
            data = draw.randbytes(draw.choice((1, 5, 60, 400)))
            framer.put(SpacePacket(PacketType.TELEMETRY, 5, 0, data, has_secondary_header=False).encode())
        pointer, data = framer.take() or (0, b"")
        if draw.random() < 0.1:
            continue
        if draw.random() < 0.05:
            pointer = draw.choice((0, 50, 99, 100, NO_PACKET_START))
        wanted += assembler.receive(data, pointer, count % 256)
        nodes = assembly.receive(Octets.whole(data), pointer, count % 256)
        found += [node.octets.data for node in nodes if node.kind is Kind.PACKET]
    assert found == wanted
    assert wanted


def test_a_missed_frame_and_the_packet_that_was_lost_with_it_are_shown():
    frames = [tm_frame(housekeeping(2, **JOBS), count=count) for count in (0, 3)]
    assert problems(decode(b"".join(frames), Form.TM_FRAME)) == [
        "expected virtual channel count 1, found 3: 2 frames missed"
    ]


def test_an_idle_frame_is_told_as_such():
    frame = TmFrame(0x2A, 7, 0, 0, ONLY_IDLE, bytes(SERIAL.tm_data_octets), CLCW.encode()).encode()
    (node,) = decode(frame)
    assert node.meaning == "virtual channel 7 idle, count 0, idle"


# What is wrong


def test_a_wrong_checksum_is_the_problem_of_its_frame_packet_or_pdu():
    for form, sample, name in (
        (Form.TM_FRAME, SAMPLES[Form.TM_FRAME], "TM frame: expected FECF"),
        (Form.TC_FRAME, SAMPLES[Form.TC_FRAME], "TC frame: expected FECF"),
        (Form.PACKET, SUBMIT, "telecommand: expected CRC-16"),
        (Form.PACKET, housekeeping(2, **JOBS), "telemetry: expected CRC-16"),
        (Form.CFDP, METADATA, "CFDP PDU: expected CRC"),
    ):
        broken = sample[:-1] + bytes([sample[-1] ^ 1])
        (node,) = decode(broken)
        assert node.problem.startswith(name)
        (node,) = decode(broken, form)
        assert node.problem.startswith(name)


def test_a_word_outside_the_dictionary_is_shown_with_the_reason_and_its_octets():
    (node,) = decode(telemetry(200, 1, b"abc"))
    assert node.problem == "expected a declared report, found message type [200,1]"
    assert node.find("data").octets.data == b"abc"


@pytest.mark.parametrize("form", Form)
def test_every_truncation_is_shown_and_never_raises(form):
    sample = SAMPLES[form]
    for length in range(1, len(sample)):
        nodes = decode(sample[:length], form, SERIAL)
        text, _, _ = show(nodes)
        assert text
        if form is not Form.PACKET:
            assert problems(nodes) or length in _ends(nodes)


def _ends(nodes):
    """Give where parts end, so that what is before them is whole."""
    return {node.octets.last + 1 for node in nodes if node.octets.data}


def test_2000_random_inputs_never_raise():
    draw = random.Random(3)
    forms = cycle(Form)
    for _ in range(2_000):
        form = next(forms)
        data = bytearray(draw.randbytes(draw.randrange(1, 400)))
        if draw.random() < 0.7:
            data = bytearray(SAMPLES[draw.choice([*Form])])
            for _ in range(draw.randrange(1, 6)):
                at = draw.randrange(len(data))
                data[at : at + draw.randrange(2)] = draw.randbytes(draw.randrange(3))
        protection = draw.choice([*Protection])
        text, _, _ = show(decode(bytes(data) or b"\0", form, SERIAL, protection))
        assert text


def test_random_contents_under_right_checksums_never_raise():
    draw = random.Random(4)
    types = [(report.service, report.subtype) for report in DICTIONARY.reports.values()]
    types += [(3, 25), *((1, stage) for stage in VerificationStage), *((5, severity) for severity in range(6))]
    for _ in range(500):
        data = draw.choice((b"", bytes([draw.randrange(4)]), bytes([0, draw.randrange(32)]))) + draw.randbytes(
            draw.randrange(40)
        )
        if draw.random() < 0.5:
            data = RequestId(0x42, 5).encode() + data
        command = draw.choice([*DICTIONARY.commands.values()])
        directive = bytes([draw.choice([*DirectiveCode])]) + data
        for form, octets in (
            (Form.PACKET, telemetry(*draw.choice(types), data)),
            (Form.PACKET, Telecommand(0x42, 1, command.service, command.subtype, data=data).encode()),
            (Form.CFDP, HEADER.encode(PduType.DIRECTIVE, directive)),
            (Form.TC_FRAME, tc_frame(b"\0" + data)),
            (Form.TM_FRAME, tm_frame(data.ljust(SERIAL.tm_data_octets, b"\1"), draw.choice((3, 200, 0x7FF)))),
        ):
            text, _, _ = show(decode(octets, form))
            assert text


def test_every_single_bit_flip_of_a_packet_is_a_problem_or_a_fill_octet():
    packet = housekeeping(2, **JOBS)
    for bit in range(8 * len(packet)):
        flipped = bytearray(packet)
        flipped[bit // 8] ^= 0x80 >> bit % 8
        nodes = decode(bytes(flipped), Form.PACKET)
        show(nodes)
        # A telemetry packet without its secondary header flag says nothing that could be wrong.
        assert problems(nodes) or bit == 4


def test_control_characters_from_the_link_do_not_reach_the_terminal():
    pdu = Pdu(HEADER, Metadata(1, "\x1b[2Ja\nb", "c", 2)).encode()
    text, _, _ = show(decode(pdu))
    assert "\x1b" not in text
    assert printable("\x1b[2J") == r"\x1b[2J"
