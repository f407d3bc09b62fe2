"""The cache with room against the cache of Transformers."""

import pytest

torch = pytest.importorskip("torch")

from transformers import DynamicCache, LlamaConfig, MistralConfig  # noqa: E402

from escalera.edges.providers.cache import RoomyLayer, can_share_prefix, roomy_cache  # noqa: E402

pytestmark = pytest.mark.local


def grown(cache: DynamicCache, seed: int = 0) -> list[torch.Tensor]:
    """What two layers return over a prefix, its repetition, many steps and a selection."""
    generator = torch.Generator().manual_seed(seed)
    seen = []

    def update(rows: int, tokens: int) -> None:
        for layer in range(2):
            keys, values = (torch.rand(rows, 2, tokens, 4, generator=generator) for _ in range(2))
            seen.extend(part.clone() for part in cache.update(keys, values, layer))

    update(1, 5)
    cache.batch_repeat_interleave(3)
    update(3, 4)
    for _ in range(40):
        update(3, 1)
    cache.batch_select_indices(torch.tensor([0, 2]))
    for _ in range(3):
        update(2, 1)
    seen.append(torch.tensor(cache.get_seq_length()))
    return seen


def test_it_holds_what_the_cache_of_transformers_holds() -> None:
    """Growth beyond the room, repetition and selection: every returned tensor is equal."""
    config = LlamaConfig(num_hidden_layers=2)
    found, wanted = grown(roomy_cache(config)), grown(DynamicCache(config=config))
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))


def test_the_past_is_not_copied_at_every_step() -> None:
    """Consecutive steps return views of one storage."""
    layer = RoomyLayer()
    step = torch.zeros(2, 2, 1, 4)
    first = layer.update(step, step)[0].data_ptr()
    assert {layer.update(step, step)[0].data_ptr() for _ in range(30)} == {first}


def test_layers_of_other_kinds_are_left_alone() -> None:
    """A sliding window keeps its own way of forgetting; no configuration means no layers."""
    sliding = roomy_cache(MistralConfig(num_hidden_layers=2, sliding_window=8))
    assert not any(isinstance(layer, RoomyLayer) for layer in sliding.layers)
    assert not can_share_prefix(sliding)
    assert can_share_prefix(roomy_cache(LlamaConfig()))
    assert all(isinstance(layer, RoomyLayer) for layer in roomy_cache(LlamaConfig()).layers)
    assert roomy_cache(None).layers == []
