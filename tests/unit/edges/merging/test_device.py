"""Merges computed by PyTorch, here on the processor: the bytes that NumPy computes.

Every method of the table runs on both, over all kinds of numbers, with tensors that take several
blocks; and once more on a device whose memory is apart (`apart`), as a GPU's is. What a GPU's
arithmetic does differently is not shown here.
"""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.unit.core.merging.inputs import arrays  # noqa: E402
from tests.unit.edges import apart  # noqa: E402
from tests.unit.edges.merging.folders import model  # noqa: E402

from escalera import merging  # noqa: E402
from escalera.apps.cli.main import run as main  # noqa: E402
from escalera.core.merging import methods, numbers, thresholds  # noqa: E402
from escalera.core.merging.methods import METHODS, Values  # noqa: E402
from escalera.core.merging.numbers import STORED  # noqa: E402
from escalera.core.merging.streams import CELL, Held, Spare, Stream  # noqa: E402
from escalera.core.merging.thresholds import Wanted  # noqa: E402
from escalera.edges.merging.device import DeviceArray, DeviceSpare, named  # noqa: E402
from escalera.errors import MergeError  # noqa: E402

DEVICE = torch.device("cpu")
BY_PRODUCTS = {"slerp", "nuslerp", "multislerp", "karcher", "model_stock", "sce", "regmean"}
"""Methods that add up products, in the order of whoever computes them."""
SHAPE = (257, 300)


def run(method, kind, spare, *, density=0.4, held=1 << 22):
    """The merged float32 numbers of a base and two models."""
    row = METHODS[method]
    count = max(row.fewest, min(row.most, 2))
    given = {
        p.name: {"weight": 0.6, "density": density, "gamma": 0.1}.get(p.name, 0.1)
        for p in row.parameters
        if p.each
    }
    shared = {p.name: p.default for p in row.parameters if not p.each}
    shared |= {name: 0.3 for name, value in shared.items() if value is None}
    if "select_topk" in shared:
        shared["select_topk"] = 0.5
    stored = [numbers.as_stored(values, kind) for values in arrays(count + 1, *SHAPE)]
    if row.base != "needed":
        stored = stored[1:]
    beside = ()
    if method == "fisher":
        beside = [Held(raw=abs(v).reshape(-1), kind="F32") for v in arrays(count, *SHAPE, seed=5)]
    if method == "regmean":
        beside = [
            Held(raw=(v.T @ v).astype(np.float32).reshape(-1), kind="F32")
            for v in arrays(count, 400, SHAPE[1], seed=6)
        ]
    stream = Stream(
        [Held(raw=raw.reshape(-1), kind=kind) for raw in stored],
        shape=SHAPE,
        spare=spare,
        chunk=CELL,
        held=held,
    )
    values = Values(shared=shared, each=[given] * count, keys=tuple(range(count)))
    parts = methods.named(method).run(stream, values, beside)
    return np.concatenate([spare.bring(part).copy() for part in parts])


@pytest.mark.parametrize("kind", ["BF16", "F16", "F32"])
@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_gives_what_numpy_gives(method, kind):
    """To the bit, or where products are added up, to a few units in the last place."""
    expected = run(method, kind, Spare())
    found = run(method, kind, DeviceSpare(DEVICE))
    if method in BY_PRODUCTS:
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)
    else:
        np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("held", [16, 1 << 22])
@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_keeps_to_the_memory_of_a_device(method, held):
    """No operation mixes the device's memory with the processor's, which CUDA refuses."""
    expected = run(method, "BF16", DeviceSpare(DEVICE), held=held)
    with apart.device() as ran:
        found = run(method, "BF16", DeviceSpare(torch.device(apart.NAME)), held=held)
    assert len(ran) > 20
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


def test_a_device_apart_refuses_what_a_gpu_refuses():
    """The device of these tests: without this, keeping to its memory would say nothing."""
    with apart.device():
        there = torch.ones(2, device=apart.NAME)
        with pytest.raises(RuntimeError, match="on meta and on cpu"):
            there + torch.ones(2)
        with pytest.raises(RuntimeError, match="numpy"):
            there.numpy()
        assert (there + torch.tensor(1.0)).cpu().tolist() == [2.0, 2.0]


@pytest.mark.parametrize("method", ["ties", "breadcrumbs", "sce"])
def test_thresholds_are_exact_where_little_may_be_held(method):
    """Counting in two passes, for want of room, finds the same numbers."""
    expected = run(method, "BF16", Spare(), held=16)
    found = run(method, "BF16", DeviceSpare(DEVICE), held=16)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)
    if method != "sce":
        np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("held", [16, 4_000, 1 << 22])
def test_the_kth_smallest_is_that_of_a_sort(held):
    """On the device, by whichever way room allows; ties and the extremes among them."""
    rng = np.random.default_rng(1)
    values = np.abs(np.round(rng.standard_normal(50_000), 3)).astype(np.float32)
    bits = values.view(np.uint32)
    on_device = DeviceArray(torch.from_numpy(values.view(np.int32)), np.dtype(np.uint32))
    ranks = [0, 1, 17_000, 49_999]
    wanted = [Wanted(quantity=0, rank=rank, size=len(bits)) for rank in ranks]
    sample = [on_device[:4_096].copy()]

    def parts():
        for start in range(0, len(bits), 20_000):
            yield [on_device[start : start + 20_000]]

    found = thresholds.smallest(wanted, sample, parts, held=held)
    assert found == np.sort(bits)[ranks].tolist()


def test_strange_numbers_stay_what_they_are():
    """Infinities, zeros with a sign, subnormal ones and what is no number, through a mean."""
    strange = np.array([np.inf, -np.inf, np.nan, -0.0, 1e-40, 3e38, 65504.0, 1.0], np.float32)
    for kind in ("BF16", "F16", "F32"):
        with np.errstate(over="ignore"):
            raw = np.tile(numbers.as_stored(strange, kind), 3)
        held = Held(raw=raw, kind=kind)
        found = {}
        for name, spare in (("numpy", Spare()), ("torch", DeviceSpare(DEVICE))):
            stream = Stream([held, held], shape=(24,), spare=spare)
            values = Values(
                shared={"normalize": True}, each=[{"weight": 1.0}, {"weight": 1.0}], keys=(0, 1)
            )
            with np.errstate(over="ignore", invalid="ignore"):
                parts = list(methods.named("linear").run(stream, values, ()))
            found[name] = spare.bring(parts[0]).copy().view(np.uint32)
        np.testing.assert_array_equal(found["torch"], found["numpy"])


def test_what_is_no_number_is_written_as_none():
    """A GPU's has all bits set, which would round to minus zero."""
    cuda = np.array([0x7FFFFFFF, 0x3F800000], np.uint32).view(np.float32)
    spare = DeviceSpare(DEVICE)
    brought = spare.bring(DeviceArray(torch.from_numpy(cuda.copy())))
    raw = np.empty(2, np.uint16)
    numbers._narrow(brought, raw, np.empty(2, np.float32))
    assert np.isnan(numbers.as_floats(raw, "BF16")).tolist() == [True, False]


def test_what_no_method_needs_is_refused():
    """A function that is not listed raises instead of computing something near it."""
    array = DeviceArray(torch.ones(3))
    with pytest.raises(TypeError):
        np.sin(array)
    with pytest.raises(TypeError):
        np.median(array)
    with pytest.raises(TypeError):
        np.add(array, 1, where=[True, False, True])


def three_models(folder, kind):
    """Models a and b, their base c, and the file of a recipe that merges them."""
    for seed, name in enumerate("abc"):
        model(folder / name, seed, kind=kind)
    recipe = folder / "recipe.toml"
    recipe.write_text(
        'merge_method = "ties"\nbase_model = "c"\n'
        '[[models]]\nmodel = "a"\nparameters = { weight = 0.6, density = 0.3 }\n'
        '[[models]]\nmodel = "b"\nparameters = { weight = 0.4, density = 0.3 }\n'
    )
    return recipe


def test_a_folder_merged_in_memory_apart_has_the_same_tensors(tmp_path):
    """By the command, to the byte."""
    given = ["merge", str(three_models(tmp_path, "BF16")), "--threads", "1", "--into"]
    assert main([*given, str(tmp_path / "numpy")]) == 0
    with apart.device() as ran:
        assert main([*given, str(tmp_path / "apart"), "--device", apart.NAME]) == 0
    assert ran
    weights = [(tmp_path / into / "model.safetensors").read_bytes() for into in ("numpy", "apart")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("kind", list(STORED))
def test_a_folder_merged_on_a_device_has_the_same_tensors(tmp_path, kind):
    """By the command, on two threads, to the byte; the lineage says where it was computed."""
    recipe = three_models(tmp_path, kind)
    for into, more in (("numpy", []), ("torch", ["--device", "cpu"])):
        given = ["merge", str(recipe), "--into", str(tmp_path / into), "--threads", "2"]
        assert main([*given, *more]) == 0
    weights = [(tmp_path / into / "model.safetensors").read_bytes() for into in ("numpy", "torch")]
    assert weights[0] == weights[1]
    lineage = json.loads((tmp_path / "torch" / "merge_lineage.json").read_text())
    assert lineage["device"] == "cpu"
    assert "device" not in json.loads((tmp_path / "numpy" / "merge_lineage.json").read_text())


def test_a_device_that_is_not_there_is_named(tmp_path):
    """Before anything is opened for writing."""
    with pytest.raises(MergeError, match="'warp:9'"):
        named("warp:9")
    if not torch.cuda.is_available():
        with pytest.raises(MergeError, match="'cuda'"):
            named("cuda")
    for seed, name in enumerate("ab"):
        model(tmp_path / name, seed)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "merge_method: linear\nmodels:\n  - model: a\n    parameters: {weight: 1}\n"
        "  - model: b\n    parameters: {weight: 1}\n"
    )
    with pytest.raises(MergeError, match="'warp'"):
        merging.merge(
            recipe,
            into=tmp_path / "out",
            threads=1,
            shard=10**9,
            device="warp",
            progress=lambda *_: None,
        )
    assert not (tmp_path / "out").exists()
