"""What a job that goes on from a finetuned model learns: weights of the kind that this one learned.

An adapter is gone on with as it is: the same matrices, so that the first step begins with the very
function that the finetuned model is. Where weights of the model itself were trained, they take the
place of the base's, and any of them may learn. What crosses the two kinds is refused: an adapter
over weights that were trained could not be served beside others over the base, and an adapter that
is folded in to be trained further is another model than the one that was measured, by rounding.
"""

from __future__ import annotations

from dataclasses import replace

from escalera.domain.job import JobWish, Origin, Published
from escalera.domain.levers import Trainable
from escalera.errors import InputError


def resolved(wish: JobWish, model: Published, learned: Trainable | None) -> JobWish:
    """*wish*, whose model is the finetuned *model*, in which the weights *learned* did.

    Raises `InputError` where it is not known what learned, or the wish is of another kind.
    """
    if learned is None:
        raise InputError(
            f"no job here knows which weights of {model.name!r} learned, so that nothing can go on "
            "with them. Name its base, or a model that a job made"
        )
    origin = Origin(base=model.base, revision=model.revision, adapter=model.adapter, job=model.job)
    kind = _of_adapter if learned.factors else _of_weights
    return replace(wish, origin=origin, trainable=kind(model.name, learned, wish.trainable))


# Below: private.


def _of_adapter(name: str, learned: Trainable, wanted: Trainable | None) -> Trainable:
    if wanted is None:
        return learned
    if not wanted.adapter:
        raise InputError(
            f"{name!r} is an adapter, which is gone on with as one, and {wanted.method!r} trains "
            "weights of the model itself. Leave `trainable` out; or export the model as `merged`, "
            "and put that folder into the project file as a base"
        )
    asked = (wanted.method, wanted.rank, wanted.alpha, sorted(wanted.targets))
    if asked != (learned.method, learned.rank, learned.alpha, sorted(learned.targets)):
        raise InputError(
            f"{name!r} is an adapter by {learned.method!r} of rank {learned.rank} with alpha "
            f"{learned.alpha} on {list(learned.targets) or 'all linear layers'}, and keeps that "
            "when it is trained further. Leave `trainable` out, or change its dropout alone"
        )
    return replace(learned, dropout=wanted.dropout)


def _of_weights(name: str, learned: Trainable, wanted: Trainable | None) -> Trainable:
    found = learned if wanted is None else wanted
    if found.adapter:
        raise InputError(
            f"{name!r} has weights of the model itself that learned, so an adapter over them could "
            "not be served over the base. Say trainable.method 'partial' or 'full'"
        )
    return found
