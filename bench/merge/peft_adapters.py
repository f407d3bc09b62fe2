"""Two adapters of one layer merged by PEFT, in an environment that has it; prints JSON.

Processor seconds of its SVD path, how far its ways are from the sum of the products, and whether
one adapter of weight 1 comes out as itself.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

WIDTH, RANK = 2048, 16


class One(nn.Module):
    """A model of one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, x: Any) -> Any:
        """The layer."""
        return self.layer(x)


def made(**more: Any) -> Any:
    """A model with two random adapters."""
    torch.manual_seed(0)
    config = LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules=["layer"], **more)
    model = get_peft_model(One(), config, adapter_name="a")
    model.add_adapter("b", config)
    layer = model.base_model.model.layer
    with torch.no_grad():
        for name in "ab":
            layer.lora_B[name].weight.normal_(std=0.02)
            if more.get("use_dora"):
                layer.lora_magnitude_vector[name].weight.mul_(1 + 0.1 * torch.rand(WIDTH))
    return model


def change(model: Any, name: str) -> Any:
    """What an adapter adds to the outputs of the unit vectors."""
    model.base_model.set_adapter(name)
    layer = model.base_model.model.layer
    with torch.no_grad():
        return layer(torch.eye(WIDTH)) - layer.base_layer(torch.eye(WIDTH))


def away(one: Any, other: Any) -> float:
    """Relative Frobenius distance."""
    return float((one - other).norm() / other.norm())


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    found: dict[str, Any] = {"identity": {}}
    model = made()
    layer = model.base_model.model.layer
    whole = 0.6 * change(model, "a") + 0.4 * change(model, "b")
    times = []
    for run in range(2):
        began = time.process_time()
        model.base_model.add_weighted_adapter(
            ["a", "b"], [0.6, 0.4], f"svd{run}", "svd", svd_rank=RANK
        )
        times.append(time.process_time() - began)
    model.base_model.add_weighted_adapter(["a", "b"], [0.6, 0.4], "linear", "linear")
    found["svd"] = {"cpu": min(times), "error": away(change(model, "svd0"), whole)}
    found["linear"] = {"error": away(change(model, "linear"), whole)}
    factors = {
        f"{part}{name}": getattr(layer, f"lora_{part}")[name].weight.detach().numpy()
        for part in "AB"
        for name in "ab"
    }
    np.savez(sys.argv[1], **factors)
    for kind, more in {
        "LoRA": {},
        "rsLoRA": {"use_rslora": True},
        "DoRA": {"use_dora": True},
    }.items():
        model = made(**more)
        ways = {}
        for way in ("linear", "svd", "cat"):
            try:
                model.base_model.add_weighted_adapter(["a"], [1.0], way, way)
                ways[way] = away(change(model, way), change(model, "a"))
            except (ValueError, RuntimeError, KeyError) as error:
                ways[way] = str(error)[:60]
        found["identity"][kind] = ways
    print(json.dumps(found))


if __name__ == "__main__":
    main()
