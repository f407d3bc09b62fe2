"""A lock that ends with the process that holds it, however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from escalera.edges import machine_lock
from escalera.errors import StoreUnavailable

HOLD = """
import sys, time
from pathlib import Path
from escalera.edges import machine_lock
with machine_lock.held(Path(sys.argv[1]), until=lambda: False) as mine:
    print(mine, flush=True)
    time.sleep(600)
"""


def test_one_process_holds_it_until_it_is_killed(tmp_path: Path):
    """Others wait, as long as they like."""
    file = tmp_path / "folder" / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    looks = iter([False, False, True])
    with machine_lock.held(file, until=lambda: next(looks)) as mine:
        assert not mine
    holder.send_signal(signal.SIGKILL)
    holder.wait(20)
    holder.stdout.close()
    for _ in range(2):
        with machine_lock.held(file, until=lambda: False) as mine:
            assert mine


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path):
    """As a store that is not there."""
    (tmp_path / "file").touch()
    with (
        pytest.raises(StoreUnavailable, match="cannot be opened"),
        machine_lock.held(tmp_path / "file" / "lock", until=lambda: False),
    ):
        pass
