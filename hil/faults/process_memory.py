"""The memory of another process, past the process itself, as a particle comes to it: Linux's ``/proc/PID/mem``.

Whoever strikes it must be allowed to trace the process, as its parents are.
"""

from pathlib import Path

from hil.faults.flip import Flip

# What the kernel shows of its own among the regions of a process, and lets nobody read.
_UNREADABLE = ("[vvar]", "[vvar_vclock]", "[vsyscall]")


def addresses_of(pid: int, octets: bytes) -> list[int]:
    """Give where a process that stands still has some octets, in memory that it may write.

    Raises:
        OSError: There is no such process, or its memory is not ours to read.
    """
    found: list[int] = []
    with Path(f"/proc/{pid}/maps").open() as regions, Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for region in regions:
            span, mode, *rest = region.split()
            if not mode.startswith("rw") or rest[-1] in _UNREADABLE:
                continue
            begin, end = (int(each, 16) for each in span.split("-"))
            memory.seek(begin)
            content = memory.read(end - begin)
            at = content.find(octets)
            while at >= 0:
                found.append(begin + at)
                at = content.find(octets, at + 1)
    return found


def octets_at(pid: int, address: int, length_octets: int) -> bytes:
    """Give what lies at an address.

    Raises:
        OSError: There is no such process, or no such memory.
    """
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(length_octets)


def strike_process(pid: int, address: int, flip: Flip) -> None:
    """Flip bits of what lies at an address.

    Args:
        pid: Whose memory.
        address: Where the octets begin that the flip was drawn for.
        flip: Which bits.

    Raises:
        OSError: There is no such process, or no such memory.
    """
    with Path(f"/proc/{pid}/mem").open("r+b", buffering=0) as memory:
        for offset, mask in flip.masks:
            memory.seek(address + offset)
            (octet,) = memory.read(1)
            memory.seek(address + offset)
            memory.write(bytes((octet ^ mask,)))
