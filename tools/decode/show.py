"""Trees as text, JSON and counts. Names and texts from the link are shown with their control characters escaped."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, NamedTuple

from tools.decode.node import Kind, Node
from tools.decode.octets import Octets

# What a line of the tree shows of a part's octets; the whole of them is in JSON, and with --hex below the line.
_HEX_OCTETS = 8
_HEX_LINE_OCTETS = 32
_OFFSET_DIGITS = 8
# Problems that differ only in such numbers are counted as one kind.
_NUMBER = re.compile(r"\b(?:[0-9a-f]*[0-9][0-9a-f]*|(?:[a-f]{2}){2,})\b")


class Tone(Enum):
    """What a piece of a line is, for the colours of a terminal."""

    PLACE = "dim"
    NAME = "bold"
    FIELD = "cyan"
    VALUE = "green"
    MEANING = ""
    PROBLEM = "bold red"


class Piece(NamedTuple):
    """A piece of a line."""

    text: str
    tone: Tone


def lines(node: Node, whole_hex: bool = False, depth: int = 0) -> Iterator[list[Piece]]:
    """Give the lines of a tree: offset, octets, and what they are."""
    octets = node.octets
    offset = "" if octets.first is None else str(octets.first)
    short = octets.data[:_HEX_OCTETS].hex() + ("…" if len(octets) > _HEX_OCTETS else "")
    tone = Tone.FIELD if node.kind is Kind.PART and not node.children else Tone.NAME
    line = [
        Piece(f"{offset:>{_OFFSET_DIGITS}}  {short:<{2 * _HEX_OCTETS + 1}}  ", Tone.PLACE),
        Piece("  " * depth + printable(node.name), tone),
    ]
    if node.value is not None:
        unit = f" {node.unit}" if node.unit else ""
        line.append(Piece(f" = {printable(str(node.value))}{unit}", Tone.VALUE))
    if node.bits:
        line.append(Piece(f"  [{node.bits}]", Tone.PLACE))
    if node.meaning:
        line.append(Piece(f"  {printable(node.meaning)}", Tone.MEANING))
    if node.problem:
        line.append(Piece(f"  !! {printable(node.problem)}", Tone.PROBLEM))
    yield line
    if whole_hex and len(octets) > _HEX_OCTETS and not node.children:
        for at in range(0, len(octets), _HEX_LINE_OCTETS):
            row = octets[at : at + _HEX_LINE_OCTETS]
            yield [Piece(f"{row.first:>{_OFFSET_DIGITS}}  {'  ' * (depth + 1)}{row.data.hex(' ', 4)}", Tone.PLACE)]
    for child in node.children:
        yield from lines(child, whole_hex, depth + 1)


def to_json(node: Node) -> dict[str, Any]:
    """Give a tree as plain data; what is empty is left out, but the name and the octets are always there."""
    shown: dict[str, Any] = {"name": node.name, "kind": node.kind.name.lower(), **_places(node.octets)}
    if node.value is not None:
        shown["value"] = node.value
    for name in ("unit", "bits", "meaning", "problem"):
        if getattr(node, name):
            shown[name] = getattr(node, name)
    if node.children:
        shown["children"] = [to_json(child) for child in node.children]
    return shown


class Summary:
    """Counts what is in trees."""

    def __init__(self) -> None:
        self.things: Counter[str] = Counter()
        self.problems: Counter[str] = Counter()
        self.octets = 0

    def add(self, nodes: Iterable[Node]) -> None:
        """Count trees."""
        for top in nodes:
            for node in top.walk():
                if node.label:
                    self.things[node.label] += 1
                if node.problem:
                    problem = _NUMBER.sub("#", node.problem)
                    self.problems[problem if problem.startswith(node.name) else f"{node.name}: {problem}"] += 1

    def to_json(self) -> dict[str, Any]:
        """Give the counts as plain data."""
        return {"octets": self.octets, "counts": dict(self.things), "problems": dict(self.problems)}

    def lines(self) -> Iterator[list[Piece]]:
        """Give the counts as lines, what is most first."""
        yield [Piece(f"{self.octets:>10}  ", Tone.VALUE), Piece("octets", Tone.NAME)]
        for label, count in sorted(self.things.items(), key=lambda each: (-each[1], each[0])):
            yield [Piece(f"{count:>10}  ", Tone.VALUE), Piece(printable(label), Tone.MEANING)]
        for problem, count in sorted(self.problems.items(), key=lambda each: (-each[1], each[0])):
            yield [Piece(f"{count:>10}  ", Tone.VALUE), Piece(f"!! {printable(problem)}", Tone.PROBLEM)]


def printable(text: str) -> str:
    """Escape what is not for eyes, such as the codes that move a terminal's cursor."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _places(octets: Octets) -> dict[str, Any]:
    places: dict[str, Any] = {"offset": octets.first, "length": len(octets), "octets": octets.data.hex()}
    runs = octets.runs()
    if len(runs) > 1:
        places["pieces"] = runs
    return places
