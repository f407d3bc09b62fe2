"""Merges of folders: equal to the methods, the same bytes in any way, resumed, refused, undone."""

import hashlib
import json
import multiprocessing
import os
import random
import shutil
import time
from functools import partial

import numpy as np
import pytest
from tests.unit.core.merging import inputs
from tests.unit.edges.merging.folders import floats, loaded, model, save, stored

from escalera.core.merging import numbers
from escalera.core.merging.recipe import Recipe, Slice, Source
from escalera.edges.merging import execution, whole_models
from escalera.edges.merging.whole_models import Means
from escalera.errors import MergeError

METHODS = ("linear", "slerp", "ties", "dare_ties", "della", "karcher", "sce", "model_stock")


def recipe(method, **more):
    """A base and two models, or as many as the method takes, with parameters of all kinds."""
    names = ("a",) if method == "slerp" else ("a", "b")
    settings = (("weight", (0.4, 0.8)), ("density", 0.4), ("t", 0.3), ("select_topk", 0.5))
    base = None if method in ("linear", "karcher") else "c"
    sources = tuple(Source(model=name, settings=settings) for name in names)
    return Recipe(
        method=method, slices=(Slice(sources=sources),), base=base, settings=settings, **more
    )


def merge(folders, asked, into, *, statistics=None, **means):
    """Merge into a folder."""
    with whole_models.opened(folders, statistics or {}) as models:
        return models.merge(models.plan(asked), into=into, means=Means(**means))


def digest(folder):
    """One hash over all files by name."""
    whole = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        whole.update(path.name.encode() + path.read_bytes())
    return whole.hexdigest()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Three models, one of them in shards."""
    root = tmp_path_factory.mktemp("models")
    return {
        name: model(root / name, seed, shards=1 + seed, tokens={"x": 0, "y": 1})
        for seed, name in enumerate("abc")
    }


@pytest.mark.parametrize("method", METHODS)
def test_every_thread_count_chunk_and_shard_layout_gives_the_same_numbers(
    folders, tmp_path, method
):
    """And the same files where the layout is the same."""
    found = []
    for place, (threads, chunk, shard) in enumerate(
        [(1, 1 << 15, 5e9), (3, 1 << 17, 5e9), (2, 1 << 16, 1e5), (1, 1 << 18, 1e5)]
    ):
        into = tmp_path / f"out{place}"
        merge(folders, recipe(method), into, threads=threads, chunk=chunk, shard=int(shard))
        found.append((digest(into), loaded(into)))
    assert found[0][0] == found[1][0]
    assert found[2][0] == found[3][0]
    for _, tensors in found[1:]:
        assert all((tensors[name] == found[0][1][name]).all() for name in tensors)


def test_a_folder_holds_what_the_method_makes(folders, tmp_path):
    """Numbers as the method on arrays gives them; configuration, tokenizer and lineage beside."""
    found = merge(folders, recipe("ties"), tmp_path / "out")
    name = "model.layers.1.mlp.up_proj.weight"
    held = [
        numbers.as_floats(numbers.as_stored(floats(s)[name], "BF16"), "BF16") for s in (2, 0, 1)
    ]
    wanted = inputs.merged("ties", held, each=[{"weight": 0.8, "density": 0.4}] * 2)
    rounded = numbers.as_floats(numbers.as_stored(wanted, "BF16"), "BF16")
    assert (loaded(tmp_path / "out")[name] == rounded).all()
    lineage = json.loads((tmp_path / "out" / "merge_lineage.json").read_text())
    assert lineage["plan"] == found.digest
    assert set(lineage["tensors"]) == set(floats(0))
    assert [entry["model"] for entry in lineage["inputs"]] == ["c"] * 3 + ["a"] + ["b"] * 2
    assert (tmp_path / "out" / "tokenizer.json").exists()
    assert found.rounding is not None
    assert 0 < found.rounding < 0.2


def test_the_same_merge_again_has_nothing_to_do(folders, tmp_path):
    """And another one into its folder is refused."""
    merge(folders, recipe("linear"), tmp_path / "out")
    before = digest(tmp_path / "out")
    assert merge(folders, recipe("linear"), tmp_path / "out").resumed == len(floats(0))
    with pytest.raises(MergeError, match="is there and holds something else"):
        merge(folders, recipe("ties"), tmp_path / "out")
    assert digest(tmp_path / "out") == before


def _slowly(folders, into, threads):
    """A merge that takes half a second more, so that it can be killed within."""
    write = execution.Shop.write

    def slow(self, *arguments):
        time.sleep(0.05)
        return write(self, *arguments)

    execution.Shop.write = slow
    merge(folders, recipe("dare_ties", seed=3), into, threads=threads)


def test_a_killed_merge_goes_on_and_ends_in_the_same_bytes(folders, tmp_path):
    """SIGKILL at random moments, until it is through."""
    merge(folders, recipe("dare_ties", seed=3), tmp_path / "undisturbed")
    generator, kills = random.Random(1), 0
    context = multiprocessing.get_context("fork")
    while not (tmp_path / "out").exists():
        run = context.Process(target=_slowly, args=(folders, tmp_path / "out", 1 + kills % 2))
        run.start()
        run.join(generator.uniform(0.1, 0.4))
        if run.is_alive():
            run.kill()
            run.join()
            kills += 1
    assert kills
    assert digest(tmp_path / "out") == digest(tmp_path / "undisturbed")
    assert not (tmp_path / ".out.merging").exists()


def broken(folders, root, change):
    """The models with one of them changed by a function of its folder."""
    changed = model(root / "odd", 1, tokens={"x": 0, "y": 1})
    change(changed)
    return folders | {"b": changed}


def _cut(folder):
    os.truncate(folder / "model.safetensors", 100_000)


def _resaved(**changes):
    def change(folder):
        held = stored(floats(1), "BF16") | changes.get("more", {})
        for name in changes.get("less", ()):
            del held[name]
        save(folder / "model.safetensors", held)

    return change


def _configured(**keys):
    def change(folder):
        config = json.loads((folder / "config.json").read_text()) | keys
        (folder / "config.json").write_text(json.dumps(config))

    return change


def _tokens(folder):
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"x": 1, "z": 0}}}))


NORM = "model.norm.weight"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_cut, "it is cut off"),
        (_resaved(less=[NORM]), f"'b' has no tensor '{NORM}'"),
        (_resaved(more={"more": ("F32", np.ones(2, np.float32))}), "'a' has no tensor 'more'"),
        (_resaved(more={NORM: ("F8_E4M3", np.zeros(24, np.uint8))}), "holds F8_E4M3"),
        (_resaved(more={NORM: ("F32", np.zeros(9, np.float32))}), r"is \(9,\) in the model 'b'"),
        (_configured(model_type="gpt2"), "model_type is 'llama' in the model 'a' and 'gpt2'"),
        (_tokens, "the vocabularies differ"),
    ],
)
def test_what_cannot_be_merged_is_one_error_and_leaves_nothing(folders, tmp_path, change, said):
    """Before the first byte is written."""
    with pytest.raises(MergeError, match=said):
        merge(broken(folders, tmp_path, change), recipe("linear"), tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"odd"}


def test_an_error_on_the_way_leaves_nothing(folders, tmp_path, monkeypatch):
    """A disk that fails at the first write, or in the middle."""
    left = []

    def full(write, *arguments):
        if not left:
            raise OSError(28, "No space left on device")
        left.pop()
        return write(*arguments)

    for name in ("pwrite", "pwritev"):
        monkeypatch.setattr(os, name, partial(full, getattr(os, name)))
    for allowed, threads in ((0, 1), (4, 1), (4, 2)):
        left[:] = [1] * allowed
        with pytest.raises(MergeError, match=r"No space left on device\. Nothing is left"):
            merge(folders, recipe("linear"), tmp_path / "out", threads=threads)
        assert list(tmp_path.iterdir()) == []


def test_another_vocabulary_is_read_in_the_order_of_the_base(tmp_path):
    """By token; rows that a model lacks are the base's."""
    tokens = {f"t{n}": n for n in range(50)}
    other = {f"t{n}": 39 - n for n in range(40)}
    folders = {
        "c": model(tmp_path / "c", 0, tokens=tokens, kind="F32"),
        "a": model(tmp_path / "a", 1, tokens=other, rows=40, kind="F32"),
    }
    source = Source(model="a", settings=(("weight", 1.0),))
    asked = Recipe(
        method="task_arithmetic", slices=(Slice(sources=(source,)),), base="c", tokens="base"
    )
    merge(folders, asked, tmp_path / "out")
    found = loaded(tmp_path / "out")["lm_head.weight"]
    base, model_ = floats(0)["lm_head.weight"], floats(1, 40)["lm_head.weight"]
    np.testing.assert_allclose(found[:40], model_[::-1], atol=1e-6)
    assert (found[40:] == base[40:]).all()


def test_regmean_reads_statistics_beside_the_weights(folders, tmp_path):
    """Layers that have them are solved, all others averaged."""
    name = "model.layers.0.self_attn.q_proj.weight"
    statistics, products = {}, []
    for seed, model_ in enumerate("ab"):
        x = np.random.default_rng(seed).standard_normal((100, 24))
        products.append((x.T @ x).astype(np.float32))
        statistics[model_] = tmp_path / f"{model_}.safetensors"
        save(statistics[model_], {name: ("F32", products[-1])})
    asked = Recipe(
        method="regmean",
        slices=(Slice(sources=(Source(model="a"), Source(model="b"))),),
        kind="F32",
    )
    merge(folders, asked, tmp_path / "out", statistics=statistics)
    found = loaded(tmp_path / "out")
    held = [loaded(folders[m]) for m in "ab"]
    wanted = inputs.merged("regmean", [h[name] for h in held], each=[{}, {}], beside=products)
    np.testing.assert_allclose(found[name], wanted, atol=1e-6)
    np.testing.assert_allclose(
        found["lm_head.weight"],
        (held[0]["lm_head.weight"] + held[1]["lm_head.weight"]) / 2,
        atol=1e-6,
    )


def test_numbers_that_are_not_finite_are_told(tmp_path):
    """With the tensor and how many."""
    folders = {}
    for seed, name in enumerate("ab"):
        folders[name] = model(tmp_path / name, seed, tokens={"x": 0, "y": 1})
        values = floats(seed)
        values["lm_head.weight"][0, :3] = np.inf
        save(folders[name] / "model.safetensors", stored(values, "BF16"))
    found = merge(folders, recipe("linear"), tmp_path / "out")
    assert found.notes == (
        "density has no effect on linear",
        "t has no effect on linear",
        "select_topk has no effect on linear",
        "3 numbers of lm_head.weight are not finite",
    )


def test_a_disk_that_is_too_small_is_noticed_before(folders, tmp_path, monkeypatch):
    """What a killed run holds already counts as free."""
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(MergeError, match="has 1,000 left"):
        merge(folders, recipe("linear"), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / ".out.merging").mkdir()
    (tmp_path / ".out.merging" / "rest").write_bytes(bytes(1 << 20))
    merge(folders, recipe("linear"), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.filterwarnings("error")
def test_what_rounding_took_is_not_told_of_numbers_that_are_none(tmp_path):
    """They are counted by tensor; no share can be given, and nothing is warned of beside."""
    folders = {name: model(tmp_path / name, seed) for seed, name in enumerate("ac")}
    held = floats(0)
    held["model.norm.weight"][:2] = np.inf
    save(folders["a"] / "model.safetensors", stored(held, "BF16"))
    asked = Recipe(
        method="task_arithmetic",
        slices=(Slice(sources=(Source(model="a", settings=(("weight", 1.0),)),)),),
        base="c",
    )
    found = merge(folders, asked, tmp_path / "out")
    assert found.rounding is None
    assert found.notes[-1] == "2 numbers of model.norm.weight are not finite"
