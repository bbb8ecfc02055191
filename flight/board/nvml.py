"""What the driver of NVIDIA's GPUs says, if its Python binding is installed (``nvidia-ml-py``, module ``pynvml``)."""

import importlib
from typing import Any

from flight.board.probe import Probe, highest, total


class NvmlPower:
    """Limits the power of all GPUs (a `flight.sensors.PowerLimit`).

    Args:
        nvml: The binding, initialised.
        handles: Of the GPUs.
    """

    def __init__(self, nvml: Any, handles: list[Any]) -> None:
        self._nvml = nvml
        self._handles = handles

    def limit(self, watts: float | None) -> None:
        """See `flight.sensors.PowerLimit`. All of them share the limit alike."""
        nvml = self._nvml
        try:
            for handle in self._handles:
                low_mw, high_mw = nvml.nvmlDeviceGetPowerManagementLimitConstraints(handle)
                if watts is None:
                    wanted_mw = nvml.nvmlDeviceGetPowerManagementDefaultLimit(handle)
                else:
                    wanted_mw = round(watts * 1_000 / len(self._handles))
                nvml.nvmlDeviceSetPowerManagementLimit(handle, min(max(wanted_mw, low_mw), high_mw))
        except nvml.NVMLError as error:
            raise OSError(f"NVML: {error}") from None


def open_nvml() -> tuple[list[Probe], NvmlPower | None]:
    """Give the probes of the GPUs, and what limits their power; nothing if there is no binding, driver or GPU."""
    try:
        nvml: Any = importlib.import_module("pynvml")
    except ImportError:
        return [], None
    try:
        nvml.nvmlInit()
        handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError:
        return [], None
    if not handles:
        return [], None

    def probe(field: str, handle: Any, what: str) -> Probe:
        def read() -> float:
            try:
                if field == "device_c":
                    return float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
                return nvml.nvmlDeviceGetPowerUsage(handle) / 1_000
            except nvml.NVMLError as error:
                raise OSError(f"NVML: {error}") from None

        return Probe(field, what, read)

    probes = [
        join([probe(field, handle, f"NVML GPU {index}") for index, handle in enumerate(handles)])
        for field, join in (("device_c", highest), ("device_w", total))
    ]
    return [each for each in probes if _answers(each)], NvmlPower(nvml, handles)


def _answers(probe: Probe) -> bool:
    """Tell whether a GPU has such a sensor at all."""
    try:
        probe.read()
    except OSError:
        return False
    return True
