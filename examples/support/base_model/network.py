"""The network: a Llama of 1.4 million parameters, its loss and its optimizers."""

from typing import Any

import torch
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, LlamaConfig, LlamaForCausalLM
from transformers.masking_utils import sdpa_mask

from base_model import codec

FP32_ATTENTION = "fp32_sdpa"


def build() -> LlamaForCausalLM:
    """Return the network with random weights.

    As many key heads as query heads: sharing them saves nothing at this size, and repeating the
    shared ones took longer than computing them.
    """
    config = LlamaConfig(
        vocab_size=codec.VOCABULARY,
        hidden_size=160,
        intermediate_size=448,
        num_hidden_layers=4,
        num_attention_heads=5,
        num_key_value_heads=5,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        pad_token_id=codec.PAD_ID,
        eos_token_id=codec.END_ID,
        bos_token_id=None,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    )
    return LlamaForCausalLM(config)


def loss(
    network: LlamaForCausalLM, ids: torch.Tensor, weights: torch.Tensor
) -> tuple[torch.Tensor, float]:
    """Return the weighted mean loss, and that of the answers alone for the log."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(input_ids=ids, use_cache=False).logits[:, :-1]
    targets, weights = ids[:, 1:], weights[:, 1:]
    each = functional.cross_entropy(
        logits.float().flatten(0, 1), targets.flatten(), reduction="none"
    ).view_as(weights)
    answers = each.detach()[weights == 1]
    return (each * weights).sum() / weights.sum(), answers.mean().item()


def optimizers(network: LlamaForCausalLM, rate: float) -> list[torch.optim.Optimizer]:
    """Return Muon for the matrices and AdamW for the rest.

    Matched to AdamW's root mean square, both share one learning rate.
    """
    matrices: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for name, parameter in network.named_parameters():
        is_matrix = parameter.ndim == 2 and "embed" not in name
        (matrices if is_matrix else others).append(parameter)
    return [
        torch.optim.Muon(matrices, lr=rate, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def _fp32_attention(
    _module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Compute attention in float32 inside autocast: bfloat16 is slow for heads this small."""
    kind = query.dtype
    with torch.autocast("cpu", enabled=False):
        attended = functional.scaled_dot_product_attention(
            query.float(),
            key.float(),
            value.float(),
            attn_mask=attention_mask,
            scale=scaling,
            is_causal=attention_mask is None and query.size(2) > 1,
        )
    return attended.transpose(1, 2).contiguous().to(kind), None


AttentionInterface.register(FP32_ATTENTION, _fp32_attention)
AttentionMaskInterface.register(FP32_ATTENTION, sdpa_mask)
