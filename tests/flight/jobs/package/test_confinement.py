"""The walls around a package, tried from within by a process that is confined for real."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

CONFINE = """
import os, signal, socket, sys
from pathlib import Path
from flight.jobs.package.confinement import confine
from mission.packages import Needs
own, store = Path(sys.argv[1]) / "jobs/1", Path(sys.argv[1])
needs = Needs(memory_mib=256, cpu_s=1, open_files=64, file_mib=1)
print(sorted(each.partition(":")[0] for each in confine(needs, own, store)))
try:
    exec(sys.argv[2])
except BaseException as error:
    print(type(error).__name__, error)
else:
    print("done")
"""


@pytest.fixture
def store(tmp_path):
    store = tmp_path / "store"
    (store / "jobs/1").mkdir(parents=True)
    (store / "package_keys.txt").write_text("secret")
    return store


@pytest.fixture
def attempt(store):
    def run(code):
        command = [sys.executable, "-c", CONFINE, str(store), code]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert ended.returncode == 0, ended.stderr
        refused, said = ended.stdout.strip().split("\n", 1)
        return eval(refused), said

    return run


def test_it_works_in_its_own_directory_within_its_limits(attempt, store):
    refused, said = attempt("(own / 'x').write_bytes(bytes(1 << 20)); bytearray(1 << 20); import json")
    assert said == "done"
    assert set(refused) <= {"network", "files", "processes"}
    assert (store / "jobs/1/x").stat().st_size == 1 << 20


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("bytearray(300 << 20)", "MemoryError"),
        ("(own / 'x').write_bytes(bytes((1 << 20) + 1))", "OSError [Errno 27]"),
        ("[open('/dev/zero') for _ in range(64)]", "OSError [Errno 24]"),
        ("while True: pass", "OverTimeError package: expected at most 1 s of processor time"),
    ],
)
def test_a_limit_of_resources_is_kept_on_every_kernel(attempt, code, error):
    _, said = attempt(code)
    assert said.startswith(error)


@pytest.mark.parametrize(
    "code",
    [
        "(store / 'package_keys.txt').read_bytes()",
        "(store / 'foreign').write_bytes(b'x')",
        "os.unlink(store / 'package_keys.txt')",
        "(store / 'jobs/2').mkdir()",
        "os.symlink(store / 'package_keys.txt', own / 'link'); (own / 'link').read_bytes()",
        "os.listdir(store)",
        "os.kill(os.getppid(), signal.SIGTERM)",
    ],
)
def test_what_is_not_its_own_is_out_of_reach_where_the_kernel_has_landlock(attempt, store, code):
    refused, said = attempt(code)
    if "files" in refused:
        pytest.skip("this kernel has no Landlock")
    assert said.startswith("PermissionError")
    assert sorted(each.name for each in store.iterdir()) == ["jobs", "package_keys.txt"]
    assert [each.name for each in (store / "jobs").iterdir()] == ["1"]


def test_there_is_no_network_where_the_kernel_has_user_namespaces(attempt):
    names = "import ctypes; libc = ctypes.CDLL(None); print([name for _, name in socket.if_nameindex()])"
    refused, said = attempt(names)
    if "network" in refused:
        pytest.skip("this kernel has no unprivileged user namespaces")
    assert said.split("\n")[0] == "['lo']"
    _, said = attempt("socket.socket().connect(('192.0.2.1', 9))")
    assert said.startswith(("OSError", "PermissionError"))
    # Also where Landlock says nothing: datagrams.
    _, said = attempt("socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))")
    assert said == "OSError [Errno 101] Network is unreachable"


def test_what_the_kernel_refuses_is_told_by_name():
    code = """
import threading, sys
from pathlib import Path
from flight.jobs.package.confinement import confine
from mission.packages import Needs
threading.Thread(target=threading.Event().wait, daemon=True).start()
needs = Needs(memory_mib=4096, cpu_s=60, open_files=64, file_mib=1)
print("\\n".join(confine(needs, Path(sys.argv[1]), Path(sys.argv[1]))))
"""
    command = [sys.executable, "-c", code, str(Path.cwd())]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    network, files, processes = ended.stdout.splitlines()
    assert network.startswith("network: ")
    assert files == "files: expected one thread, found 2"
    assert processes == "processes: expected one thread, found 2"


BEGINNINGS = {
    "fork": "os.fork() or os._exit(9)",
    "vfork, by the C library": "import subprocess; subprocess.run(['/bin/true'], close_fds=False)",
    "fork and exec": "import subprocess; subprocess.run(['/bin/true'], preexec_fn=lambda: None)",
    "posix_spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "clone": "sys_call(56, 17, 0, 0, 0, 0)",
    "fork by its number": "sys_call(57)",
    "vfork by its number": "sys_call(58)",
    "of the other table of x86": "sys_call(0x40000000 + 57)",
    "clone3": "sys_call(435, (ctypes.c_uint64 * 8)(0, 0, 0, 0, 17), 64)",
}
SYS_CALL = """
import ctypes
def sys_call(number, *arguments):
    library = ctypes.CDLL(None, use_errno=True)
    found = library.syscall(number, *arguments)
    if not found:
        os._exit(9)
    assert found == -1
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
"""


@pytest.mark.parametrize("way", BEGINNINGS)
def test_it_stays_one_process_whichever_way_it_tries(attempt, way):
    if "sys_call" in BEGINNINGS[way] and platform.machine() != "x86_64":
        pytest.skip("these are the numbers of x86_64")
    refused, said = attempt(f"{SYS_CALL}\n{BEGINNINGS[way]}")
    if "processes" in refused:
        pytest.skip("this kernel filters no system calls")
    assert "Operation not permitted" in said or "Function not implemented" in said


def test_threads_it_may_begin_and_as_many_as_its_memory_holds(attempt):
    thread = (
        "import threading; each = threading.Thread(target=print, args=('from a thread',)); each.start(); each.join()"
    )
    assert attempt(thread)[1].startswith("from a thread")
    threads = "import threading; ends = threading.Event()\n"
    threads += "try:\n for n in range(1000): threading.Thread(target=ends.wait).start()\nfinally: ends.set()"
    _, said = attempt(threads)
    assert said.startswith("RuntimeError can't start new thread")
