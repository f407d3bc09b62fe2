"""What trainings that are not at their end have told so far, read from their checkpoints' logs.

Another process may be writing them: a line that is not whole yet is left for the next time.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from escalera.domain.training import StepSignal

LOG, STATE = "log.jsonl", "state.safetensors"

_SIGNAL = msgspec.json.Decoder(StepSignal)


def signals(checkpoints: Path) -> dict[str, tuple[StepSignal, ...]]:
    """The steps of every training that keeps a checkpoint under the folder, by its recipe."""
    found = {}
    for log in sorted(checkpoints.glob(f"*/{LOG}")):
        try:
            whole = log.read_bytes().rpartition(b"\n")[0]
            steps = tuple(_SIGNAL.decode(line) for line in whole.splitlines())
        except (OSError, msgspec.MsgspecError):
            continue  # ended or begun anew while it was read
        if steps:
            found[log.parent.name] = steps
    return found


def steps(checkpoints: Path) -> int:
    """How many steps the checkpoints under the folder hold, of all trainings together.

    A log may have more, of which a process that is killed keeps nothing. What cannot be read holds
    none. The first eight bytes of a state say how long its header is, which is JSON: see
    https://huggingface.co/docs/safetensors (Format).
    """
    return sum(map(_steps, checkpoints.glob(f"*/{STATE}")))


# Below: private.


def _steps(state: Path) -> int:
    try:
        with state.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return int(header["__metadata__"]["steps"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError):
        return 0
