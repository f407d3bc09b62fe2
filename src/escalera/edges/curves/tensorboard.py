"""Curves as TensorBoard event files, one folder per training. Needs the extra `tensorboard`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tensorboardX import SummaryWriter

from escalera.domain.training import Scalar
from escalera.errors import TrainingError

SUFFIX = ".escalera"
"""Ends the names of event files; those of others in the same folder stay as they are."""


class TensorBoard:
    """Writes below *folder*. What was written there before is written anew, and then added to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, SummaryWriter] = {}
        self._last: dict[tuple[str, str], int] = {}

    def write(self, run: str, label: str, scalars: Sequence[Scalar]) -> None:
        """Add what is new. Raises `TrainingError` where the folder cannot be written."""
        try:
            writer = self._writer(run, label)
            for scalar in scalars:
                if scalar.step > self._last.get((run, scalar.name), -1):
                    writer.add_scalar(scalar.name, scalar.value, scalar.step)
                    self._last[run, scalar.name] = scalar.step
            writer.flush()
        except OSError as error:
            raise TrainingError(
                f"the curves cannot be written to {str(self._folder)!r}: {error}. "
                "Make room, or name another folder."
            ) from error

    def close(self) -> None:
        """Close the files; called once."""
        for writer in self._writers.values():
            writer.close()

    def _writer(self, run: str, label: str) -> SummaryWriter:
        if run not in self._writers:
            folder = self._folder / label
            for old in folder.glob(f"events.out.tfevents.*{SUFFIX}"):
                old.unlink()
            self._writers[run] = SummaryWriter(str(folder), filename_suffix=SUFFIX)
        return self._writers[run]
