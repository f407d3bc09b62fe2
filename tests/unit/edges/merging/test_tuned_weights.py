"""Trained weights of a model merged as files: against the arithmetic written out, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402

from escalera.domain.recipe import MergeMethod, MergePlan, WeightedAdapter  # noqa: E402
from escalera.edges.merging.tuned_weights import TrainedMerger  # noqa: E402
from escalera.errors import MergeError  # noqa: E402
from escalera.testing.tiny import tiny_adapter, tiny_model  # noqa: E402

pytestmark = pytest.mark.local

FIRST = "model.layers.0.mlp.up_proj.weight"
SECOND = "model.layers.0.mlp.down_proj.weight"
NORM = "model.norm.weight"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model."""
    return tiny_model(tmp_path_factory.mktemp("base") / "model")


def own(base: Path) -> dict[str, torch.Tensor]:
    """The weights of the model."""
    return load_file(base / "model.safetensors")


def training(base: Path, folder: Path, *names: str, seed: int, probes: str = "[[1, 2]]") -> Path:
    """What a training of these weights leaves."""
    folder.mkdir()
    generator = torch.Generator().manual_seed(seed)
    changed = {
        name: (weight := own(base)[name]) + 0.1 * torch.randn(weight.shape, generator=generator)
        for name in names
    }
    save_file(changed, folder / "tuned_weights.safetensors")
    config = {"base_model_name_or_path": "m", "method": "partial", "weights": len(names)}
    (folder / "tuned_config.json").write_text(json.dumps(config))
    (folder / "prompt_tokens.json").write_text(probes)
    return folder


def merged(
    base: Path,
    folders: list[Path],
    into: Path,
    *weights: float,
    method: MergeMethod = "linear",
    density: float = 1.0,
) -> dict[str, torch.Tensor]:
    """Merge into a new folder; what it holds."""
    into.mkdir()
    entries = tuple(
        WeightedAdapter(adapter=folder.name, weight=weight)
        for folder, weight in zip(folders, weights, strict=True)
    )
    plan = MergePlan(method=method, adapters=entries, density=density)
    TrainedMerger(base).merge(plan, folders, into=into)
    return load_file(into / "tuned_weights.safetensors")


def test_changes_are_added_to_the_base(base, tmp_path):
    """Each with its weight; a weight that only one training changed moves by that one alone."""
    a = training(base, tmp_path / "a", FIRST, NORM, seed=1)
    b = training(base, tmp_path / "b", FIRST, SECOND, seed=2)
    found, was = merged(base, [a, b], tmp_path / "out", 0.6, 0.4), own(base)
    one, two = (load_file(folder / "tuned_weights.safetensors") for folder in (a, b))
    assert set(found) == {FIRST, SECOND, NORM}
    both = was[FIRST] + 0.6 * (one[FIRST] - was[FIRST]) + 0.4 * (two[FIRST] - was[FIRST])
    torch.testing.assert_close(found[FIRST], both, rtol=0, atol=1e-6)
    only = was[NORM] + 0.6 * (one[NORM] - was[NORM])
    torch.testing.assert_close(found[NORM], only, rtol=0, atol=1e-6)
    only = was[SECOND] + 0.4 * (two[SECOND] - was[SECOND])
    torch.testing.assert_close(found[SECOND], only, rtol=0, atol=1e-6)


def test_ties_drops_small_and_conflicting_changes(base, tmp_path):
    """Written out after section 3 of the paper: trim, elect the sign, average those that agree."""
    folders = [training(base, tmp_path / f"t{seed}", FIRST, seed=seed) for seed in (1, 2, 3)]
    out, density = tmp_path / "out", 0.3
    found = merged(base, folders, out, 1.0, 1.0, 1.0, method="ties", density=density)
    was = own(base)[FIRST].double()
    changes = torch.stack(
        [load_file(f / "tuned_weights.safetensors")[FIRST].double() - was for f in folders]
    )
    kept = torch.zeros_like(changes)
    for place, change in enumerate(changes):
        many = int(density * change.numel())
        chosen = change.abs().flatten().topk(many).indices
        kept[place].view(-1)[chosen] = change.flatten()[chosen]
    sign = torch.sign(kept.sum(0))
    agree = (torch.sign(kept) == sign) & (kept != 0)
    mean = (kept * agree).sum(0) / agree.sum(0).clamp(min=1)
    near = (found[FIRST].double() - (was + mean)).abs() < 1e-6
    assert near.double().mean() > 0.999  # exact but for ties of the threshold
    assert (mean != 0).double().mean() > 0.3


def test_one_training_alone_stays_as_it_is(base, tmp_path):
    """To the bit, with its probes: what serves it compares them."""
    a = training(base, tmp_path / "a", FIRST, seed=1)
    merged(base, [a], tmp_path / "out", 1.0)
    for name in ("tuned_weights.safetensors", "prompt_tokens.json"):
        assert (tmp_path / "out" / name).read_bytes() == (a / name).read_bytes()
    told = json.loads((tmp_path / "out" / "tuned_config.json").read_text())
    assert told["base_model_name_or_path"] == "m"


def test_the_same_plan_gives_the_same_bytes(base, tmp_path):
    """An artifact is known by its content."""
    folders = [training(base, tmp_path / f"t{seed}", FIRST, seed=seed) for seed in (1, 2)]
    for out in ("x", "y"):
        merged(base, folders, tmp_path / out, 0.7, 0.2, method="ties", density=0.5)
    x, y = ((tmp_path / out / "tuned_weights.safetensors").read_bytes() for out in ("x", "y"))
    assert x == y


def test_adapters_are_merged_as_adapters(base, tmp_path):
    """By the same port, and never with weights."""
    adapter = tiny_adapter(tmp_path / "adapter", base)
    into = tmp_path / "out"
    into.mkdir()
    plan = MergePlan(method="linear", adapters=(WeightedAdapter(adapter="a", weight=1.0),))
    TrainedMerger(base).merge(plan, [adapter], into=into)
    assert (into / "adapter_model.safetensors").is_file()
    weights = training(base, tmp_path / "weights", FIRST, seed=1)
    with pytest.raises(MergeError, match="'adapter' is an adapter, and 'weights' holds weights"):
        merged(base, [adapter, weights], tmp_path / "no", 0.5, 0.5)


def test_what_cannot_be_merged_is_refused_by_name(base, tmp_path):
    """And nothing is written."""
    a = training(base, tmp_path / "a", FIRST, seed=1)
    other = training(base, tmp_path / "other", FIRST, seed=2, probes="[[1, 3]]")
    strange = training(base, tmp_path / "strange", FIRST, seed=3)
    save_file({"model.nothing": torch.zeros(2)}, strange / "tuned_weights.safetensors")
    bent = training(base, tmp_path / "bent", FIRST, seed=3)
    save_file({FIRST: torch.zeros(2, 2)}, bent / "tuned_weights.safetensors")
    bare = training(base, tmp_path / "bare", FIRST, seed=3)
    (bare / "tuned_config.json").unlink()
    for number, (folders, method, said) in enumerate(
        [
            ([a, a], "knots_ties", "cannot be merged by 'knots_ties', which is of factors"),
            ([a, other], "linear", "other chat templates or tokenizers"),
            ([a, strange], "linear", "has no weight 'model.nothing'"),
            ([a, bent], "linear", "Weights to be merged have one shape"),
            ([a, bare], "linear", "'bare' has no tuned_config.json"),
        ]
    ):
        into = tmp_path / f"no{number}"
        with pytest.raises(MergeError, match=said):
            merged(base, folders, into, 0.5, 0.5, method=method)
        assert list(into.iterdir()) == []
