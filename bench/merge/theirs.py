"""One merge by mergekit in this process, in an environment of its own; prints processor time."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from mergekit.config import MergeConfiguration
from mergekit.merge import MergeOptions, run_merge


def main() -> None:
    """Merge on one thread, and say what it took without start and imports."""
    parser = argparse.ArgumentParser()
    parser.add_argument("recipe", type=Path)
    parser.add_argument("into", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    began, wall = time.process_time(), time.monotonic()
    config = MergeConfiguration.model_validate(json.loads(asked.recipe.read_text()))
    options = MergeOptions(
        quiet=True, copy_tokenizer=False, write_model_card=False, random_seed=asked.seed
    )
    run_merge(config, str(asked.into), options)
    print(json.dumps({"cpu": time.process_time() - began, "wall": time.monotonic() - wall}))


if __name__ == "__main__":
    main()
