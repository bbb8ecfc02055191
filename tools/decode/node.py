"""The tree that decoding gives: a part of the input, what it is called, what it says, what is wrong with it.

`Walk` reads one part after the other and makes a node of each. It shows what stands there and does not judge; whether
a frame, packet or PDU is right is what the decoders of ``ccsds`` say, and their message becomes the node's problem.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any, NamedTuple

from ccsds.errors import MalformedError
from tools.decode.octets import Octets

Value = int | float | str | list[int] | None


class Kind(Enum):
    """What a node is, for those who count or pick."""

    TM_FRAME = "TM frame"
    TC_FRAME = "TC frame"
    CLCW = "CLCW"
    SECURITY = "protected payload"
    PACKET = "packet"
    IDLE_PACKET = "idle packet"
    PDU = "CFDP PDU"
    GAP = "stretch that is no frame"
    LOSS = "loss"
    PART = "part"


@dataclass(slots=True)
class Node:
    """One part of the input."""

    name: str
    octets: Octets
    kind: Kind = Kind.PART
    value: Value = None
    unit: str = ""
    bits: str = ""
    """Which bits of the octets it is, such as ``...1 ....``; empty if it is all of them."""
    meaning: str = ""
    problem: str = ""
    """What is wrong with it: expected and found."""
    label: str = ""
    """Under what a summary counts it."""
    children: list["Node"] = field(default_factory=list)

    def walk(self) -> Iterator["Node"]:
        """Give this node and all below it, in the order in which they are shown."""
        yield self
        for child in self.children:
            yield from child.walk()

    def find(self, name: str) -> "Node":
        """Give the first node of a name.

        Raises:
            KeyError: There is none.
        """
        for node in self.walk():
            if node.name == name:
                return node
        raise KeyError(name)


Explain = Callable[[int], str] | Mapping[int, str] | type[IntEnum] | str


class Bits(NamedTuple):
    """One field of a header: its name, how many bits it has, and what its numbers mean."""

    name: str
    width: int
    explain: Explain = ""


class Walk:
    """Reads octets from their beginning on; `nodes` are the parts so far."""

    def __init__(self, octets: Octets) -> None:
        self._octets = octets
        self._at = 0
        self.nodes: list[Node] = []

    @property
    def left_octets(self) -> int:
        """How many octets were not read yet."""
        return len(self._octets) - self._at

    @property
    def unread(self) -> Octets:
        """What was not read yet."""
        return self._octets[self._at :]

    def take(self, name: str, count: int) -> Octets:
        """Go on by some octets without making a node of them.

        Raises:
            MalformedError: There are fewer.
        """
        if self.left_octets < count:
            if self.left_octets:
                self.nodes.append(Node(name, self._octets[self._at :], problem="cut short"))
            found, self._at = self.left_octets, len(self._octets)
            raise MalformedError(f"{name}: expected {count} octets, found {found}")
        taken = self._octets[self._at : self._at + count]
        self._at += count
        return taken

    def bits(self, name: str, *fields: Bits) -> dict[str, int]:
        """Read fields of bits that fill whole octets together; give their numbers by name."""
        whole = sum(each.width for each in fields)
        octets = self.take(name, whole // 8)
        number = int.from_bytes(octets.data, "big")
        numbers: dict[str, int] = {}
        first = 0
        for each in fields:
            value = number >> whole - first - each.width & (1 << each.width) - 1
            part = octets[first // 8 : (first + each.width - 1) // 8 + 1]
            fills_octets = first % 8 == 0 and each.width % 8 == 0
            pattern = "" if fills_octets else _pattern(part.data, first % 8, each.width)
            self.nodes.append(Node(each.name, part, value=value, bits=pattern, meaning=_explain(each.explain, value)))
            numbers[each.name] = value
            first += each.width
        return numbers

    def number(self, name: str, count: int, explain: Explain = "", unit: str = "") -> int:
        """Read an unsigned number of some octets."""
        octets = self.take(name, count)
        value = int.from_bytes(octets.data, "big")
        self.nodes.append(Node(name, octets, value=value, unit=unit, meaning=_explain(explain, value)))
        return value

    def raw(self, name: str, count: int, meaning: str = "") -> Octets:
        """Read octets that are shown as they are."""
        octets = self.take(name, count)
        if octets.data:
            self.nodes.append(Node(name, octets, meaning=meaning or f"{len(octets)} octets"))
        return octets

    def text(self, name: str, count: int) -> str:
        """Read UTF-8; what is none is shown by its escapes."""
        octets = self.take(name, count)
        value = octets.data.decode(errors="backslashreplace")
        self.nodes.append(Node(name, octets, value=value))
        return value

    def rest(self) -> Octets:
        """Go on to the end."""
        return self.take("rest", self.left_octets)


def name_of(members: type[IntEnum], number: int) -> str:
    """Give the name of a number in words, or say that it is reserved."""
    return words(members(number).name) if number in members.__members__.values() else "reserved"


def words(name: str) -> str:
    """Give the name of a member of an enumeration in words."""
    return name.lower().replace("_", " ")


def plain(value: Any) -> Value:
    """Give a value of the dictionary as text and JSON have it."""
    match value:
        case IntEnum():
            return value.name
        case bytes():
            return value.hex()
        case float() if value != value or value in (float("inf"), float("-inf")):
            return str(value)
        case _:
            return value


def _explain(explain: Explain, number: int) -> str:
    if isinstance(explain, str):
        return explain
    if isinstance(explain, type):
        return name_of(explain, number)
    return explain.get(number, "") if isinstance(explain, Mapping) else explain(number)


def _pattern(octets: bytes, first: int, count: int) -> str:
    """Draw the bits of a field within its octets, the others as dots: ``..10 1...``."""
    bits = "".join(f"{octet:08b}" for octet in octets)
    drawn = "".join(bit if first <= at < first + count else "." for at, bit in enumerate(bits))
    return " ".join(drawn[at : at + 4] for at in range(0, len(drawn), 4))
