"""Energy that this machine used, where it tells: processors by RAPL, NVIDIA GPUs by NVML.

RAPL counts in files below `/sys/class/powercap`, NVML in the driver. Both count everything that the
machine did, not one process; readings are taken before and after, and their difference is told.
Sources: https://docs.kernel.org/power/powercap/powercap.html,
https://docs.nvidia.com/deploy/nvml-api (nvmlDeviceGetTotalEnergyConsumption).
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

POWERCAP = Path("/sys/class/powercap")


class MachineMeter:
    """The port `Meter`, over the counters that can be read; none of them is one where none can.

    RAPL's counters begin anew at a value of their own: a reading that is smaller than the one
    before is behind one such turn, and readings have to be taken more often than that (a counter of
    65 kJ turns every five minutes at 200 W).
    """

    def __init__(self, powercap: Path = POWERCAP, *, gpus: bool = True) -> None:
        self._zones = _zones(powercap)
        self._nvml = _nvml() if gpus else None
        self._used = 0.0
        self._last = self._counted()

    @property
    def tells(self) -> bool:
        """Whether there is a counter."""
        return bool(self._last)

    def joules(self) -> float | None:
        """What was used since the meter was made; None where the machine does not tell."""
        if not self._last:
            return None
        now = self._counted()
        for name, value in now.items():
            before = self._last.get(name, value)
            turn = self._zones[Path(name)] if value < before and Path(name) in self._zones else 0.0
            self._used += max(0.0, value - before + turn)
        self._last = {**self._last, **now}
        return self._used

    def _counted(self) -> Mapping[str, float]:
        """Joules by counter; one that cannot be read now is left out."""
        found = {}
        for zone in self._zones:
            value = _number(zone / "energy_uj")
            if value is not None:
                found[str(zone)] = value / 1e6
        return found | (_gpus(self._nvml) if self._nvml is not None else {})


# Below: private.


def _zones(powercap: Path) -> dict[Path, float]:
    """The packages that tell their energy, with the joules after which each counter turns.

    Parts of a package are left out: it counts them. So is `psys`, which counts packages again.
    """
    found = {}
    for zone in sorted(powercap.glob("intel-rapl:*")):
        name, most = _text(zone / "name"), _number(zone / "max_energy_range_uj")
        package = zone.name.count(":") == 1 and name.startswith("package")
        if package and most is not None and _number(zone / "energy_uj") is not None:
            found[zone] = most / 1e6
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _number(file: Path) -> float | None:
    try:
        return float(_text(file))
    except ValueError:
        return None


def _nvml() -> Any:
    """The driver's library, ready; None where there is none."""
    if importlib.util.find_spec("pynvml") is None:
        return None
    library = importlib.import_module("pynvml")
    try:
        library.nvmlInit()
    except library.NVMLError:
        return None
    return library


def _gpus(library: Any) -> dict[str, float]:
    """Joules of every GPU that counts them."""
    found = {}
    try:
        for place in range(library.nvmlDeviceGetCount()):
            device = library.nvmlDeviceGetHandleByIndex(place)
            found[f"gpu {place}"] = library.nvmlDeviceGetTotalEnergyConsumption(device) / 1e3
    except library.NVMLError:
        return found
    return found
