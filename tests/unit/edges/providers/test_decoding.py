"""The decoding loop against one-at-a-time generation of Transformers."""

import pytest

torch = pytest.importorskip("torch")

from transformers import AutoModelForCausalLM, MistralConfig  # noqa: E402

from escalera.domain.message import Decoding  # noqa: E402
from escalera.edges.providers.decoding import Batch, Row, common_prefix  # noqa: E402
from escalera.testing.tiny import tiny_model  # noqa: E402

pytestmark = pytest.mark.local

PREFIX = tuple(range(20, 50))
PROMPTS = (
    (*PREFIX, 60),
    (*PREFIX, *range(70, 79)),
    (*PREFIX, *range(90, 120)),
    (5, 6, 7),
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory):
    """A tiny model with random weights, on one thread."""
    torch.set_num_threads(1)
    folder = tiny_model(tmp_path_factory.mktemp("tiny"))
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def completed(model, prompts, decodings, stops=frozenset({1})) -> list[Row]:
    """Rows decoded in one batch."""
    rows = [
        Row(prompt=prompt, decoding=how) for prompt, how in zip(prompts, decodings, strict=True)
    ]
    batch = Batch(rows, stops=stops, pad=0)
    while not batch.finished:
        batch.step(model)
    return rows


def generated(model, prompt: tuple[int, ...], tokens: int) -> list[int]:
    """What Transformers answers to one prompt, greedily."""
    made = model.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        max_new_tokens=tokens,
        do_sample=False,
    )
    return made[0, len(prompt) :].tolist()


@pytest.mark.parametrize("prompts", [PROMPTS, PROMPTS[:3], PROMPTS[:1]])
def test_greedy_answers_are_those_of_generate(model, prompts: tuple[tuple[int, ...], ...]) -> None:
    """Padding, the shared prefix and the dropping of finished rows change no token."""
    limits = [4, 24, 12, 24][: len(prompts)]
    rows = completed(model, prompts, [Decoding(max_tokens=limit) for limit in limits])
    for row, limit in zip(rows, limits, strict=True):
        assert row.tokens == generated(model, row.prompt, limit)


def test_a_sliding_window_sees_tokens_not_padding() -> None:
    """A window shorter than the common prefix: still the tokens of generate."""
    config = MistralConfig(
        vocab_size=261,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.5,
        sliding_window=16,
        eos_token_id=1,
        pad_token_id=0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sliding = AutoModelForCausalLM.from_config(config).eval()
    rows = completed(sliding, PROMPTS[:3], [Decoding(max_tokens=16)] * 3)
    for row in rows:
        assert row.tokens == generated(sliding, row.prompt, 16)


def test_a_row_stops_at_a_stop_token_and_the_others_go_on(model) -> None:
    """The stop token is counted, is not part of the answer, and ends that row only."""
    free = completed(model, PROMPTS, [Decoding(max_tokens=16)] * 4)
    stop = free[1].tokens[5]
    rows = completed(model, PROMPTS, [Decoding(max_tokens=16)] * 4, stops=frozenset({stop}))
    first = free[1].tokens.index(stop)
    assert rows[1].stopped
    assert rows[1].answer == free[1].tokens[:first]
    assert len(rows[1].tokens) == first + 1
    for row, whole in zip(rows, free, strict=True):
        assert row.tokens == whole.tokens[: len(row.tokens)]
        assert row.stopped or len(row.tokens) == 16


def test_sampled_answers_do_not_depend_on_the_batch(model) -> None:
    """The noise belongs to (seed, prompt): company, order and other decodings change nothing."""
    warm = Decoding(max_tokens=12, temperature=1.0, top_p=0.9, seed=3)
    cold = Decoding(max_tokens=20)
    alone = [completed(model, [prompt], [warm])[0].tokens for prompt in PROMPTS]
    mixed = completed(model, PROMPTS[::-1], [warm, cold, warm, warm])
    assert [mixed[3].tokens, mixed[1].tokens] == [alone[0], generated(model, PROMPTS[2], 20)]
    assert [mixed[2].tokens, mixed[0].tokens] == [alone[1], alone[3]]


def test_the_seed_chooses_the_sample(model) -> None:
    """Another seed is another answer; the same seed is the same."""

    def sample(seed: int) -> list[int]:
        how = Decoding(max_tokens=12, temperature=1.5, seed=seed)
        return completed(model, PROMPTS[:1], [how])[0].tokens

    assert sample(1) == sample(1)
    assert sample(1) != sample(2)


def test_choices_have_noise_of_their_own(model) -> None:
    """The first that of the seed alone; under greedy decoding all are the same."""
    for temperature, answers in ((1.5, 4), (0.0, 1)):
        how = Decoding(max_tokens=12, temperature=temperature, seed=1)
        rows = [Row(prompt=PROMPTS[0], decoding=how, choice=choice) for choice in range(4)]
        batch = Batch(rows, stops=frozenset({1}), pad=0)
        while not batch.finished:
            batch.step(model)
        assert len({tuple(row.tokens) for row in rows}) == answers
        assert rows[0].tokens == completed(model, PROMPTS[:1], [how])[0].tokens


def test_a_tiny_top_p_is_greedy(model) -> None:
    """The likeliest token is always kept."""
    how = Decoding(max_tokens=12, temperature=2.0, top_p=1e-9)
    assert completed(model, PROMPTS[:1], [how])[0].tokens == generated(model, PROMPTS[0], 12)


def test_sampling_follows_the_probabilities() -> None:
    """Over many draws, tokens come as often as the softmax says, cut by top_p."""

    class Coin:
        device = torch.device("cpu")

        @property
        def config(self):
            return self

        def get_text_config(self) -> None:
            return None

        def __call__(self, *, input_ids, **_others):
            logits = torch.log(torch.tensor([0.1, 0.6, 0.3])).expand(len(input_ids), 1, 3)
            return type("Output", (), {"logits": logits})

    how = Decoding(max_tokens=1, temperature=1.0, top_p=0.85)
    rows = completed(Coin(), [(number,) for number in range(3000)], [how] * 3000)
    shares = [sum(row.tokens == [token] for row in rows) / 3000 for token in range(3)]
    assert shares[0] == 0.0
    assert abs(shares[1] - 2 / 3) < 0.03


def test_nothing_to_decode_is_finished(model) -> None:
    """max_tokens 0 asks for nothing."""
    assert completed(model, PROMPTS[:1], [Decoding(max_tokens=0)])[0].tokens == []


def test_the_common_prefix_leaves_every_prompt_a_token() -> None:
    """A prompt that is the prefix of another still has a token to run."""
    assert common_prefix([(1, 2, 3), (1, 2, 4), (1, 2)]) == 1
    assert common_prefix([(1, 2, 3), (1, 2, 4)]) == 2
    assert common_prefix([(1, 2, 3)]) == 2
    assert common_prefix([(1,), (2,)]) == 0
