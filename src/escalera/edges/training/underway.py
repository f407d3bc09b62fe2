"""What trainings that are not at their end have told so far, read from their checkpoints' logs.

Another process may be writing them: a line that is not whole yet is left for the next time.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from escalera.domain.training import StepSignal

LOG = "log.jsonl"

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
