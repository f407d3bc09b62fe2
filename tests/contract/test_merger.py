"""What every merger must do: what it writes is an adapter that serves as the sum of its inputs."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from peft import PeftModel  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

from escalera.domain.recipe import MergePlan, WeightedAdapter  # noqa: E402
from escalera.edges.merging.adapters import AdapterMerger  # noqa: E402
from escalera.ports import Merger  # noqa: E402
from escalera.testing.tiny import tiny_adapter, tiny_model  # noqa: E402

pytestmark = [
    pytest.mark.local,
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning"),
]


@pytest.fixture(params=[AdapterMerger])
def merger(request: pytest.FixtureRequest) -> Merger:
    """Every implementation."""
    return request.param()


def outputs(model: Path, adapter: Path | None):
    """Logits of the model for one input."""
    loaded = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    if adapter is not None:
        loaded = PeftModel.from_pretrained(loaded, adapter)
    with torch.inference_mode():
        return loaded.eval()(input_ids=torch.arange(20, 40)[None]).logits


def plan(method, *weights: float) -> MergePlan:
    """A plan over adapters `a0`, `a1`, ... with these weights."""
    return MergePlan(
        method=method,
        adapters=tuple(
            WeightedAdapter(adapter=f"a{place}", weight=weight)
            for place, weight in enumerate(weights)
        ),
    )


def test_one_adapter_answers_exactly_as_before(merger: Merger, tmp_path: Path) -> None:
    """Weight 1.0 under concatenate: PEFT computes the same logits bit by bit."""
    model = tiny_model(tmp_path / "model")
    adapter = tiny_adapter(tmp_path / "a0", model)
    (tmp_path / "out").mkdir()
    merger.merge(plan("concatenate", 1.0), [adapter], into=tmp_path / "out")
    assert torch.equal(outputs(model, tmp_path / "out"), outputs(model, adapter))
    assert not torch.equal(outputs(model, adapter), outputs(model, None))


@pytest.mark.parametrize("method", ["concatenate", "linear", "ties"])
def test_shares_of_one_adapter_add_up_to_it(merger: Merger, tmp_path: Path, method) -> None:
    """Split in two by weight (TIES averages: two whole ones), every method gives it back."""
    model = tiny_model(tmp_path / "model")
    adapter = tiny_adapter(tmp_path / "a0", model)
    weights = (1.0, 1.0) if method == "ties" else (0.25, 0.75)
    (tmp_path / "out").mkdir()
    merger.merge(plan(method, *weights), [adapter, adapter], into=tmp_path / "out")
    torch.testing.assert_close(
        outputs(model, tmp_path / "out"), outputs(model, adapter), rtol=1e-3, atol=1e-3
    )
