"""A router as files: plain arrays and JSON, no pickle, the same bytes every time."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from escalera.core.routing import features
from escalera.core.routing.abstention import Rule
from escalera.core.routing.calibration import Scale
from escalera.core.routing.features import Places
from escalera.core.routing.router import Router
from escalera.core.routing.rows import Table
from escalera.core.routing.sense import Sense
from escalera.errors import InputError

_ARRAYS = ("buckets", "rarity", "weights", "biases", "reference")
_SENSED = ("centre", "sense")


def to_files(router: Router) -> dict[str, bytes]:
    """The router by file name."""
    told: dict[str, Any] = {
        "types": router.types,
        "features": features.NAME,
        "scale": asdict(router.scale),
        "rule": asdict(router.rule),
    }
    arrays = {
        "buckets": known_buckets(router),
        "rarity": router.rarity,
        "weights": router.weights,
        "biases": router.biases,
        "reference": router.reference,
    }
    if router.sense is not None:
        told["sense"] = {"model": router.sense.model, "revision": router.sense.revision}
        arrays |= {"centre": router.sense.centre, "sense": router.sense.weights}
    return {
        "router.json": json.dumps(told).encode(),
        **{f"{name}.npy": _array_bytes(array) for name, array in arrays.items()},
    }


def from_files(files: Mapping[str, bytes]) -> Router:
    """The router that `to_files` wrote. Raises `InputError` for other or damaged files."""
    try:
        return _read(files)
    except (ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise InputError(
            f"the router's files cannot be read: {error}. Restore them from a copy, or remove the "
            "state folder and climb anew."
        ) from error


def known_buckets(router: Router) -> np.ndarray:
    """The buckets that have a row of their own, in the order of the rows."""
    places = np.flatnonzero(router.slots)
    return places[np.argsort(router.slots[places])].astype(np.uint32)


# Below: private.


def _read(files: Mapping[str, bytes]) -> Router:
    told = json.loads(files["router.json"])
    if told["features"] != features.NAME:
        raise InputError(
            f"the router was learned on features {told['features']!r}, this version computes "
            f"{features.NAME!r}: climb again to learn it anew"
        )
    named = told.get("sense")
    arrays = {
        name: np.load(io.BytesIO(files[f"{name}.npy"]), allow_pickle=False)
        for name in (_ARRAYS if named is None else (*_ARRAYS, *_SENSED))
    }
    rule = Rule(**told["rule"])
    return Router(
        types=tuple(told["types"]),
        slots=features.slots(arrays["buckets"]),
        rarity=arrays["rarity"],
        weights=arrays["weights"],
        biases=arrays["biases"],
        reference=arrays["reference"],
        scale=Scale(**told["scale"]),
        rule=replace(rule, errors=tuple(rule.errors)),
        sense=None
        if named is None
        else Sense(**named, centre=arrays["centre"], weights=arrays["sense"]),
    )


def _array_bytes(array: Table | Places) -> bytes:
    held = io.BytesIO()
    np.save(held, array, allow_pickle=False)
    return held.getvalue()
