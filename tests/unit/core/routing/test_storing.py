"""A router as files."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from tests.unit.core.routing.messages import TEXTS, TYPES, learned, near, sensing

from escalera.core.routing import storing
from escalera.core.routing.abstention import Rule
from escalera.errors import InputError

ROUTER = replace(
    learned(),
    rule=Rule(familiarity=0.25, refusal=0.5, errors=(1.5, 0.5)),
    reference=np.array([0.5, 1.5], np.float32),
)


def test_files_are_read_back_as_they_were_without_pickle():
    """Plain arrays and JSON, to the last bit."""
    files = storing.to_files(ROUTER)
    read = storing.from_files(files)
    assert [read.choose(text) for text in TEXTS] == [ROUTER.choose(text) for text in TEXTS]
    assert (read.types, read.scale, read.rule) == (TYPES, ROUTER.scale, ROUTER.rule)
    assert read.reference.tolist() == [0.5, 1.5]
    assert storing.to_files(read) == files
    assert all(name.endswith((".npy", ".json")) for name in files)


def test_a_router_that_never_abstains_is_kept_as_such():
    """In plain JSON, which has no infinity."""
    files = storing.to_files(learned())
    assert json.loads(files["router.json"])["rule"]["familiarity"] is None
    assert storing.from_files(files).rule == learned().rule


def test_a_pickled_array_is_refused():
    """Whoever can write a router file must not be able to run code."""
    held = io.BytesIO()
    np.save(held, np.array([{"run": "me"}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="allow_pickle"):
        storing.from_files(storing.to_files(ROUTER) | {"weights.npy": held.getvalue()})


def test_files_of_other_features_are_refused():
    """Weights mean nothing over features of another version, as of the first routers."""
    older = {"types": TYPES, "features": "crc32-4096-char3to5-word"}
    files = {"router.json": json.dumps(older).encode(), "weights.npy": b"", "biases.npy": b""}
    with pytest.raises(InputError, match="climb again to learn it anew"):
        storing.from_files(files)


@pytest.mark.parametrize("name", sorted(storing.to_files(ROUTER)))
@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b"\x93NUMPY", None])
def test_damaged_files_are_told_with_the_remedy(name, damage):
    """Cut, exchanged or lost: never an error of what reads them."""
    files = storing.to_files(ROUTER)
    files = {key: value for key, value in files.items() if key != name}
    if damage is not None:
        files[name] = damage
    with pytest.raises(InputError, match="Restore them from a copy"):
        storing.from_files(files)


def test_what_was_learned_of_embeddings_is_kept_with_the_model_that_made_them():
    """Three more plain things, and the same choices."""
    router = sensing()
    files = storing.to_files(router)
    assert json.loads(files["router.json"])["sense"] == {"model": "e5", "revision": "r5"}
    assert {"centre.npy", "sense.npy"} <= set(files)
    read = storing.from_files(files)
    assert read.choose("qq", near("praise")) == router.choose("qq", near("praise"))
    assert storing.to_files(read) == files
    assert "sense" not in json.loads(storing.to_files(ROUTER)["router.json"])
