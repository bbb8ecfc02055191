"""The device that a job computes on: found by its name, set up so that equal inputs give equal bits, and named.

A GPU is set up like a processor: one order of sums for each product, single precision where a recipe says so, and
attention by plain products and a softmax, since of the fused ways torch vouches for none. What torch has in no
deterministic form it refuses to do.

Source: https://docs.pytorch.org/docs/stable/notes/randomness.html and NVIDIA, cuBLAS, results reproducibility.
"""

import os
import platform
from pathlib import Path

import torch

from ccsds.errors import MisuseError
from flight.jobs.recipe import Device, ExecutionRecipe

HOST = torch.device("cpu")
"""The processor, which draws batches and initial weights, and holds corpus and checkpoints for any device."""

# Room of a fixed size for each product, so that cuBLAS has no choice of its own; torch refuses products without it.
_CUBLAS_WORKSPACE = ":4096:8"


def prepare_torch(execution: ExecutionRecipe) -> torch.device:
    """Set what torch keeps for the whole process, so that equal inputs give equal bits.

    Returns:
        The device to compute on.

    Raises:
        MisuseError: It is not here.
    """
    device = find_device(execution.device or Device.CPU)
    torch.set_num_threads(execution.threads)
    # What `torch.use_deterministic_algorithms` does, less two seconds in which it imports a compiler that nobody uses.
    torch._C._set_deterministic_algorithms(True, warn_only=False)
    # Which would also fill all memory that is given out, in case somebody reads what nobody wrote; it costs some 3 %.
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    for enable in (
        torch.backends.cuda.enable_flash_sdp,
        torch.backends.cuda.enable_mem_efficient_sdp,
        torch.backends.cuda.enable_cudnn_sdp,
    ):
        enable(device.type == HOST.type)  # torch's way on a processor is deterministic, and goes by the same switch.
    return device


def find_device(device: Device) -> torch.device:
    """Give a device as torch names it.

    Raises:
        MisuseError: torch does not find it here.
    """
    if device is Device.CPU:
        return HOST
    # Before the first product: cuBLAS reads it once.
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = _CUBLAS_WORKSPACE
    if not torch.cuda.is_available():
        raise MisuseError(f"execution.device: expected one that torch finds here, found {device}; here: {Device.CPU}")
    torch.cuda.init()
    return torch.device(device.value, 0)


def default_generator(device: torch.device) -> torch.Generator:
    """Give the generator that torch draws from on a device if it is not told another one, as in dropout."""
    return torch.default_generator if device.type == HOST.type else torch.cuda.default_generators[device.index]


def describe_device(device: torch.device) -> str:
    """Name a device as precisely as its arithmetic depends on it."""
    if device.type == HOST.type:
        return f"cpu: {_cpu_model()}"
    major, minor = torch.cuda.get_device_capability(device)
    return (
        f"cuda: {torch.cuda.get_device_name(device)}, capability {major}.{minor}, CUDA {torch.version.cuda}, "
        f"cuDNN {torch.backends.cudnn.version()}"
    )


def _cpu_model() -> str:
    """Name the processor, as precisely as this computer can."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.lower().startswith(("model name", "cpu part")):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
