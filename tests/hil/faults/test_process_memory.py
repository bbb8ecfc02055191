"""The memory of another process, found and struck past it: what nobody can read is passed over."""

import hashlib
import subprocess
import sys

import pytest

from hil.faults import process_memory
from hil.faults.flip import Flip, Spread
from hil.faults.process_memory import addresses_of, octets_at, strike_process

PAGE = 4096
# A mapped file of five pages, of which the last two are gone again: who reads there gets an error.
CHILD = """
import ctypes, hashlib, mmap, os, sys
mark = hashlib.sha256(b"mark").digest()
with open(sys.argv[1], "w+b") as file:
    file.truncate(5 * 4096)
    memory = mmap.mmap(file.fileno(), 5 * 4096)
    for offset in 16, 4096 - 10, 2 * 4096 - 32:
        memory[offset : offset + 32] = mark
    file.truncate(3 * 4096)
    print(ctypes.addressof(ctypes.c_char.from_buffer(memory)), flush=True)
for line in sys.stdin:
    print(memory[16:48].hex(), flush=True)
"""


@pytest.fixture
def child(tmp_path):
    """Give a process, where its mapped file begins in its memory, and the octets that are marked there."""
    arguments = [sys.executable, "-c", CHILD, str(tmp_path / "mapped")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        begin = int(process.stdout.readline())
        yield process, begin, hashlib.sha256(b"mark").digest()
        process.kill()


@pytest.mark.parametrize("piece_octets", [PAGE, 64 << 20])
def test_octets_are_found_wherever_they_lie_also_before_what_nobody_can_read(child, monkeypatch, piece_octets):
    monkeypatch.setattr(process_memory, "PIECE_OCTETS", piece_octets)
    process, begin, mark = child
    found = addresses_of(process.pid, mark)
    assert {begin + 16, begin + PAGE - 10, begin + 2 * PAGE - 32} <= set(found)
    assert len(set(found)) == len(found)
    assert octets_at(process.pid, begin + PAGE - 10, len(mark)) == mark


def test_a_strike_is_seen_by_the_process(child):
    process, begin, mark = child
    strike_process(process.pid, begin + 16, Flip(spread=Spread.WORD, masks=((0, 1), (3, 128))))
    process.stdin.write("\n")
    process.stdin.flush()
    struck = bytes.fromhex(process.stdout.readline())
    assert struck == bytes((mark[0] ^ 1, mark[1], mark[2], mark[3] ^ 128)) + mark[4:]


@pytest.mark.parametrize("address", [0, 3 * PAGE])
def test_where_there_is_no_memory_nothing_is_read_or_struck(child, address):
    process, begin, _ = child
    place = begin + address if address else 0
    with pytest.raises(OSError, match="Input/output error"):
        octets_at(process.pid, place, 8)
    with pytest.raises(OSError, match="Input/output error"):
        strike_process(process.pid, place, Flip(spread=Spread.BIT, masks=((0, 1),)))


def test_octets_that_reach_beyond_what_can_be_read_are_not_given_in_part(child):
    process, begin, _ = child
    with pytest.raises(OSError, match="Input/output error"):
        octets_at(process.pid, begin + 3 * PAGE - 8, 16)


def test_a_process_that_is_gone_has_no_memory(child):
    process, _, mark = child
    process.kill()
    process.wait()
    with pytest.raises(OSError):
        addresses_of(process.pid, mark)
