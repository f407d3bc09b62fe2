"""Merging: each method against its definition, and what is refused."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402

from escalera.domain.recipe import MergeMethod, MergePlan, WeightedAdapter  # noqa: E402
from escalera.edges.merging import adapter_folders  # noqa: E402
from escalera.edges.merging.adapters import (  # noqa: E402
    ON_PRODUCTS,
    AdapterMerge,
    AdapterMerger,
    merge,
)
from escalera.errors import MergeError  # noqa: E402
from escalera.testing.tiny import tiny_adapter, tiny_model  # noqa: E402

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Three adapters of one model: two alike, one of another rank."""
    root = tmp_path_factory.mktemp("tiny")
    model = tiny_model(root / "model")
    first, second, third = (
        tiny_adapter(root / f"adapter{seed}", model, seed=seed, rank=rank)
        for seed, rank in ((1, 4), (2, 4), (3, 6))
    )
    return first, second, third


def merged(
    adapters: Mapping[Path, float], into: Path, method: MergeMethod, density: float = 1.0
) -> Path:
    """Merge adapters by weight into a new folder."""
    into.mkdir()
    entries = tuple(
        WeightedAdapter(adapter=folder.name, weight=weight) for folder, weight in adapters.items()
    )
    plan = MergePlan(method=method, adapters=entries, density=density)
    AdapterMerger().merge(plan, list(adapters), into=into)
    return into


def products(folder: Path) -> dict[str, Any]:
    """The change of every weight, in double precision."""
    config = json.loads((folder / "adapter_config.json").read_text())
    scale = config["lora_alpha"] / config["r"]
    tensors = load_file(folder / "adapter_model.safetensors")
    modules = {key.rsplit(".", 2)[0] for key in tensors}
    return {
        module: scale
        * tensors[f"{module}.lora_B.weight"].double()
        @ tensors[f"{module}.lora_A.weight"].double()
        for module in modules
    }


def configured(folder: Path, copy: Path, **keys: Any) -> Path:
    """A copy of an adapter with other keys in its configuration."""
    copy.mkdir()
    (copy / "adapter_model.safetensors").write_bytes(
        (folder / "adapter_model.safetensors").read_bytes()
    )
    config = json.loads((folder / "adapter_config.json").read_text()) | keys
    (copy / "adapter_config.json").write_text(json.dumps(config))
    return copy


def best(matrix: Any, rank: int) -> Any:
    """The slow, obvious best approximation: a full singular value decomposition."""
    outer, values, inner = torch.linalg.svd(matrix, full_matrices=False)
    return outer[:, :rank] * values[:rank] @ inner[:rank]


def test_one_adapter_of_weight_one_is_itself_bit_by_bit(made, tmp_path: Path) -> None:
    """The identity test that tools fail: factors, rank and alpha come back unchanged."""
    odd = configured(made[0], tmp_path / "odd", lora_alpha=3)  # a scale that is no power of two
    for place, source in enumerate((*made, odd)):
        out = merged({source: 1.0}, tmp_path / f"out{place}", "concatenate")
        one, other = (load_file(path / "adapter_model.safetensors") for path in (source, out))
        assert all(torch.equal(one[key], other[key]) for key in one)
        for key in ("r", "lora_alpha", "base_model_name_or_path"):
            configs = (
                json.loads((path / "adapter_config.json").read_text()) for path in (source, out)
            )
            assert len({config[key] for config in configs}) == 1


def test_concatenate_is_the_weighted_sum(made, tmp_path: Path) -> None:
    """Different ranks, scales and a negative weight: the products add up."""
    scaled = configured(made[1], tmp_path / "scaled", lora_alpha=3)
    out = merged({made[0]: 0.8, scaled: -0.5, made[2]: 0.3}, tmp_path / "out", "concatenate")
    one, two, three, found = (products(path) for path in (made[0], scaled, made[2], out))
    for module in one:
        wanted = 0.8 * one[module] - 0.5 * two[module] + 0.3 * three[module]
        torch.testing.assert_close(found[module], wanted, rtol=1e-6, atol=1e-6)
    assert json.loads((out / "adapter_config.json").read_text())["r"] == 14


def test_linear_is_the_best_approximation_of_the_sum(made, tmp_path: Path) -> None:
    """Equal to the truncated SVD of the full matrix, at the largest rank of the inputs."""
    out = merged({made[0]: 0.6, made[2]: 0.4}, tmp_path / "out", "linear")
    one, three, found = (products(path) for path in (made[0], made[2], out))
    for module in one:
        wanted = best(0.6 * one[module] + 0.4 * three[module], 6)
        torch.testing.assert_close(found[module], wanted, rtol=1e-5, atol=1e-5)
    assert json.loads((out / "adapter_config.json").read_text())["r"] == 6


def test_linear_keeps_a_sum_that_has_the_rank(made, tmp_path: Path) -> None:
    """Halves of one adapter add up to it: nothing is lost where nothing must be."""
    copy = configured(made[0], tmp_path / "copy")
    out = merged({made[0]: 0.5, copy: 0.5}, tmp_path / "out", "linear")
    for module, wanted in products(made[0]).items():
        torch.testing.assert_close(products(out)[module], wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("density", [1.0, 0.4])
def test_ties_follows_its_definition(made, tmp_path: Path, density: float) -> None:
    """Against a loop over single entries: trim, elect a sign, average what agrees."""
    weights = {made[0]: 1.0, made[1]: 0.7, made[2]: 1.2}
    out = merged(weights, tmp_path / "out", "ties", density)
    found, inputs = products(out), {path: products(path) for path in weights}
    for module in found:
        deltas = [weight * inputs[path][module] for path, weight in weights.items()]
        wanted = torch.zeros_like(deltas[0])
        keep = int(density * wanted.numel())
        limits = [float(delta.abs().flatten().sort().values[-keep]) for delta in deltas]
        for place in range(wanted.numel()):
            entries = [float(delta.flatten()[place]) for delta in deltas]
            kept = [
                entry for entry, limit in zip(entries, limits, strict=True) if abs(entry) >= limit
            ]
            total = sum(kept)
            agree = [entry for entry in kept if entry * total > 0]
            wanted.view(-1)[place] = sum(agree) / max(len(agree), 1)
        torch.testing.assert_close(found[module], best(wanted, 6), rtol=1e-4, atol=1e-5)


def test_ties_of_one_adapter_at_full_density_is_that_adapter(made, tmp_path: Path) -> None:
    """Nothing is trimmed and nothing disagrees."""
    out = merged({made[0]: 1.0}, tmp_path / "out", "ties")
    for module, wanted in products(made[0]).items():
        torch.testing.assert_close(products(out)[module], wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("method", ["linear", "ties"])
def test_a_rank_above_the_width_is_padded_with_nothing(tmp_path: Path, method) -> None:
    """More rank than v_proj has rows (16): the factors keep one rank everywhere."""
    model = tiny_model(tmp_path / "model")
    one, two = (tiny_adapter(tmp_path / f"a{seed}", model, seed=seed, rank=20) for seed in (1, 2))
    out = merged({one: 0.5, two: 0.5}, tmp_path / "out", method)
    tensors = load_file(out / "adapter_model.safetensors")
    assert {tensor.shape[0] for key, tensor in tensors.items() if "lora_A" in key} == {20}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"use_dora": True}, "use_dora=True"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"bias": "all"}, "bias='all'"),
        ({"rank_pattern": {"q_proj": 8}}, "rank_pattern"),
        ({"alpha_pattern": {"q_proj": 8}}, "alpha_pattern"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights='pissa'"),
        ({"some_new_variant": {"on": 1}}, "some_new_variant"),
        ({"peft_type": "LOHA"}, "'LOHA'"),
        ({"base_model_name_or_path": "another"}, "'another'"),
    ],
)
def test_what_cannot_be_merged_exactly_is_refused_by_name(
    made, tmp_path: Path, keys: dict[str, Any], words: str
) -> None:
    """The message names the key and its value; even unknown new variants are refused."""
    odd = configured(made[1], tmp_path / "odd", **keys)
    with pytest.raises(MergeError, match=words):
        merged({made[0]: 0.5, odd: 0.5}, tmp_path / "out", "concatenate")


def rank_stabilised(source: Path, copy: Path, **keys: Any) -> Path:
    """A copy whose scale is alpha / sqrt(r)."""
    return configured(source, copy, use_rslora=True, **keys)


def true_products(folder: Path) -> dict[str, Any]:
    """The change of every weight as PEFT computes it, for either scale."""
    config = json.loads((folder / "adapter_config.json").read_text())
    by = config["r"] if config.get("use_rslora") else 1
    return {module: product * by**0.5 for module, product in products(folder).items()}


def test_adapters_of_either_scale_are_merged_with_their_own(made, tmp_path: Path) -> None:
    """rsLoRA beside LoRA, in either order: PEFT's own "linear" scales such an adapter twice."""
    stable = rank_stabilised(made[0], tmp_path / "stable", lora_alpha=3)
    one, two = true_products(stable), true_products(made[2])
    for place, order in enumerate(((stable, made[2]), (made[2], stable))):
        shares = {stable: 0.7, made[2]: 0.5}
        weights = {folder: shares[folder] for folder in order}
        for method in ("concatenate", "linear"):
            found = true_products(merged(weights, tmp_path / f"{method}{place}", method))
            for module in one:
                wanted = 0.7 * one[module] + 0.5 * two[module]
                wanted = wanted if method == "concatenate" else best(wanted, 6)
                torch.testing.assert_close(found[module], wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("method", ["concatenate", "linear"])
@pytest.mark.parametrize("keys", [{"use_rslora": True}, {"use_dora": True}, {"bias": "all"}])
def test_one_adapter_of_weight_one_is_itself_whatever_its_kind(
    made, tmp_path: Path, keys: dict[str, Any], method: MergeMethod
) -> None:
    """rsLoRA, DoRA with its magnitudes, trained biases: the same bytes."""
    odd = configured(made[0], tmp_path / "odd", **keys)
    tensors = load_file(odd / "adapter_model.safetensors")
    tensors["base_model.model.x.lora_magnitude_vector"] = torch.rand(8)
    save_file(tensors, odd / "adapter_model.safetensors")
    out = merged({odd: 1.0}, tmp_path / "out", method)
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (odd / name).read_bytes() == (out / name).read_bytes()


def test_what_the_rank_cuts_off_is_told(made, tmp_path: Path) -> None:
    """The relative Frobenius norm, against full matrices; nothing is lost at full rank."""
    for rank in (3, 6, 10):
        into = tmp_path / f"out{rank}"
        into.mkdir()
        asked = AdapterMerge(method="linear", weights=(0.6, 0.4), rank=rank)
        error = merge(asked, [made[0], made[2]], into=into)
        one, three, found = (products(path) for path in (made[0], made[2], into))
        whole = {module: 0.6 * one[module] + 0.4 * three[module] for module in one}
        lost = sum(float(((whole[m] - found[m]) ** 2).sum()) for m in whole)
        wanted = (lost / sum(float((whole[m] ** 2).sum()) for m in whole)) ** 0.5
        assert error == pytest.approx(wanted, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("method", ON_PRODUCTS)
def test_methods_of_whole_models_work_on_the_changes(made, tmp_path: Path, method: str) -> None:
    """Two copies of one adapter are that adapter, by every method that keeps all."""
    (tmp_path / "out").mkdir()
    asked = AdapterMerge(
        method=method,
        weights=(1.0, 1.0),
        each=({"weight": 0.5, "density": 1.0, "gamma": 0.0, "epsilon": 0.1},) * 2,
    )
    merge(asked, [made[0], made[0]], into=tmp_path / "out")
    for module, wanted in products(made[0]).items():
        torch.testing.assert_close(products(tmp_path / "out")[module], wanted, rtol=1e-4, atol=1e-4)


def test_knots_compares_in_a_common_basis(made, tmp_path: Path) -> None:
    """Against the decomposition of the full matrices side by side."""
    (tmp_path / "out").mkdir()
    each = ({"weight": 1.0, "density": 0.5},) * 2
    asked = AdapterMerge(method="knots_ties", weights=(1.0, 1.0), each=each, rank=8)
    merge(asked, [made[0], made[1]], into=tmp_path / "out")
    one, two, found = (products(path) for path in (made[0], made[1], tmp_path / "out"))
    for module in one:
        outer, values, inner = torch.linalg.svd(
            torch.cat([one[module], two[module]], 1), full_matrices=False
        )
        rights = [part[:8] for part in inner.split(one[module].shape[1], dim=1)]
        kept = []
        for part in rights:
            limit = part.abs().flatten().sort().values[-(part.numel() // 2)]
            kept.append(part * (part.abs() >= limit))
        agree = [part * (part * sum(kept) > 0) for part in kept]
        count = sum((part != 0).double() for part in agree).clamp(min=1)
        wanted = outer[:, :8] * values[:8] @ (sum(agree) / count)
        torch.testing.assert_close(found[module], wanted, rtol=2e-3, atol=2e-3)


def test_other_tensors_and_other_shapes_are_refused(made, tmp_path: Path) -> None:
    """A saved bias, a module that only one adapter has, a layer of another size."""
    tensors = load_file(made[1] / "adapter_model.safetensors")
    name = min(key for key in tensors if key.endswith("lora_A.weight"))
    odd = configured(made[1], tmp_path / "odd")
    cases = {
        "no LoRA factor": tensors | {"base_model.model.lm_head.weight": torch.zeros(2)},
        "different modules": {key: tensors[key] for key in tensors if key[:-13] != name[:-13]},
        r"\(32, 33\)|\(32, 65\)": tensors | {name: torch.zeros(4, tensors[name].shape[1] + 1)},
    }
    for place, (words, changed) in enumerate(cases.items()):
        save_file(changed, odd / "adapter_model.safetensors")
        with pytest.raises(MergeError, match=words):
            merged({made[0]: 0.5, odd: 0.5}, tmp_path / f"out{place}", "concatenate")


def test_unusable_plans_and_folders_are_refused(made, tmp_path: Path) -> None:
    """No adapters, a density that is no share, a weight that is no number, an empty folder."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(MergeError, match="0 adapters"):
        merged({}, tmp_path / "out1", "linear")
    with pytest.raises(MergeError, match=r"density is 0\.0"):
        merged({made[0]: 1.0}, tmp_path / "out2", "ties", density=0.0)
    with pytest.raises(MergeError, match="weight is nan"):
        merged({made[0]: float("nan")}, tmp_path / "out3", "linear")
    with pytest.raises(MergeError, match="'empty' cannot be read"):
        merged({tmp_path / "empty": 1.0}, tmp_path / "out4", "linear")


def test_a_merge_is_the_same_bytes_every_time(made, tmp_path: Path) -> None:
    """Equal plans give equal artifacts."""
    for method in ("concatenate", "linear", "ties"):
        first, second = (
            merged({made[0]: 0.5, made[2]: 0.5}, tmp_path / f"{method}{run}", method, density=0.5)
            for run in range(2)
        )
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            assert (first / name).read_bytes() == (second / name).read_bytes()


def test_merges_of_one_race_read_their_adapters_once(
    made: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the method and the weights; the bytes are those of a merger of its own."""
    first, second, third = made
    read, asked = adapter_folders.read, list[Path]()
    monkeypatch.setattr(
        adapter_folders, "read", lambda folder: asked.append(folder) or read(folder)
    )
    merger, number = AdapterMerger(), 0

    def together(folders: list[Path], method: MergeMethod, *weights: float) -> None:
        nonlocal number
        number += 1
        entries = tuple(
            WeightedAdapter(adapter=folder.name, weight=weight)
            for folder, weight in zip(folders, weights, strict=True)
        )
        plan = MergePlan(method=method, adapters=entries, density=0.5)
        found = []
        for name, one in (("held", merger), ("alone", AdapterMerger())):
            into = tmp_path / f"{name}{number}"
            into.mkdir()
            before = len(asked)
            one.merge(plan, folders, into=into)
            found.append((len(asked) - before, (into / "adapter_model.safetensors").read_bytes()))
        (held, bytes_of_held), (alone, bytes_alone) = found
        assert (alone, bytes_of_held) == (len(folders), bytes_alone)
        reads.append(held)

    reads: list[int] = []
    together([first, second], "concatenate", 0.8, 0.5)
    together([first, second], "ties", 0.6, 0.4)
    together([first, second], "knots_ties", 0.3, 0.9)
    together([second, third], "linear", 0.5, 0.5)
    together([first, second], "linear", 0.5, 0.5)
    assert reads == [2, 0, 0, 1, 1]
