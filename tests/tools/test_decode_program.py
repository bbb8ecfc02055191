"""The protocol analyser as a program: captures in, a tree or a capture file for Wireshark out."""

import json
import shutil
import struct
import subprocess

import pytest
from click.testing import CliRunner

from ccsds.cfdp.pdu import Pdu
from ccsds.cltu import cltu_encode
from ccsds.packet import SpacePacket
from ccsds.pus.telecommand import RequestId
from ccsds.pus.verification import VerificationReport, VerificationStage
from ccsds.sync import TmEncoder
from tests.tools.samples import (
    BODIES,
    HEADER,
    JOBS,
    METADATA,
    SERIAL,
    SUBMIT,
    cfdp_packet,
    decode,
    housekeeping,
    show,
    tc_frame,
    telemetry,
    tm_frame,
)
from tools.decode.__main__ import main
from tools.decode.form import Form
from tools.decode.pcap import LINK_TYPE_UPPER_PDU, MAGIC_NANOSECONDS


@pytest.fixture
def captures(tmp_path):
    """An uplink and a downlink as `hil run` writes them."""
    encoder = TmEncoder(SERIAL.tm_coding)
    report = VerificationReport(VerificationStage.ACCEPTED, RequestId(0x42, 5))
    packets = [telemetry(1, 1, report.encode()), housekeeping(2, **JOBS), cfdp_packet(METADATA)]
    (tmp_path / "uplink.bin").write_bytes(cltu_encode(tc_frame(SUBMIT)))
    (tmp_path / "downlink.bin").write_bytes(
        b"".join(encoder.encode(tm_frame(packet, count=count)) for count, packet in enumerate(packets))
    )
    return tmp_path, [SUBMIT, *packets]


def run(*arguments, given=None):
    return CliRunner().invoke(main, [str(each) for each in arguments], input=given)


def test_a_capture_is_read_back_as_the_packets_that_were_put_in(captures):
    folder, packets = captures
    result = run("--json", folder / "uplink.bin", folder / "downlink.bin")
    assert result.exit_code == 0
    documents = json.loads(result.stdout)
    assert [document["as"] for document in documents] == ["tc-stream", "tm-stream"]

    def find(nodes):
        for node in nodes:
            if node["kind"] == "packet":
                yield node["octets"]
            else:
                yield from find(node.get("children", ()))

    assert [octets for document in documents for octets in find(document["nodes"])] == [each.hex() for each in packets]


def test_a_report_in_the_downlink_names_the_command_in_the_uplink(captures):
    folder, _ = captures
    result = run(folder / "uplink.bin", folder / "downlink.bin")
    assert "accepted: job.submit (0x42/5, sent at octet 7)" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_summary_counts(captures):
    folder, _ = captures
    result = run("--summary", folder / "downlink.bin")
    counts = {name: number for number, name in (line.split(maxsplit=1) for line in result.stdout.splitlines())}
    assert counts["TM frame on virtual channel 0 live"] == "3"
    assert counts["CFDP Metadata"] == "1"
    assert counts["octets"] == str(3 * SERIAL.tm_coding.cadu_octets)
    document = json.loads(run("--summary", "--json", folder / "downlink.bin").stdout)[0]
    assert document["counts"]["CLCW"] == 3
    assert document["problems"] == {}


def test_a_summary_counts_problems_that_differ_in_numbers_only_as_one_kind():
    broken = b"".join(tc_frame(SUBMIT, number=number)[:-1] + b"\0" for number in range(4))
    _, summary, _ = show(decode(broken, Form.TC_FRAME))
    assert dict(summary.problems) == {"TC frame: expected FECF #, found #": 4}


def test_the_capture_file_never_takes_the_place_of_an_input(captures):
    folder, _ = captures
    before = (folder / "downlink.bin").read_bytes()
    result = run("--pcap", folder / "downlink.bin", folder / "downlink.bin")
    assert result.exit_code == 2
    assert (folder / "downlink.bin").read_bytes() == before


@pytest.mark.parametrize("text", [SUBMIT.hex(), SUBMIT.hex(" "), "0x" + SUBMIT.hex().upper(), SUBMIT.hex(":") + "\n"])
def test_hexadecimal_is_read_in_its_usual_spellings(text):
    assert "job.submit" in run(text).stdout
    assert "job.submit" in run(given=text).stdout
    assert "job.submit" in run("-", given=SUBMIT).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("no-such-file",), "expected a file or hexadecimal digits, found 'no-such-file'"),
        (("123",), "the command line: expected pairs of hexadecimal digits, found 3 characters '123'"),
        (("-",), "expected octets, found none"),
        (("00ff",), "found 2 octets 00ff that are none of them as a whole: say what they are with --as"),
        (("--profile", "xyz", "00ff"), "unknown link profile 'xyz': expected one of sband, serial, uhf, xband"),
        (
            ("--as", "packet", "--pcap", "no/such/folder.pcap", "00ff"),
            "No such file or directory: 'no/such/folder.pcap'",
        ),
    ],
)
def test_bad_input_exits_2_with_one_clear_line(arguments, said):
    result = run(*arguments, given="")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert said in result.stderr


# The capture file for Wireshark


def read_pcap(data):
    """Read a capture file by its own description: (dissector, octets) of each record."""
    magic, major, minor, _, _, longest, link_type = struct.unpack_from(">IHHiIII", data)
    assert (magic, major, minor, link_type) == (MAGIC_NANOSECONDS, 2, 4, LINK_TYPE_UPPER_PDU)
    at, records = 24, []
    while at < len(data):
        seconds, _, kept, length = struct.unpack_from(">IIII", data, at)
        assert kept == length <= longest
        record, at = data[at + 16 : at + 16 + kept], at + 16 + kept
        tag, name_octets = struct.unpack_from(">HH", record)
        assert tag == 12
        assert struct.unpack_from(">HH", record, 4 + name_octets) == (0, 0)
        records.append((record[4 : 4 + name_octets].rstrip(b"\0").decode(), record[8 + name_octets :], seconds))
    return records


def by_own_reader(path):
    """Give what a dissector must show first, from the records themselves: APID and count, or directive."""
    rows = []
    for dissector, octets, _ in read_pcap(path.read_bytes()):
        apid, count, pdu = "", "", octets
        if dissector == "ccsds":
            packet = SpacePacket.decode(octets)
            apid, count, pdu = (
                str(packet.apid),
                str(packet.sequence_count),
                packet.data if packet.apid == 0x7FD else b"",
            )
        rows.append((apid, count, f"{pdu[HEADER.octets]:#04x}" if pdu and not pdu[0] & 0x10 else ""))
    return rows


@pytest.fixture
def dissect():
    """What reads a capture file: tshark where it is installed, else a reader that knows the file's description."""
    tshark = shutil.which("tshark")

    def by_tshark(path):
        fields = ("ccsds.apid", "ccsds.seqnum", "cfdp.fdtype")
        command = [tshark, "-r", str(path), "-T", "fields", *(word for name in fields for word in ("-e", name))]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]

    return by_tshark if tshark else by_own_reader


def test_the_capture_file_is_dissected_as_packets_and_pdus(captures, dissect):
    folder, _ = captures
    pdus = "".join(Pdu(HEADER, body).encode().hex() for body in BODIES.values())
    path = folder / "link.pcap"
    result = run("--summary", "--pcap", path, folder / "uplink.bin", folder / "downlink.bin", pdus)
    assert result.exit_code == 0
    assert result.stderr == f"decode: {4 + len(BODIES)} packets and PDUs written to {path}\n"
    for read in (dissect, by_own_reader):
        rows = [(apid, count, directive and int(directive, 0)) for apid, count, directive in read(path)]
        assert rows == [
            ("66", "5", ""),
            ("66", "1", ""),
            ("66", "1", ""),
            ("2045", "1", 7),
            *(("", "", code) for code in (7, "", 4, 5, 6, 8, 9, 12)),
        ]


def test_the_records_are_the_very_octets_and_telemetry_carries_its_own_time(captures):
    folder, packets = captures
    path = folder / "link.pcap"
    run("--summary", "--pcap", path, folder / "uplink.bin", folder / "downlink.bin")
    records = read_pcap(path.read_bytes())
    assert [(dissector, octets) for dissector, octets, _ in records] == [("ccsds", packet) for packet in packets]
    assert [seconds for _, _, seconds in records] == [0, 1_721_308_763, 1_721_308_763, 1_721_308_763]
