"""What Linux says under /sys: battery, thermal zones, and hardware monitors (temperatures and power rails).

Sources: Linux ``Documentation/ABI/testing/sysfs-class-power``, ``sysfs-class-thermal``, ``Documentation/hwmon/
sysfs-interface.rst``; the names of rails are those of NVIDIA's Jetson modules (INA3221).
"""

from pathlib import Path

from flight.board.probe import Probe, file_probe, highest, number_of, text_of, total

J_PER_UWH = 3600e-6

# The first of these groups of which a thermal zone or a monitor is called, tells of the compute device.
DEVICE_NAMES = (
    ("gpu", "amdgpu", "nouveau"),
    ("cpu", "x86_pkg_temp", "coretemp", "k10temp", "zenpower", "soc", "tj"),
)
BATTERY_NAMES = ("bat", "battery")
RADIATOR_NAMES = ("radiator",)

# Rails of a Jetson: all that the module takes, and what of it is for compute.
TOTAL_RAILS = ("VDD_IN", "POM_5V_IN", "SYS_5V0", "VDD_TOTAL")
DEVICE_RAILS = ("VDD_CPU_GPU_CV", "VDD_GPU_SOC", "VDD_GPU", "POM_5V_GPU")

# No board has more of them; a tree that has is not read to its end.
ENTRIES_MAX = 256


def find_probes(root: Path) -> list[Probe]:
    """Give the probes that a tree like /sys has, at most one of each field.

    Args:
        root: Where the tree is.
    """
    found = [*_battery(root / "class/power_supply")]
    temperatures = [*_zones(root / "class/thermal"), *_monitors(root / "class/hwmon")]
    for field, groups in (
        ("device_c", DEVICE_NAMES), ("battery_c", (BATTERY_NAMES,)), ("radiator_c", (RADIATOR_NAMES,)),
    ):  # fmt: skip
        if any(probe.field == field for probe in found):
            continue
        for names in groups:
            matching = [(name, path) for name, path in temperatures if _is_one_of(name, names)]
            if matching:
                found.append(highest([file_probe(field, path, 1e-3) for _, path in matching]))
                break
    return found + _rails(root / "class/hwmon")


def find_power_cap(root: Path) -> Path | None:
    """Give the file by which a GPU's power can be limited, in microwatts; None if there is none."""
    for monitor in _entries(root / "class/hwmon"):
        path = monitor / "power1_cap"
        if _is_one_of(text_of(monitor / "name"), DEVICE_NAMES[0]) and path.is_file():
            return path
    return None


def _battery(root: Path) -> list[Probe]:
    """Give the probes of the first battery."""
    for supply in _entries(root):
        if text_of(supply / "type") != "Battery" or text_of(supply / "scope") == "Device":
            continue  # A mouse's battery is a battery of another device.
        probes = []
        if (supply / "capacity").is_file():
            probes.append(file_probe("battery_charge", supply / "capacity", 0.01))
        elif (supply / "energy_now").is_file() and (supply / "energy_full").is_file():
            probes.append(_ratio(supply / "energy_now", supply / "energy_full"))
        elif (supply / "charge_now").is_file() and (supply / "charge_full").is_file():
            probes.append(_ratio(supply / "charge_now", supply / "charge_full"))
        if (supply / "energy_full").is_file():
            probes.append(file_probe("battery_capacity_j", supply / "energy_full", J_PER_UWH))
        elif (supply / "charge_full").is_file() and (supply / "voltage_min_design").is_file():
            probes.append(_product(supply / "charge_full", supply / "voltage_min_design"))
        if (supply / "temp").is_file():
            probes.append(file_probe("battery_c", supply / "temp", 0.1))
        if probes:
            return probes
    return []


def _ratio(now: Path, full: Path) -> Probe:
    def read() -> float:
        whole = number_of(full)
        if whole <= 0:
            raise ValueError(f"{full}: expected more than nothing, found {whole:g}")
        return number_of(now) / whole

    return Probe("battery_charge", str(now), read)


def _product(charge: Path, volts: Path) -> Probe:
    """Give joules from microampere-hours and microvolts."""
    return Probe("battery_capacity_j", str(charge), lambda: number_of(charge) * number_of(volts) * 1e-6 * J_PER_UWH)


def _zones(root: Path) -> list[tuple[str, Path]]:
    zones = [zone for zone in _entries(root) if zone.name.startswith("thermal_zone")]
    return [(text_of(zone / "type"), zone / "temp") for zone in zones if (zone / "temp").is_file()]


def _monitors(root: Path) -> list[tuple[str, Path]]:
    return [
        (text_of(monitor / "name"), path)
        for monitor in _entries(root)
        for path in _entries(monitor)
        if path.name.startswith("temp") and path.name.endswith("_input")
    ]


def _rails(root: Path) -> list[Probe]:
    """Give the probes of power: of the rails with known names, else of the GPU's own monitor."""
    found: dict[str, list[Probe]] = {"bus_load_w": [], "device_w": []}
    for monitor in _entries(root):
        for label in _entries(monitor):
            if not label.name.endswith("_label"):
                continue
            name, channel = text_of(label), label.name.removesuffix("_label")
            field = "bus_load_w" if name in TOTAL_RAILS else "device_w" if name in DEVICE_RAILS else ""
            probe = _rail(field, monitor, channel) if field else None
            if probe is not None:
                found[field].append(probe)
    if not found["device_w"]:
        for monitor in _entries(root):
            if _is_one_of(text_of(monitor / "name"), DEVICE_NAMES[0]):
                paths = [monitor / name for name in ("power1_average", "power1_input")]
                found["device_w"] += [file_probe("device_w", path, 1e-6) for path in paths if path.is_file()][:1]
    return [total(probes) for probes in found.values() if probes]


def _rail(field: str, monitor: Path, channel: str) -> Probe | None:
    """Give the probe of one rail: its power in microwatts, or volts and amperes in thousandths."""
    if channel.startswith("power"):
        path = monitor / f"{channel}_input"
        return file_probe(field, path, 1e-6) if path.is_file() else None
    volts, amperes = monitor / f"{channel}_input", monitor / f"{channel.replace('in', 'curr', 1)}_input"
    if not (volts.is_file() and amperes.is_file()) or volts == amperes:
        return None
    return Probe(field, str(amperes), lambda: number_of(volts) * number_of(amperes) * 1e-6)


def _entries(folder: Path) -> list[Path]:
    """Give what is in a folder, in the order of names; nothing if it cannot be read."""
    try:
        return sorted(folder.iterdir())[:ENTRIES_MAX]
    except OSError:
        return []


def _is_one_of(name: str, names: tuple[str, ...]) -> bool:
    words = name.lower().replace("_", "-").split("-")
    return name.lower() in names or any(word.rstrip("0123456789") in names for word in words)
