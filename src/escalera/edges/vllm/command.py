"""How `vllm serve` is started: its command line and its environment, from typed options.

The options are those of vLLM 0.18 and later, which is the first that finishes its answers when it
is told to end (`--shutdown-timeout`). Nothing here starts anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PROGRAM = ("vllm", "serve")
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a project says of a vLLM process.

    `program` is what is run, `arguments` go to it as they are. `adapters` is how many may answer in
    one batch and stay in memory, of at most `rank`; 0 serves the base model alone. `memory` is the
    share of the accelerator's memory that it takes, None for vLLM's own default. It has
    `start_seconds` to load, and `stop_seconds` to finish its answers.
    """

    program: tuple[str, ...] = PROGRAM
    arguments: tuple[str, ...] = ()
    port: int = 0
    adapters: int = 8
    rank: int = 16
    memory: float | None = None
    start_seconds: float = 900.0
    stop_seconds: float = 30.0


def command(options: Options, *, model: str, name: str, port: int) -> tuple[str, ...]:
    """The command that serves the folder *model* as *name* on *port* of the loopback address.

    `--generation-config vllm` keeps the sampling parameters of the model's folder out: what a
    caller does not say has the API's default, so that a measured decoding is the whole decoding.
    """
    found = [
        *options.program,
        model,
        *("--served-model-name", name),
        *("--host", HOST, "--port", str(port)),
        *("--load-format", "safetensors", "--generation-config", "vllm"),
        *("--shutdown-timeout", str(max(1, round(options.stop_seconds)))),
    ]
    if options.memory is not None:
        found += ["--gpu-memory-utilization", f"{options.memory:g}"]
    if options.adapters:
        many = str(options.adapters)
        found += ["--enable-lora", "--max-loras", many, "--max-cpu-loras", many]
        found += ["--max-lora-rank", str(options.rank)]
    return (*found, *options.arguments)


def environment(options: Options, *, key: str) -> dict[str, str]:
    """What is added to the environment: the key, which no command line shows, and no reports."""
    found = {"VLLM_API_KEY": key, "VLLM_NO_USAGE_STATS": "1", "PYTHONUNBUFFERED": "1"}
    if options.adapters:
        found["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] = "True"
    return found


def unsupported(config: Mapping[str, object], files: Sequence[str], *, rank: int) -> str | None:
    """Why vLLM cannot load an adapter; None where it can.

    *config* is its `adapter_config.json`, empty where it has none, and *files* are the names of its
    files. vLLM loads LoRA and rsLoRA as PEFT saves them, of at most *rank*; it has neither DoRA nor
    modules that were saved whole (`vllm/lora/peft_helper.py`), nor a change of single weights.
    """
    ranks = [config.get("r"), *_values(config.get("rank_pattern"))]
    largest = max((one for one in ranks if isinstance(one, int)), default=0)
    plain = config.get("peft_type") == "LORA" and "adapter_model.safetensors" in files
    brings = config.get("modules_to_save") or config.get("trainable_token_indices")
    differs = _values(config.get("alpha_pattern")) or len({*ranks}) > 1
    found = {
        "it changes the model's own weights (partial or full), and vLLM loads LoRA alone": (
            "tuned_weights.safetensors" in files
        ),
        "it is no LoRA adapter saved as safetensors": not plain,
        "it is DoRA, which vLLM does not load": config.get("use_dora"),
        "it brings embeddings or modules of its own, which vLLM does not load": brings,
        "it trains biases, which vLLM does not load": config.get("bias", "none") != "none",
        f"its rank is {largest}, and vllm.rank allows {rank}": largest > rank,
        "its rank or alpha differs between layers, and vLLM knows one of each": differs,
    }
    return next((said for said, holds in found.items() if holds), None)


# Below: private.


def _values(pattern: object) -> tuple[object, ...]:
    return tuple(pattern.values()) if isinstance(pattern, Mapping) else ()
