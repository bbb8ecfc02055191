"""``python -m tools.decode``: show what the octets of a link say. docs/decode.md has examples.

Exit status: 0 shown (what is broken is shown with its reason), 2 bad input.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from ccsds.errors import MisuseError
from ccsds.tc_frame import FRAME_OCTETS_MAX
from mission.profile_file import open_profile
from mission.profiles import PROFILES, LinkProfile
from tools.decode.cfdp import read_pdus
from tools.decode.form import Form, distinct_profiles, guess, guess_profile, is_tm_frame
from tools.decode.node import Node
from tools.decode.octets import Octets
from tools.decode.packet import PacketReader
from tools.decode.pcap import PcapWriter
from tools.decode.security import Protection
from tools.decode.show import Piece, Summary, lines, to_json
from tools.decode.stream import read_tc_stream, read_tm_stream
from tools.decode.tc import TcReader, frame_length
from tools.decode.tm import TmReader

# Click's own number for a usage error is 2 as well.
BAD_INPUT = 2
# The whole input is held; a longer capture is cut with `split` first.
INPUT_OCTETS_MAX = 1 << 28

_AUTO = "auto"
_HEX = re.compile(rb"(?:0x)?[0-9a-fA-F\s:,_]+")
_HEX_FILL = re.compile(rb"0x|[\s:,_]+")


class Decoder:
    """Makes trees of inputs; it remembers the telecommands among them for the reports in later ones.

    Args:
        form: What every input is, or None to find out for each.
        profile: How the line is coded, or None to find out for each.
        protection: How data fields are protected.
    """

    def __init__(
        self,
        form: Form | None = None,
        profile: LinkProfile | None = None,
        protection: Protection = Protection.AUTO,
    ) -> None:
        self._form = form
        self._profiles = [profile] if profile else distinct_profiles()
        # A frame does not say whether it has a segment header; only a profile that was named does.
        self._segmented = frozenset(channel for _, channel in profile.segmented_channels) if profile else frozenset()
        self._protection = protection
        self._packets = PacketReader()

    def decode(self, data: bytes) -> tuple[Form, LinkProfile, Iterator[Node]]:
        """Take one input.

        Returns:
            What it is, how it is coded, and its trees, in order.

        Raises:
            MisuseError: It is nothing that is known.
        """
        if not data:
            raise MisuseError("expected octets, found none")
        if self._form is None:
            form, profile = guess(data, self._profiles)
        else:
            form, profile = self._form, guess_profile(data, self._profiles)
        return form, profile, iter(self._nodes(data, form, profile))

    def _nodes(self, data: bytes, form: Form, profile: LinkProfile) -> Iterable[Node]:
        octets = Octets.whole(data)
        match form:
            case Form.TM_STREAM:
                return read_tm_stream(data, profile, self._tm().read)
            case Form.TC_STREAM:
                return read_tc_stream(data, profile, self._tc().read)
            case Form.TM_FRAME:
                return self._tm_frames(octets)
            case Form.TC_FRAME:
                return self._tc_frames(octets)
            case Form.PACKET:
                return self._packets.read_all(octets)
            case Form.CFDP:
                return read_pdus(octets)

    def _tm(self) -> TmReader:
        return TmReader(self._packets, self._protection)

    def _tc(self) -> TcReader:
        return TcReader(self._packets, self._protection, self._segmented)

    def _tm_frames(self, octets: Octets) -> Iterator[Node]:
        """Read one frame, or several of a profile's length end to end."""
        reader, count = self._tm(), len(octets)
        if not is_tm_frame(octets.data):
            lengths = (profile.tm_frame_octets for profile in self._profiles)
            count = next((length for length in lengths if len(octets) % length == 0), count)
        for at in range(0, len(octets), count):
            yield reader.read(octets[at : at + count])

    def _tc_frames(self, octets: Octets) -> Iterator[Node]:
        reader, at = self._tc(), 0
        while at < len(octets):
            length_octets = frame_length(octets[at : at + FRAME_OCTETS_MAX].data)
            yield reader.read(octets[at : at + length_octets])
            at += length_octets


@click.command()
@click.argument("inputs", metavar="[HEX | FILE | -]...", nargs=-1)
@click.option(
    "--as",
    "form",
    default=_AUTO,
    show_default=True,
    type=click.Choice([_AUTO, *(form.value for form in Form)]),
    help="What the octets are.",
)
@click.option("--profile", help=f"Link profile: {', '.join(PROFILES)}. Without it, the one that fits is found.")
@click.option(
    "--security",
    default=Protection.AUTO.value,
    show_default=True,
    type=click.Choice([each.value for each in Protection]),
    help="How data fields are protected. Nothing is decrypted.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document in place of the tree.")
@click.option("--summary", "as_summary", is_flag=True, help="Counts in place of the tree.")
@click.option("--hex", "whole_hex", is_flag=True, help="Show all octets of long parts.")
@click.option("--pcap", type=click.Path(path_type=Path, dir_okay=False), help="Write packets and PDUs for Wireshark.")
def main(
    inputs: tuple[str, ...],
    form: str,
    profile: str | None,
    security: str,
    as_json: bool,
    as_summary: bool,
    whole_hex: bool,
    pcap: Path | None,
) -> None:
    """Show what octets of the link say: hexadecimal, or files such as downlink.bin; - or nothing reads standard input.

    Inputs are decoded in order, so that `uplink.bin downlink.bin` tells for each report which command it is about.
    """
    try:
        decoder = Decoder(
            None if form == _AUTO else Form(form), open_profile(profile) if profile else None, Protection(security)
        )
        parts = [(name, _octets_of(name)) for name in inputs or ("-",)]
        if pcap and any(_is_file(name) and pcap.resolve() == Path(name).resolve() for name in inputs):
            raise MisuseError(f"expected a new file for --pcap, found the input {str(pcap)!r}")
        decoded = [(name, data, *decoder.decode(data)) for name, data in parts]
        _show(decoded, _writer(), as_json=as_json, as_summary=as_summary, whole_hex=whole_hex, pcap=pcap)
    except BrokenPipeError:  # Who reads has seen enough, such as `head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (MisuseError, OSError) as error:
        click.echo(f"decode: {error}", err=True)
        sys.exit(BAD_INPUT)


Decoded = tuple[str, bytes, Form, LinkProfile, Iterator[Node]]


def _show(
    decoded: list[Decoded],
    write: Callable[[list[Piece]], None],
    *,
    as_json: bool,
    as_summary: bool,
    whole_hex: bool,
    pcap: Path | None,
) -> None:
    documents = []
    with ExitStack() as stack:
        capture = PcapWriter(stack.enter_context(pcap.open("wb"))) if pcap else None
        for name, data, form, profile, nodes in decoded:
            summary = Summary()
            summary.octets = len(data)
            trees = []
            for node in nodes:
                if capture:
                    capture.write([node])
                if as_summary:
                    summary.add([node])
                elif as_json:
                    trees.append(to_json(node))
                else:
                    for line in lines(node, whole_hex):
                        write(line)
            head = {
                "input": Path(name).name if _is_file(name) else "octets given",
                "as": form.value,
                "profile": profile.name,
            }
            if as_json:
                documents.append({**head, **(summary.to_json() if as_summary else {"nodes": trees})})
            elif as_summary:
                for line in summary.lines():
                    write(line)
        if as_json:
            click.echo(json.dumps(documents, indent=2, ensure_ascii=True))
        if capture:
            click.echo(f"decode: {capture.records_count} packets and PDUs written to {pcap}", err=True)


def _writer() -> Callable[[list[Piece]], None]:
    """Give what writes a line: in colour on a terminal, else as it is."""
    if not sys.stdout.isatty():
        return lambda line: click.echo("".join(piece.text for piece in line).rstrip())
    console = Console(highlight=False, soft_wrap=True)
    return lambda line: console.print(Text.assemble(*((piece.text, piece.tone.value) for piece in line)))


def _octets_of(name: str) -> bytes:
    """Give the octets of standard input, of a file, or of hexadecimal digits.

    Raises:
        MisuseError: It is none of these, or too long.
    """
    if name == "-":
        data = sys.stdin.buffer.read(INPUT_OCTETS_MAX + 1)
        where = "standard input"
    elif _is_file(name):
        with Path(name).open("rb") as file:
            data = file.read(INPUT_OCTETS_MAX + 1)
        where = name
    elif _HEX.fullmatch(name.encode(errors="replace")):
        return _from_hex(name.encode(), "the command line")
    else:
        raise MisuseError(f"expected a file or hexadecimal digits, found {name!r}")
    if len(data) > INPUT_OCTETS_MAX:
        raise MisuseError(f"{where}: expected at most {INPUT_OCTETS_MAX} octets, found more")
    return _from_hex(data, where) if _HEX.fullmatch(data) else data


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # Hexadecimal digits may be longer than a name can be.
        return False


def _from_hex(text: bytes, where: str) -> bytes:
    digits = _HEX_FILL.sub(b"", text)
    try:
        return bytes.fromhex(digits.decode())
    except ValueError:
        raise MisuseError(
            f"{where}: expected pairs of hexadecimal digits, found {len(digits)} characters {digits[:16].decode()!r}"
        ) from None


if __name__ == "__main__":
    main()
