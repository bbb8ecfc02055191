"""The house: imports point down, and cores have no clock, chance, thread or port (DESIGN: invariant 1)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("ccsds", "mission", "ports", "packing", "flight", "ground", "hil")
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))

# Which rooms a room may import from, beside itself.
BELOW = {
    "ccsds": set(),
    "mission": {"ccsds"},
    "ports": {"ccsds"},
    "packing": {"ccsds"},
    "flight": {"ccsds", "mission", "ports", "packing"},
    "ground": {"ccsds", "mission", "ports", "packing"},
    "hil": {"ccsds", "mission", "ports", "packing", "flight", "ground"},
}

# The edges: the only files that may touch a clock, a port, a process or the file system.
EDGES = {
    "flight/__main__.py",
    "flight/board/mapping.py",
    "flight/board/nvml.py",
    "flight/board/probe.py",
    "flight/board/sensors.py",
    "flight/board/sysfs.py",
    "flight/disk.py",
    "flight/inference/worker.py",
    "flight/jobs/checkpoint_writer.py",
    "flight/jobs/compute_device.py",
    "flight/jobs/corpus.py",
    "flight/jobs/group.py",
    "flight/jobs/group_worker.py",
    "flight/jobs/package/confinement.py",
    "flight/jobs/package/one_process.py",
    "flight/jobs/package/process.py",
    "flight/jobs/package/worker.py",
    "flight/jobs/parent.py",
    "flight/jobs/process.py",
    "flight/jobs/rank.py",
    "flight/jobs/reference.py",
    "flight/jobs/torchrun.py",
    "flight/jobs/worker.py",
    "flight/launch.py",
    "ground/cli/alarms.py",
    "ground/cli/archive.py",
    "ground/cli/keys.py",
    "ground/archive/archive.py",
    "ground/archive/blocks.py",
    "ground/access/audit.py",
    "ground/access/gate.py",
    "ground/access/users.py",
    "ground/console/clock.py",
    "ground/console/console.py",
    "ground/console/pages/replay.py",
    "ground/console/pages/telemetry.py",
    "ground/console/screen.py",
    "ground/client/asking.py",
    "ground/client/asynchronous.py",
    "ground/client/client.py",
    "ground/client/operator.py",
    "ground/client/place.py",
    "ground/client/procedure.py",
    "ground/client/sessions.py",
    "ground/client/stream.py",
    "ground/cli/doctor.py",
    "ground/cli/options.py",
    "ground/file_source.py",
    "ground/file_store.py",
    "ground/archive/damage.py",
    "ground/archive/database.py",
    "ground/archive/export.py",
    "ground/archive/history.py",
    "ground/archive/identity.py",
    "ground/archive/log.py",
    "ground/archive/reports.py",
    "ground/archive/retention.py",
    "ground/archive/samples.py",
    "ground/archive/tail.py",
    "ground/archive/verify.py",
    "ground/outbox.py",
    "ground/archive/transfer_log.py",
    "ground/presentation.py",
    "ground/schedule_request.py",
    "ground/recorder.py",
    "ground/serve.py",
    "ground/server/alarming.py",
    "ground/time_text.py",
    "ground/server/app.py",
    "ground/server/commanding.py",
    "ground/server/doors.py",
    "ground/server/filing.py",
    "ground/server/operations.py",
    "ground/server/procedures.py",
    "ground/server/reading.py",
    "ground/server/routes/access.py",
    "ground/server/routes/files.py",
    "ground/server/routes/stream.py",
    "ground/server/stacks.py",
    "mission/profile_file.py",
    "ports/drive.py",
    "ports/key_directory.py",
    "ports/pseudo_terminal.py",
    "ports/serial_line.py",
    "ports/sockets.py",
    "ports/watchdog.py",
    "hil/__main__.py",
    "hil/bench/bench.py",
    "hil/run/corpora.py",
    "hil/bridge/service.py",
    "hil/disk/simulated_disk.py",
    "hil/run/evidence.py",
    "hil/worker/inline_worker.py",
    "hil/faults/struck_worker.py",
    "hil/rig/plug.py",
    "hil/rig/program.py",
    "hil/run/reference.py",
    "hil/rig/rig.py",
    "hil/rig/showroom.py",
    "hil/run/run.py",
    "hil/soak/campaign.py",
    "hil/soak/command.py",
    "hil/disk/unsynced_file.py",
    "hil/validation/real_time.py",
    "hil/worker/virtual_worker.py",
    "hil/world.py",
}
OUTSIDE = {"time", "datetime", "random", "secrets", "threading", "socket", "select", "selectors", "asyncio", "serial"}
OUTSIDE |= {"concurrent", "subprocess", "multiprocessing", "urllib", "sqlite3", "signal", "os"}
TORCH = {"flight/jobs/model.py", "flight/jobs/train.py", "flight/jobs/state.py", "flight/jobs/checkpoint.py"}
TORCH |= {"flight/jobs/worker.py", "flight/jobs/reference.py", "flight/jobs/blocks.py", "flight/jobs/optimizer.py"}
TORCH |= {f"flight/jobs/{name}.py" for name in ("compute_device", "device", "memory", "state_copy", "tensor_file")}
TORCH |= {f"flight/jobs/{name}.py" for name in ("group", "group_job", "torchrun")}
TORCH |= {f"flight/jobs/{name}.py" for name in ("swift_model", "fused_linear", "muon", "block_order")}
TORCH |= {f"flight/jobs/{name}.py" for name in ("dataset", "ngram", "ngram_counts", "row_rms", "guard/row_witness")}
TORCH |= {
    f"flight/inference/{name}.py"
    for name in ("cached_gpt", "job_model", "language_model", "reply", "sampling", "text_model", "worker")
}
TORCH |= {"flight/inference/sliding_swift.py"}
TORCH |= {f"flight/jobs/package/{name}.py" for name in ("package_job", "worker")} | {"flight/jobs/model_file.py"}
TORCH |= {"hil/faults/instant.py", "hil/faults/struck_worker.py"}
TORCH |= {f"flight/jobs/guard/{name}.py" for name in ("checked_products", "checksums", "guarded_job")}
TORCH |= {f"flight/jobs/guard/{name}.py" for name in ("snapshots", "state_witness")}


def imported(path: Path) -> set[str]:
    """Give the modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_down(path):
    room = name_of(path).split("/")[0]
    for module in imported(path):
        top = module.split(".")[0]
        assert top not in ROOMS or top == room or top in BELOW[room], f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("path", [path for path in FILES if name_of(path) not in EDGES], ids=name_of)
def test_a_core_has_no_clock_chance_thread_or_port(path):
    assert not {module.split(".")[0] for module in imported(path)} & OUTSIDE


@pytest.mark.parametrize("path", [path for path in FILES if name_of(path) not in TORCH], ids=name_of)
def test_torch_stays_in_the_worker(path):
    assert "torch" not in {module.split(".")[0] for module in imported(path)}


def test_every_named_edge_exists():
    assert {edge for edge in EDGES | TORCH if not (ROOT / edge).is_file()} == set()


def test_no_torch_is_imported_into_the_flight_process():
    code = "import flight.__main__, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_flight_and_ground_never_meet_below_hil():
    for path in FILES:
        tops = {module.split(".")[0] for module in imported(path)}
        assert not {"flight", "ground"} <= tops or name_of(path).startswith("hil/")
