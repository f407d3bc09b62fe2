"""Curves as TensorBoard event files, one folder per training. Needs the extra `tensorboard`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tensorboardX import SummaryWriter

from escalera.domain.training import Scalar
from escalera.errors import TrainingError

SHOWN = 8
"""Characters of a digest at the least that name the folder of a training."""
SUFFIX = ".escalera"
"""Ends the names of event files; those of others in the same folder stay as they are."""


class TensorBoard:
    """Writes below *folder*. What was written there before is written anew, and then added to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, SummaryWriter] = {}
        self._labels: dict[str, str] = {}
        self._last: dict[tuple[str, str], int] = {}

    def write(
        self, run: str, label: str, scalars: Sequence[Scalar], settings: Mapping[str, str]
    ) -> None:
        """Add what is new. Raises `TrainingError` where the folder cannot be written."""
        try:
            writer = self._writer(run, label, settings)
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

    def _writer(self, run: str, label: str, settings: Mapping[str, str]) -> SummaryWriter:
        if self._labels.get(run) != label:
            self._forget(run)
            folder = self._folder / label
            _clear(folder)
            writer = SummaryWriter(str(folder), filename_suffix=SUFFIX)
            if settings:
                writer.add_text("settings", _table(settings))
            self._writers[run], self._labels[run] = writer, label
        return self._writers[run]

    def _forget(self, run: str) -> None:
        """Take away what was written before it was known what is taught, in this process or one
        before: a folder that the beginning of the digest names."""
        if run in self._writers:
            self._writers.pop(run).close()
        self._last = {key: step for key, step in self._last.items() if key[0] != run}
        for folder in self._folder.glob(f"{run[:SHOWN]}*"):
            if run.startswith(folder.name) and _clear(folder):
                folder.rmdir()


# Below: private.


def _clear(folder: Path) -> bool:
    """Take away our event files in *folder*; whether it is empty then."""
    for old in folder.glob(f"events.out.tfevents.*{SUFFIX}"):
        old.unlink()
    return folder.is_dir() and not any(folder.iterdir())


def _table(settings: Mapping[str, str]) -> str:
    """In Markdown, which TensorBoard shows."""
    rows = (f"| {name} | {value.replace('|', chr(92) + '|')} |" for name, value in settings.items())
    return "\n".join(("| setting | value |", "|---|---|", *rows))
