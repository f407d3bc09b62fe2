"""Names of finetuned models, and who may ask them."""

from __future__ import annotations

from escalera.domain.access import Key
from escalera.domain.job import Job, Published
from escalera.errors import InputError

PREFIX = "ft:"
"""What the name of every finetuned model begins with, and that of no other."""
LONGEST = 512
"""Letters of a name: as many as a request may carry."""


def name(base: str, suffix: str, id_: str) -> str:
    """The name of a model as OpenAI's API makes them: its base, the caller's word for it, an id."""
    return f"{PREFIX}{base}:{suffix}:{id_}"


def of_job(job: Job) -> str:
    """The name of what *job* makes of its base: the same whenever it is asked for."""
    base = job.wish.base if job.recipe is None else job.recipe.model
    return job.made or name(base, job.wish.suffix, job.id.rpartition("-")[2])


def checked(model: Published) -> Published:
    """*model*, where its name can be asked. Raises `InputError`."""
    letters = model.name.removeprefix(PREFIX)
    good = len(letters) < len(model.name) <= LONGEST and letters and " " not in letters
    if not good or not letters.isprintable():
        raise InputError(
            f"{model.name!r} cannot name a finetuned model: a name begins with {PREFIX!r}, has no "
            f"spaces, and at most {LONGEST} letters"
        )
    return model


def kept(model: Published, before: Published | None) -> Published:
    """*model*, where its name does not stand for something else, *before*. Raises `InputError`.

    What was measured under a name would else be untrue.
    """
    if before is not None and (before.base, before.adapter) != (model.base, model.adapter):
        raise InputError(
            f"the name {model.name!r} stands for another model: for the artifact "
            f"{before.adapter!r} over {before.base!r}. Choose another name"
        )
    return model


def may_ask(key: Key, name: str, owner: str) -> bool:
    """Whether *key* may ask the model *name* of *owner*, and know of it.

    A key that names the model among its `models` was given it by whoever runs the gateway. Where
    callers have no keys of their own (`Key.id` is empty), everybody may, and everybody may ask
    what was made there.
    """
    return not owner or _owns(key, owner) or name in key.models


def may_withdraw(key: Key, owner: str) -> bool:
    """Whether *key* may take a model of *owner* away."""
    return _owns(key, owner)


# Below: private.


def _owns(key: Key, owner: str) -> bool:
    return not key.id or key.owner == owner
