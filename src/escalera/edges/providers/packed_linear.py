"""Linear layers whose weights are laid out once as oneDNN wants them, instead of at every call.

On a CPU in float32 PyTorch multiplies a few rows with a large weight through a library that lays
the weight out anew each time: with 32 and with 160 rows that is more than half of the processor
time (`dev/LOG.md`). The same layout is what `torch.compile` uses for frozen weights. It is a second
copy of the weights, so large models go without.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

MOST_BYTES = 8_000_000_000
"""Weights of larger models are not kept twice."""
_LEAST = 1 << 16
"""Numbers of a weight for which laying it out is worth a call."""
_ROWS = 32
"""Rows that the layout is best for."""
_lay_out: Any = getattr(torch.ops.mkldnn, "_reorder_linear_weight", None)
_multiplied: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
# What compiled code calls; PyTorch has no public name for it.


class PackedLinear(nn.Module):
    """Stands in the place of a linear layer; weights that are put in place of its own are used."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight, self.bias = linear.weight, linear.bias
        self._own = (linear.weight,)  # a tuple: not a parameter once more
        self._packed = _lay_out(linear.weight.detach(), _ROWS)

    def forward(self, asked: torch.Tensor) -> torch.Tensor:
        """Rows of numbers of shape (..., in) to (..., out)."""
        if self.weight is not self._own[0]:
            return nn.functional.linear(asked, self.weight, self.bias)
        found: torch.Tensor = _multiplied(asked, self._packed, self.bias, "none", [], "")
        return found


def pack(network: nn.Module) -> int:
    """Lay out the linear layers of a model on a CPU in float32; how many were.

    None are where the model is elsewhere, computes with other numbers or is large, or PyTorch was
    built without oneDNN.
    """
    linear = {name: one for name, one in network.named_modules() if _fits(one)}
    size = sum(one.weight.numel() * one.weight.element_size() for one in linear.values())
    if _multiplied is None or size > MOST_BYTES:
        return 0
    for name, one in linear.items():
        parent, _, own = name.rpartition(".")
        setattr(network.get_submodule(parent), own, PackedLinear(one))
    return len(linear)


# Below: private.


def _fits(module: Any) -> bool:
    if type(module) is not nn.Linear:  # another kind computes something else
        return False
    weight = module.weight
    return (
        weight.device.type == "cpu" and weight.dtype is torch.float32 and weight.numel() >= _LEAST
    )
