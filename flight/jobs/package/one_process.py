"""One process for a package, by a filter of system calls: it may begin threads, and no process beside itself. For good.

A limit on the number of processes (RLIMIT_NPROC) counts all of a user and lets root pass, and a control group is not
everywhere ours to make; the filter needs neither, and what has one process cannot pass its limits of memory and
processor time on to children. Threads are bounded by the limit of memory, which their stacks count against.

Source: Linux, Documentation/userspace-api/seccomp_filter.rst; include/uapi/linux/audit.h; the tables of system calls.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_CLONE_THREAD = 0x00010000
# A clone whose flags lie in memory, where a filter cannot read them; without it the C library takes the older one.
_CLONE3 = 435
# Where the number, the architecture, and the lower half of the first argument of a system call lie.
_NUMBER, _ARCHITECTURE, _FLAGS = 0, 4, 16
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_INSTRUCTION = struct.Struct("=HBBI")


@dataclass(frozen=True, kw_only=True)
class _Machine:
    architecture: int
    clone: int
    forks: tuple[int, ...]
    """System calls that do nothing but begin a process."""
    foreign_from: int
    """Numbers from here on are of another table."""


_MACHINES: Mapping[str, _Machine] = {
    "x86_64": _Machine(architecture=0xC000003E, clone=56, forks=(57, 58), foreign_from=0x40000000),
    "aarch64": _Machine(architecture=0xC00000B7, clone=220, forks=(), foreign_from=1 << 31),
}


def stay_one_process() -> list[str]:
    """Let this process begin no other any more; what it tries is answered with "Operation not permitted".

    It has to be done while the process has one thread, and may gain no privileges any more.

    Returns:
        What the kernel refused, in words; nothing, if it holds.
    """
    machine = _MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        return [f"processes: expected Linux on {' or '.join(_MACHINES)}, found {sys.platform} on {platform.machine()}"]
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        return [f"processes: expected one thread, found {threads}"]
    code = b"".join(_INSTRUCTION.pack(*each) for each in _filter(machine))
    octets = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("@HP", len(code) // _INSTRUCTION.size, ctypes.addressof(octets))
    library = ctypes.CDLL(None, use_errno=True)
    head = ctypes.create_string_buffer(program, len(program))
    # As an unsigned long, or half of the pointer is lost on its way.
    pointer = ctypes.c_ulong(ctypes.addressof(head))
    if library.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, pointer, 0, 0):
        return [f"processes: {os.strerror(ctypes.get_errno())}"]
    return []


def _filter(machine: _Machine) -> list[tuple[int, int, int, int]]:
    """Give the instructions (operation, jump if so, jump if not, operand); jumps count what is left out."""
    refused, unknown = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, machine.architecture),
        (_RETURN, 0, 0, unknown),
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_AT_LEAST, 0, 1, machine.foreign_from),
        (_RETURN, 0, 0, unknown),
        (_JUMP_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, unknown),
    ]
    for fork in machine.forks:
        program += [(_JUMP_EQUAL, 0, 1, fork), (_RETURN, 0, 0, refused)]
    return [
        *program,
        (_JUMP_EQUAL, 0, 3, machine.clone),
        (_LOAD, 0, 0, _FLAGS),
        (_JUMP_SET, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, refused),
        (_RETURN, 0, 0, _ALLOW),
    ]
