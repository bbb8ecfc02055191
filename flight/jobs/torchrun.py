"""How a worker becomes a group of processes: it turns into torchrun, which starts one `flight.jobs.rank` a device.

To the flight process it is still one worker: the ranks die with torchrun, torchrun dies with the flight process, and
rank 0 has the socket. torchrun restarts nobody: when a rank is lost all of them end, and the engine launches a worker
afresh, which goes on from the last checkpoint. Each launch has a port of its own, which the kernel chooses.
"""

import base64
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

from torch.distributed import run as torchrun
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from flight.jobs.recipe import DevicesRecipe

# How often torchrun looks whether all ranks are alive: what a lost rank costs before anyone hears of it.
LOOK_S = 0.1


def run_group(devices: DevicesRecipe, store: Path, channel: socket.socket, first: bytes) -> NoReturn:
    """Become torchrun, until the ranks end.

    Args:
        devices: How many processes.
        store: Directory of the spacecraft's store.
        channel: The socket to the engine; rank 0 finds it as standard input.
        first: The request that the ranks do first.
    """
    os.dup2(channel.fileno(), 0)
    os.environ |= _environment()
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    rank = [sys.executable, "-P", "-m", "flight.jobs.rank", "--store", str(store)]
    rank += ["--first", base64.b64encode(first).decode(), "--parent", str(os.getpid())]
    arguments = torchrun.parse_args(
        [
            "--standalone",
            f"--nproc-per-node={devices.processes}",
            "--max-restarts=0",
            f"--monitor-interval={LOOK_S}",
            "--local-addr=127.0.0.1",
            f"--log-dir={os.devnull}",
            "--no-python",
            *rank,
        ]
    )
    try:
        torchrun.run(arguments)
    except ChildFailedError as error:
        # Whom torchrun ended because of the others is not the reason.
        ended = sorted(error.failures.items())
        first_ended = [each for each in ended if each[1].exitcode != -signal.SIGTERM] or ended
        sys.exit("; ".join(_ending(*each) for each in first_ended))
    sys.exit(0)


def _environment() -> dict[str, str]:
    """Give what torch's libraries ask of the environment of the ranks."""
    return {
        # On this board ranks speak through the loopback: names and other interfaces may not be there.
        "GLOO_SOCKET_IFNAME": "lo",
        # torchrun warns if it is not set; the recipe says how many threads each rank has.
        "OMP_NUM_THREADS": "1",
        # What is told of a lost rank is the end of standard error: it is for errors.
        "TORCH_CPP_LOG_LEVEL": "ERROR",
    }


def _ending(rank: int, failure: ProcessFailure) -> str:
    if failure.exitcode < 0:
        return f"rank {rank} killed by {failure.signal_name()}"
    return f"rank {rank} ended with exit status {failure.exitcode}"
