"""Choosing tokens for many rows against choosing for each alone."""

import pytest

torch = pytest.importorskip("torch")

from escalera.domain.message import Decoding  # noqa: E402
from escalera.edges.providers import decoding, sampling  # noqa: E402
from escalera.edges.providers.decoding import Row  # noqa: E402

pytestmark = pytest.mark.local


def rows(count: int) -> list[Row]:
    """Greedy and drawn rows in turn, of many temperatures and shares of the mass."""
    temperatures, shares = (0.0, 0.3, 1.0, 2.0), (1.0, 0.9, 0.5, 1e-9)
    return [
        Row(
            prompt=(number, 5),
            decoding=Decoding(
                temperature=temperatures[number % 4], top_p=shares[number // 4 % 4], seed=number
            ),
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("spread", [0.01, 1.0, 8.0])
@pytest.mark.parametrize("width", [40, 3000])
def test_each_row_gets_what_it_gets_alone(spread: float, width: int) -> None:
    """What the loop of static batches draws, from flat and from peaked distributions."""
    logits = spread * torch.randn(64, width, generator=torch.Generator().manual_seed(1))
    expected = [
        decoding._sample(some, row.decoding, row.uniform())
        if row.decoding.temperature
        else int(some.argmax())
        for some, row in zip(logits, rows(64), strict=True)
    ]
    assert sampling.choose(logits, rows(64)) == expected
    assert len(set(expected)) > 20


class Only:
    """A guide that allows one token."""

    cut = False

    def __init__(self, token: int, width: int) -> None:
        self._token, self._width = token, width

    def allowed(self):
        return torch.arange(self._width).numpy() == self._token

    def settle(self, token: int, *, left: int) -> int:
        return token


def test_a_guide_holds_its_own_row_only() -> None:
    """Guided rows, greedy and drawn, say what they may; the others are as before."""
    logits = torch.randn(8, 50, generator=torch.Generator().manual_seed(2))
    free = sampling.choose(logits, rows(8))
    held = rows(8)
    for place in (0, 3, 6):
        held[place].guide = Only(7, 50)
    chosen = sampling.choose(logits, held)
    assert [chosen[place] for place in (0, 3, 6)] == [7, 7, 7]
    others = (1, 2, 4, 5, 7)
    assert [chosen[place] for place in others] == [free[place] for place in others]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_what_was_said_is_penalised_and_biases_count(temperature: float) -> None:
    """Against the rule written out: a count times the one penalty, once the other, and the bias."""
    logits = torch.randn(6, 30, generator=torch.Generator().manual_seed(4))
    made = []
    for number in range(6):
        how = Decoding(
            temperature=temperature,
            seed=number,
            presence_penalty=(0.0, 1.5)[number % 2],
            frequency_penalty=(0.0, 0.0, 0.7)[number % 3],
            logit_bias=((3, 2.0), (number, -1.0)) if number > 3 else (),
        )
        row = Row(prompt=(number,), decoding=how)
        for token in (number, 3, 3, 8, 8, 8):
            row.say(token, frozenset())
        made.append(row)
    expected = logits.clone()
    for place, row in enumerate(made):
        for token, bias in row.decoding.logit_bias:
            expected[place, token] += bias
        for token in range(30):
            count = row.tokens.count(token)
            expected[place, token] -= count * row.decoding.frequency_penalty
            expected[place, token] -= (count > 0) * row.decoding.presence_penalty
    torch.testing.assert_close(sampling._weighed(logits, made), expected)
    assert sampling.choose(logits, made) == sampling.choose(
        expected,
        [
            Row(prompt=row.prompt, decoding=Decoding(temperature=temperature, seed=place))
            for place, row in enumerate(made)
        ],
    )


def test_what_is_told_is_the_models_own_distribution() -> None:
    """Before biases, penalties, guides and temperature; for the rows alone that ask."""
    logits = 3 * torch.randn(6, 40, generator=torch.Generator().manual_seed(5))
    made = rows(6)
    for place, most in ((1, 0), (2, 3), (4, 60)):
        made[place].logprobs = most
        how = {"logit_bias": ((7, 50.0),), "temperature": 2.0}
        made[place].decoding = Decoding(seed=place, **how)
    made[2].guide = Only(9, 40)
    before = logits.clone()
    for row, token in zip(made, sampling.choose(logits, made), strict=True):
        row.say(token, frozenset())
    sampling.weigh(logits, made)
    torch.testing.assert_close(logits, before)
    assert [len(row.weighed) for row in made] == [0, 1, 1, 0, 1, 0]
    for place, most in ((1, 0), (2, 3), (4, 40)):
        logprob, tokens, logprobs = made[place].weighed[0]
        expected = torch.log_softmax(logits[place], -1)
        assert logprob == pytest.approx(float(expected[made[place].tokens[0]]), abs=1e-6)
        assert tokens == expected.argsort(descending=True)[:most].tolist()
        assert logprobs == pytest.approx(expected[tokens].tolist(), abs=1e-6)
    assert made[1].tokens == [7]
    assert made[2].tokens == [9]
