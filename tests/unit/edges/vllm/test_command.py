"""The command line and the environment of a vLLM process, and which adapters it can load."""

from __future__ import annotations

import pytest

from escalera.edges.vllm import command
from escalera.edges.vllm.command import Options
from escalera.settings.vllm_table import OWN

LORA = {"peft_type": "LORA", "r": 16, "lora_alpha": 32, "bias": "none"}
FILES = ("adapter_config.json", "adapter_model.safetensors")


def test_the_command_line_of_a_model_with_adapters():
    """Every option is in it, and the key is not."""
    options = Options(arguments=("--dtype", "bfloat16"), adapters=4, rank=32, memory=0.5)
    assert command.command(options, model="/models/m", name="base", port=4711) == (
        *("vllm", "serve", "/models/m", "--served-model-name", "base"),
        *("--host", "127.0.0.1", "--port", "4711"),
        *("--load-format", "safetensors", "--generation-config", "vllm"),
        *("--shutdown-timeout", "30", "--gpu-memory-utilization", "0.5"),
        *("--enable-lora", "--max-loras", "4", "--max-cpu-loras", "4", "--max-lora-rank", "32"),
        *("--dtype", "bfloat16"),
    )


def test_no_argument_of_ours_can_be_given_by_a_project():
    """Each is among those that the project file refuses."""
    options = Options(memory=0.5)
    given = command.command(options, model="m", name="base", port=1)
    assert {one for one in given if one.startswith("--")} <= OWN


def test_a_model_without_adapters_has_no_endpoints_for_them():
    """Neither an argument nor a variable of the environment speaks of them."""
    options = Options(adapters=0)
    assert "--enable-lora" not in command.command(options, model="m", name="base", port=1)
    assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" not in command.environment(options, key="k")


def test_the_environment_carries_the_key():
    """And switches the reports of usage off."""
    found = command.environment(Options(), key="secret")
    assert found["VLLM_API_KEY"] == "secret"
    assert found["VLLM_NO_USAGE_STATS"] == "1"
    assert found["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "True"


@pytest.mark.parametrize(
    ("config", "files", "said"),
    [
        (LORA, FILES, None),
        ({**LORA, "use_rslora": True}, FILES, None),
        ({}, ("tuned_config.json", "tuned_weights.safetensors"), "partial or full"),
        ({**LORA, "peft_type": "IA3"}, FILES, "no LoRA adapter"),
        (LORA, ("adapter_config.json", "adapter_model.bin"), "no LoRA adapter"),
        ({**LORA, "use_dora": True}, FILES, "DoRA"),
        ({**LORA, "modules_to_save": ["lm_head"]}, FILES, "embeddings or modules"),
        (
            {**LORA, "trainable_token_indices": {"embed_tokens": [1]}},
            FILES,
            "embeddings or modules",
        ),
        ({**LORA, "bias": "all"}, FILES, "biases"),
        ({**LORA, "r": 32}, FILES, "rank is 32"),
        ({**LORA, "rank_pattern": {"q_proj": 64}}, FILES, "rank is 64"),
        ({**LORA, "rank_pattern": {"q_proj": 8}}, FILES, "differs between layers"),
        ({**LORA, "alpha_pattern": {"q_proj": 8}}, FILES, "differs between layers"),
    ],
)
def test_which_adapters_can_be_loaded(config, files, said):
    """LoRA and rsLoRA of one rank; everything else is refused in words."""
    found = command.unsupported(config, files, rank=16)
    assert (found is None) if said is None else (said in (found or ""))
