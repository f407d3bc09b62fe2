"""One merge by Escalera in this process; prints its processor time as JSON."""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path

from escalera.edges.merging import whole_models
from escalera.edges.merging.whole_models import Means
from escalera.settings import merge_recipe


def main() -> None:
    """Merge, and say what it took without start and imports."""
    parser = argparse.ArgumentParser()
    parser.add_argument("recipe", type=Path)
    parser.add_argument("into", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--chunk", type=int, default=1 << 16)
    parser.add_argument("--shard", type=float, default=5e9)
    asked = parser.parse_args()
    began, wall = time.process_time(), time.monotonic()
    found = merge_recipe.read(asked.recipe)
    recipe = dataclasses.replace(found.recipe, seed=asked.seed)
    with whole_models.opened(found.folders, found.statistics) as models:
        means = Means(threads=asked.threads, chunk=asked.chunk, shard=int(asked.shard))
        merged = models.merge(models.plan(recipe), into=asked.into, means=means)
    took = {"cpu": time.process_time() - began, "wall": time.monotonic() - wall}
    print(json.dumps(took | {"rounding": merged.rounding}))


if __name__ == "__main__":
    main()
