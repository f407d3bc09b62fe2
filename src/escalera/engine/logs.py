"""The logs of trainings, read again from their artifacts."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from escalera.domain.training import StepSignal, Told, Trained
from escalera.errors import EvidenceMissing
from escalera.ports import Artifacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What every step of a training told, and how its examples were told, where that is kept."""

    signals: tuple[StepSignal, ...]
    told: Told | None


def read(artifacts: Artifacts, trained: Trained) -> Log:
    """The log of a training up to this part. Raises `EvidenceMissing` where it cannot be read."""
    if trained.job:
        raise EvidenceMissing(
            f"the training {trained.recipe.digest[:12]} was the job {trained.job!r} at a provider, "
            "which tells losses and not what every step did; what it told is in the artifact "
            f"{trained.log[:12]}"
        )
    try:
        folder = artifacts.path(trained.log)
        lines = (folder / "steps.jsonl").read_bytes().splitlines()
        signals = tuple(_SIGNAL.decode(line) for line in lines)
        file = folder / "told.json"
        told = _TOLD.decode(file.read_bytes()) if file.exists() else None
    except (OSError, msgspec.MsgspecError) as error:
        raise EvidenceMissing(
            f"the log {trained.log[:12]} of the training {trained.recipe.digest[:12]} cannot be "
            f"read: {error}. Restore the artifacts of the project, or train again"
        ) from error
    return Log(signals=signals, told=told)


# Below: private.

_SIGNAL = msgspec.json.Decoder(StepSignal)
_TOLD = msgspec.json.Decoder(Told)
