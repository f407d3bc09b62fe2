"""Checkpoints of a training: what is needed to go on as if nothing had happened.

Weights that learn, the optimizers' moments and the state of the random numbers (dropout) are in one
safetensors file, replaced as a whole; what every step told is in a log beside it, cut to the steps
of that file when it is read. The order of the batches is a function of the seed. So a training
that was killed and continued gives the same adapter, bit for bit. A state that is marked stays when
the training has ended: another one may go back to it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import torch
from blake3 import blake3
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from escalera.domain.training import StepSignal
from escalera.edges.training import randomness
from escalera.edges.training.optimizers import Optimizers
from escalera.edges.training.underway import LOG, STATE
from escalera.edges.training.weights import Learning
from escalera.errors import TrainingError

SECONDS = 10.0
"""Between two checkpoints, at least."""

MARKS = 3
"""States of one training that are kept to go back to."""

_SIGNALS = msgspec.json.Decoder(StepSignal)


class Checkpoint:
    """The checkpoint of one recipe, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / STATE
        self._log = folder / LOG
        self._logged = 0
        self._told = blake3()  # of the log's lines
        self._before = folder / "before"

    def save(
        self, weights: Learning, optimizers: Optimizers, signals: Sequence[StepSignal]
    ) -> None:
        """Keep everything after the last of *signals*, durably.

        Raises `TrainingError` when the disk is full; the checkpoint before stays as it was.
        """
        tensors = randomness.state()
        for number, weight in enumerate(weights.values()):
            tensors[f"{number}.weight"] = weight.detach().contiguous()
            for moment, value in _moments(optimizers, weight).items():
                tensors[f"{number}.moment.{moment}"] = value.contiguous()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._append(signals)
            new = self._file.with_suffix(".new")
            sealed = {"steps": str(len(signals)), "seal": _seal(tensors, self._told.digest())}
            save_file(tensors, new, metadata=sealed)
            with new.open("rb") as written:
                os.fsync(written.fileno())
            new.replace(self._file)
        except (OSError, SafetensorError) as error:
            raise _unwritable(self._file, error) from error

    def restore(self, weights: Learning, optimizers: Optimizers) -> list[StepSignal]:
        """Put the state back and return what the steps so far told; empty without a checkpoint.

        A file that cannot be read, or is not what was kept, is as good as none: the training starts
        from the beginning.
        """
        found = _state(self._file, self._log, weights)
        if found is None:
            return []
        tensors, signals = found
        kept = _lines(self._log, len(signals))
        os.truncate(self._log, sum(map(len, kept)))
        self._logged, self._told = len(signals), blake3(b"".join(kept))
        _put_back(tensors, weights, optimizers)
        return signals

    def mark(self) -> None:
        """Keep what is kept now for good, as a place to go back to; nothing where nothing is.

        No more than `MARKS` are kept of a training. Raises `TrainingError` like `save`.
        """
        steps = self._logged
        marked = self._before / f"{steps}.safetensors"
        if not self._file.exists() or marked.exists() or len(self._marks()) >= MARKS:
            return
        try:
            self._before.mkdir(exist_ok=True)
            (self._before / f"{steps}.jsonl").write_bytes(b"".join(_lines(self._log, steps)))
            try:
                os.link(self._file, marked)  # costs nothing: the next checkpoint is another file
            except OSError:
                shutil.copyfile(self._file, marked)
        except OSError as error:
            raise _unwritable(marked, error) from error

    def go_back(self, weights: Learning, optimizers: Optimizers, most: int) -> list[StepSignal]:
        """Put back the last marked state with *most* steps or fewer; empty where there is none."""
        for steps in sorted((one for one in self._marks() if one <= most), reverse=True):
            log = self._before / f"{steps}.jsonl"
            found = _state(self._before / f"{steps}.safetensors", log, weights)
            if found is not None:
                _put_back(found[0], weights, optimizers)
                return found[1]
        return []

    def drop(self) -> None:
        """Forget it, but for what is marked: the adapter is there."""
        if not self._marks():
            shutil.rmtree(self._folder, ignore_errors=True)
            return
        for file in (self._file, self._log):
            file.unlink(missing_ok=True)

    def _marks(self) -> list[int]:
        return [int(found.stem) for found in self._before.glob("*.safetensors")]

    # The log

    def _append(self, signals: Sequence[StepSignal]) -> None:
        told = self._told.copy() if self._logged else blake3()
        with self._log.open("ab" if self._logged else "wb") as log:
            for signal in signals[self._logged :]:
                line = msgspec.json.encode(signal) + b"\n"
                log.write(line)
                told.update(line)
            log.flush()
            os.fsync(log.fileno())
        self._logged, self._told = len(signals), told


# Below: private.


def _unwritable(file: Path, error: Exception) -> TrainingError:
    return TrainingError(
        f"the checkpoint {str(file)!r} cannot be written: {error}. Make room on the disk and start "
        "again: the training goes on from the checkpoint before."
    )


def _lines(log: Path, steps: int) -> list[bytes]:
    """The first *steps* lines; a killed process may have written more."""
    return log.read_bytes().splitlines(keepends=True)[:steps]


def _state(
    file: Path, log: Path, weights: Learning
) -> tuple[dict[str, torch.Tensor], list[StepSignal]] | None:
    """What a file holds, and what the steps until then told; None where it cannot be used."""
    if not file.exists():
        return None
    try:
        with safe_open(file, framework="pt") as kept:
            said = kept.metadata()
            tensors = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118
        steps = int(said["steps"])
        lines = _lines(log, steps)
        _check_seal(said, tensors, lines)
        signals = [_SIGNALS.decode(line) for line in lines]
        _check(tensors, weights, signals, steps)
    except (SafetensorError, ValueError, KeyError, TypeError, OSError, msgspec.MsgspecError):
        return None
    return tensors, signals


def _seal(tensors: dict[str, torch.Tensor], log: bytes) -> str:
    """Of all that is kept: no file says by itself that a bit of it is another one now."""
    made = blake3(log)
    for name in sorted(tensors):
        made.update(name.encode())
        made.update(tensors[name].cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return made.hexdigest()


def _moments(optimizers: Optimizers, weight: torch.nn.Parameter) -> dict[str, torch.Tensor]:
    """What an optimizer keeps about a weight."""
    for optimizer in optimizers:
        if weight in optimizer.state:
            kept = optimizer.state[weight]
            return {name: value for name, value in kept.items() if torch.is_tensor(value)}
    return {}


def _check_seal(
    said: Mapping[str, str], tensors: dict[str, torch.Tensor], lines: Sequence[bytes]
) -> None:
    """Checkpoints of before there were seals have none."""
    if "seal" in said and said["seal"] != _seal(tensors, blake3(b"".join(lines)).digest()):
        raise ValueError("the checkpoint is not what was kept")


def _check(
    tensors: dict[str, torch.Tensor], weights: Learning, signals: Sequence[StepSignal], steps: int
) -> None:
    if [signal.step for signal in signals] != list(range(1, steps + 1)):
        raise ValueError("the log does not hold the steps of the checkpoint")
    for number, weight in enumerate(weights.values()):
        if tensors[f"{number}.weight"].shape != weight.shape:
            raise ValueError("the checkpoint is of another model")


def _put_back(tensors: dict[str, torch.Tensor], weights: Learning, optimizers: Optimizers) -> None:
    randomness.restore(tensors)
    home = {
        id(weight): optimizer
        for optimizer in optimizers
        for group in optimizer.param_groups
        for weight in group["params"]
    }
    with torch.no_grad():
        for number, weight in enumerate(weights.values()):
            weight.copy_(tensors[f"{number}.weight"])
            mark = f"{number}.moment."
            home[id(weight)].state[weight] = {
                name.removeprefix(mark): value.to(weight.device, copy=True)
                for name, value in tensors.items()
                if name.startswith(mark)
            }
