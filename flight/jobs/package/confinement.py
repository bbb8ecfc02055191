"""What the kernel keeps a package from: limits of resources, no network, no files or processes but its own. For good.

Four walls, each as far as the kernel has it, and each that it refuses is told by name: resource limits (all of Linux);
a network namespace of its own, with nothing in it (where unprivileged user namespaces are allowed); Landlock, by
which it reads what Python needs and its own directory, and writes in its directory alone; and a filter of system calls
(`flight.jobs.package.one_process`). It has to be done while the process has one thread, and before torch is imported.
"""

import ctypes
import os
import resource
import signal
import struct
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

import flight
from ccsds.errors import StarloopError
from flight.jobs.package.one_process import stay_one_process
from flight.jobs.parent import end_with_parent
from mission.packages import OCTETS_PER_MIB, Needs

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # The same on every architecture.
_CREATE_RULESET_VERSION, _PATH_BENEATH = 1, 1
_PR_SET_NO_NEW_PRIVS = 38
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIRECTORY, _TRUNCATE = 1, 1 << 1, 1 << 2, 1 << 3, 1 << 14
# How many rights on files each version of Landlock knows, and from which on it knows of TCP and of signals.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_FILE_RIGHTS_NEWEST = 16
_TCP_FROM, _SCOPES_FROM = 4, 6
_RULE = struct.Struct("=Qi")

# A package that swallows what it is told at its limit of processor time is killed this much later.
CPU_GRACE_S = 10

_READABLE = ("/usr", "/lib", "/lib64", "/bin", "/etc", "/proc", "/sys", "/dev/urandom", "/dev/zero")


class OverTimeError(StarloopError):
    """The package has used up its processor time."""


def confine(needs: Needs, own: Path, store: Path) -> tuple[str, ...]:
    """Confine this process.

    Args:
        needs: What it may have.
        own: The one directory that it may write in.
        store: Of the spacecraft.

    Returns:
        What the kernel refused, in words; nothing, if all of it holds.
    """
    refused: list[str] = []
    _limit(needs)
    refused += _leave_network()
    refused += _gain_nothing() or (_fence(own, store) + stay_one_process())
    return tuple(refused)


def _limit(needs: Needs) -> None:
    memory_octets = needs.memory_mib * OCTETS_PER_MIB
    for kind, limit in (
        (resource.RLIMIT_DATA, memory_octets),
        (resource.RLIMIT_NOFILE, needs.open_files),
        (resource.RLIMIT_FSIZE, needs.file_mib * OCTETS_PER_MIB),
        (resource.RLIMIT_CORE, 0),
    ):
        _set(kind, limit, limit)
    signal.signal(signal.SIGXCPU, lambda number, frame: _over_time(needs.cpu_s, frame))
    _set(resource.RLIMIT_CPU, needs.cpu_s, needs.cpu_s + CPU_GRACE_S)


def _set(kind: int, soft: int, hard: int) -> None:
    """Set a limit, but never beyond the one that this process has already."""
    _, most = resource.getrlimit(kind)
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(kind, (soft, hard))


def _over_time(cpu_s: int, frame: FrameType | None) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))  # It is told once.
    raise OverTimeError(f"package: expected at most {cpu_s} s of processor time, as it needs, found more")


def _leave_network() -> list[str]:
    if sys.platform != "linux":
        return ["network: not Linux"]
    parent = os.getppid()
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER | _CLONE_NEWNET):
        return [f"network: {os.strerror(ctypes.get_errno())}"]
    # Whose credentials change is untied from its parent by the kernel.
    end_with_parent()
    if os.getppid() != parent:
        sys.exit("package: the flight process ended")
    return []


def _gain_nothing() -> list[str]:
    """Give up privileges that a program could bring; without that the kernel takes no fence and no filter."""
    if sys.platform != "linux":
        return ["files: not Linux", "processes: not Linux"]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        reason = os.strerror(ctypes.get_errno())
        return [f"files: {reason}", f"processes: {reason}"]
    return []


def _fence(own: Path, store: Path) -> list[str]:
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        return [f"files: expected one thread, found {threads}"]
    library = ctypes.CDLL(None, use_errno=True)
    version = library.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _CREATE_RULESET_VERSION)
    if version < 1:
        return [f"files: {os.strerror(ctypes.get_errno())}"]
    everything = (1 << _FILE_RIGHTS.get(version, _FILE_RIGHTS_NEWEST)) - 1
    attributes = struct.pack("=Q", everything)
    attributes += struct.pack("=Q", 0b11) if version >= _TCP_FROM else b""
    attributes += struct.pack("=Q", 0b11) if version >= _SCOPES_FROM else b""
    rules = library.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if rules < 0:
        return [f"files: {os.strerror(ctypes.get_errno())}"]
    readable = [path for path in _readable() if path.exists()]
    for path in readable:
        rights = _EXECUTE | _READ_FILE | (_READ_DIRECTORY if path.is_dir() else 0)
        _allow(library, rules, path, rights)
    _allow(library, rules, Path(os.devnull), (_READ_FILE | _WRITE_FILE | _TRUNCATE) & everything)
    _allow(library, rules, own, everything)
    is_fenced = not library.syscall(_RESTRICT_SELF, rules, 0)
    os.close(rules)
    if not is_fenced:
        return [f"files: {os.strerror(ctypes.get_errno())}"]
    inside = [path for path in readable if store.resolve().is_relative_to(path)]
    return [f"files: the store lies in {inside[0]}, which can be read"] if inside else []


def _allow(library: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if library.syscall(_ADD_RULE, rules, _PATH_BENEATH, _RULE.pack(rights, descriptor), 0):
            raise OSError(ctypes.get_errno(), f"package: cannot be fenced in: {path}")
    finally:
        os.close(descriptor)


def _readable() -> Iterable[Path]:
    """Give what Python and its libraries are read from."""
    paths = {Path(each) for each in (*_READABLE, sys.prefix, sys.base_prefix, *sysconfig.get_paths().values())}
    paths |= {Path(next(iter(flight.__path__))).parent / room for room in ("flight", "ccsds", "mission", "ports")}
    paths |= {Path(each) for each in sys.path if each and "site-packages" in each}
    return sorted({path.resolve() for path in paths})
