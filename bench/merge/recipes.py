"""The recipes that both tools read: mergekit's YAML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TWO: dict[str, dict[str, Any]] = {
    "linear": {"weight": (0.3, 0.7)},
    "task_arithmetic": {"weight": (0.5, 0.7)},
    "ties": {"weight": (0.5, 0.7), "density": (0.3, 0.3)},
    "dare_linear": {"weight": (0.5, 0.7), "density": (0.3, 0.3)},
    "dare_ties": {"weight": (0.5, 0.7), "density": (0.3, 0.3)},
    "breadcrumbs": {"weight": (0.5, 0.7), "density": (0.3, 0.3)},
    "breadcrumbs_ties": {"weight": (0.5, 0.7), "density": (0.3, 0.3)},
    "della": {"weight": (0.5, 0.7), "density": (0.3, 0.3)},
    "nuslerp": {"weight": (0.3, 0.7)},
    "multislerp": {"weight": (0.3, 0.7)},
    "sce": {},
    "model_stock": {},
    "ram": {},
}
"""Methods on two models (and a base), with the parameters of each model."""

METHODS = ("slerp", "karcher", "nearswap", *TWO)


def write(file: Path, method: str, models: Path, *, dtype: str = "float32") -> Path:
    """A recipe for the models below a folder; the output is always bfloat16.

    JSON is YAML. *dtype* is in what mergekit computes; Escalera always computes in float32.
    """
    names = [str(models / f"m{number}") for number in range(3)]
    recipe: dict[str, Any] = {"merge_method": method, "dtype": dtype, "out_dtype": "bfloat16"}
    if method in ("slerp", "nearswap"):
        recipe["models"] = [{"model": name} for name in names[:2]]
        recipe["base_model"] = names[0]
        recipe["parameters"] = {"t": [0.2, 0.8] if method == "slerp" else 0.001}
    elif method == "karcher":
        recipe["models"] = [{"model": name} for name in names]
    else:
        recipe["models"] = [
            {
                "model": name,
                "parameters": {key: values[place] for key, values in TWO[method].items()},
            }
            for place, name in enumerate(names[1:])
        ]
        if method not in ("linear", "nuslerp", "multislerp"):
            recipe["base_model"] = names[0]
        if method == "sce":
            recipe["parameters"] = {"select_topk": 0.3}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(recipe, indent=1))
    return file
