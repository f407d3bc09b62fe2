"""Energy by the machine's own counters, and nothing where it has none."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from escalera.edges.energy import MachineMeter


def zone(folder: Path, name: str, *, kind: str, used: int, most: int = 1_000_000_000) -> Path:
    """A counter as the kernel shows it."""
    found = folder / name
    found.mkdir(parents=True)
    (found / "name").write_text(kind + "\n")
    (found / "max_energy_range_uj").write_text(f"{most}\n")
    (found / "energy_uj").write_text(f"{used}\n")
    return found


def test_packages_are_added_up_and_their_parts_are_not(tmp_path: Path):
    """Cores are counted in their package, and the platform counts packages again."""
    one = zone(tmp_path, "intel-rapl:0", kind="package-0", used=5_000_000)
    two = zone(tmp_path, "intel-rapl:1", kind="package-1", used=0)
    zone(tmp_path, "intel-rapl:0:0", kind="core", used=1)
    platform = zone(tmp_path, "intel-rapl:2", kind="psys", used=1)
    meter = MachineMeter(tmp_path, gpus=False)
    assert meter.joules() == 0
    (one / "energy_uj").write_text("6500000")
    (two / "energy_uj").write_text("250000")
    (platform / "energy_uj").write_text("99000000")
    assert meter.joules() == pytest.approx(1.75)
    (one / "energy_uj").write_text("7500000")
    assert meter.joules() == pytest.approx(2.75)


def test_a_counter_that_turned_is_gone_on_with(tmp_path: Path):
    """It begins at 0 again after its largest value."""
    one = zone(tmp_path, "intel-rapl:0", kind="package-0", used=990_000_000)
    meter = MachineMeter(tmp_path, gpus=False)
    (one / "energy_uj").write_text("10000000")
    assert meter.joules() == pytest.approx(20.0)


def test_a_machine_that_does_not_tell_is_none_and_not_nought(tmp_path: Path):
    """No folder, or counters that only the system may read."""
    assert MachineMeter(tmp_path / "none", gpus=False).joules() is None
    closed = zone(tmp_path, "intel-rapl:0", kind="package-0", used=1)
    (closed / "energy_uj").unlink()
    meter = MachineMeter(tmp_path, gpus=False)
    assert not meter.tells
    assert meter.joules() is None


def driver(readings: list[int]) -> ModuleType:
    """A driver's library as `nvidia-ml-py` offers it, with one GPU that counts millijoules."""
    found = ModuleType("pynvml")
    found.NVMLError = type("NVMLError", (Exception,), {})
    found.nvmlInit = lambda: None
    found.nvmlDeviceGetCount = lambda: 1
    found.nvmlDeviceGetHandleByIndex = lambda place: place

    def total(_):
        if not readings:
            raise found.NVMLError
        return readings.pop(0)

    found.nvmlDeviceGetTotalEnergyConsumption = total
    found.__spec__ = type(sys.__spec__)("pynvml", None)
    return found


def test_a_gpu_counts_beside_the_processors(tmp_path: Path, monkeypatch):
    """A reading that fails takes nothing away."""
    zone(tmp_path, "intel-rapl:0", kind="package-0", used=1)
    monkeypatch.setitem(sys.modules, "pynvml", driver([1_000, 4_000]))
    meter = MachineMeter(tmp_path)
    assert meter.joules() == pytest.approx(3.0)
    assert meter.joules() == pytest.approx(3.0)


def test_a_driver_that_does_not_start_is_no_counter(tmp_path: Path, monkeypatch):
    """The library may be installed on a machine without a GPU."""
    library = driver([1])

    def fails():
        raise library.NVMLError

    library.nvmlInit = fails
    monkeypatch.setitem(sys.modules, "pynvml", library)
    assert MachineMeter(tmp_path).joules() is None
