"""Models whose accuracy depends on what a prompt says, so that the truth about a prompt is known.

A landscape has rule sentences, most of which do nothing. Its answer to an item is right where the
sum of a base, the item's difficulty, what the rules in the prompt are worth for the item's query
type, what pairs of them do together, and a little luck of exactly this prompt with this item is
above 0. All of it follows from the landscape's seed, the set of rules and the item, so that every
tool that asks the same is answered the same. Standard library only: other tools' environments
import it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import combinations
from random import Random
from statistics import NormalDist, fmean

SEED_PROMPT = "Answer the message of the customer."
"""What every search begins with; the model knows no more of the task."""

TYPES = ("billing", "delivery", "returns", "account")
HELD_OUT = 4_000
"""Items that no search sees; the truth about a prompt is its expected score on them."""

_NORMAL = NormalDist()


@dataclass(frozen=True, kw_only=True)
class Landscape:
    """One model of a task.

    `worth` says per rule and query type what the rule adds, and `pairs` what two rules in one
    prompt add besides. `length` is added for every rule that is in the prompt. `spread` scales the
    difficulty of items, `luck` what this prompt does to this item beyond its rules. Scores are 0
    and 1, and 0.5 between them where there are `halves`.
    """

    name: str
    seed: int
    base: float
    rules: tuple[str, ...]
    worth: tuple[tuple[float, ...], ...]
    pairs: Mapping[tuple[int, int], float] = field(default_factory=dict)
    length: float = 0.0
    spread: float = 1.0
    luck: float = 0.3
    halves: bool = False
    seed_prompt: str = SEED_PROMPT
    types: tuple[str, ...] = TYPES

    def features(self, prompt: str) -> tuple[int, ...]:
        """The rules that stand in *prompt*."""
        return tuple(place for place, rule in enumerate(self.rules) if rule in prompt)

    def score(self, prompt: str, item: str) -> float:
        """What the answer to *item* under *prompt* scores."""
        on = self.features(prompt)
        luck = self.luck * _normal(self.seed, "luck", on, item)
        return self._scored(self._drawn(on, item) + luck)

    def truth(self, prompt: str) -> float:
        """The expected score of *prompt* on items that no search sees: luck is integrated out."""
        on = self.features(prompt)
        return fmean(self._expected(self._drawn(on, f"held out {n}")) for n in range(HELD_OUT))

    def helps(self, rule: int) -> bool:
        """Whether *rule* by itself adds something over the query types."""
        return sum(self.worth[rule]) + len(TYPES) * self.length > 0

    def message(self, item: str) -> str:
        """What the model is asked."""
        return f"[{kind_of(item)}] question {item}"

    def target(self, item: str) -> str:
        """The right answer."""
        return f"right {item}"

    def answer(self, prompt: str, item: str) -> str:
        """What the model says: the target, half of it, or something else."""
        said = {1.0: "right", 0.5: "half", 0.0: "wrong"}[self.score(prompt, item)]
        return f"{said} {item}"

    def answered(self, prompt: str, message: str) -> str:
        """The same for the text of a message."""
        return self.answer(prompt, message.rpartition(" ")[2])

    def graded(self, _item: str, said: str) -> float:
        """The score of an answer, as its words tell it."""
        return {"right": 1.0, "half": 0.5}.get(said.split(" ", 1)[0], 0.0)

    @property
    def best(self) -> float:
        """The highest truth that greedy additions and removals with full knowledge reach."""
        chosen: set[int] = set()
        reached = self.truth(SEED_PROMPT)
        while True:
            moves = [chosen ^ {rule} for rule in range(len(self.rules))]
            found = max((self.truth(self.prompt(move)), sorted(move)) for move in moves)
            if found[0] <= reached + 1e-9:
                return reached
            reached, chosen = found[0], set(found[1])

    def prompt(self, rules: Iterable[int]) -> str:
        """The seed prompt with *rules* below it."""
        return "\n".join([SEED_PROMPT, *(self.rules[rule] for rule in sorted(rules))])

    def _drawn(self, on: tuple[int, ...], item: str) -> float:
        kind = TYPES.index(kind_of(item))
        worth = sum(self.worth[rule][kind] for rule in on) + self.length * len(on)
        worth += sum(self.pairs.get(pair, 0.0) for pair in combinations(on, 2))
        return self.base + worth + self.spread * _difficulty(self.seed, item)

    def _scored(self, value: float) -> float:
        if not self.halves:
            return float(value > 0)
        return (float(value > -_STEP) + float(value > _STEP)) / 2

    def _expected(self, value: float) -> float:
        if not self.halves:
            return self._above(value)
        return (self._above(value + _STEP) + self._above(value - _STEP)) / 2

    def _above(self, value: float) -> float:
        return _NORMAL.cdf(value / self.luck) if self.luck else float(value > 0)


def kind_of(item: str) -> str:
    """The query type of an item, by a hash of its name."""
    return TYPES[_digest("kind", item) % len(TYPES)]


def landscape(name: str, seed: int) -> Landscape:
    """The landscape *name* with everything that is drawn for it drawn from *seed*."""
    return _SHAPES[name](Random(f"{name}/{seed}"), name, seed)


# Below: private, then the table.

_STEP = 0.35


def _digest(*parts: object) -> int:
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=8).digest(), "big")


def _normal(*parts: object) -> float:
    return _NORMAL.inv_cdf((_digest(*parts) + 0.5) / 2**64)


_known: dict[tuple[int, str], float] = {}


def _difficulty(seed: int, item: str) -> float:
    key = (seed, item)
    if key not in _known:
        _known[key] = _normal(seed, "difficulty", item)
    return _known[key]


def _base(rate: float, spread: float) -> float:
    """The base at which the seed prompt is right at *rate*."""
    return spread * _NORMAL.inv_cdf(rate)


def _rules(count: int) -> tuple[str, ...]:
    return tuple(f"Rule {n + 1}: {_PHRASES[n % len(_PHRASES)]} ({n + 1})." for n in range(count))


def _spread(
    draw: Random, effects: Iterable[float], *, types: int = len(TYPES)
) -> list[list[float]]:
    """Each effect on so many of the query types, and nothing on the others."""
    made = []
    for effect in effects:
        on = draw.sample(range(len(TYPES)), types)
        made.append([effect if kind in on else 0.0 for kind in range(len(TYPES))])
    return made


def _shuffled(draw: Random, worth: list[list[float]], count: int) -> tuple[list[int], tuple]:
    """The rules in a random order, filled up with those that do nothing; and where each went."""
    filled = [*worth, *([[0.0] * len(TYPES)] * (count - len(worth)))]
    order = list(range(count))
    draw.shuffle(order)
    placed = [filled[0]] * count
    for old, new in enumerate(order):
        placed[new] = filled[old]
    return order, tuple(tuple(row) for row in placed)


def _plain(  # noqa: PLR0913  a keyword for each thing that landscapes differ in
    draw: Random,
    name: str,
    seed: int,
    *,
    good: Iterable[float],
    bad: Iterable[float] = (),
    rate: float = 0.5,
    count: int = 20,
    types: int = len(TYPES),
    together: Mapping[tuple[int, int], float] | None = None,
    **more: float,
) -> Landscape:
    """Rules that help by *good* and harm by *bad*; `together` counts them in that order."""
    worth = _spread(draw, [*good, *bad], types=types)
    order, placed = _shuffled(draw, worth, count)
    pairs = {
        (min(order[a], order[b]), max(order[a], order[b])): effect
        for (a, b), effect in (together or {}).items()
    }
    return Landscape(
        name=name,
        seed=seed,
        base=_base(rate, more.get("spread", 1.0)),
        rules=_rules(count),
        worth=placed,
        pairs=pairs,
        **more,
    )


def _several(draw: Random, low: float, high: float, count: int) -> list[float]:
    return [draw.uniform(low, high) for _ in range(count)]


def _few_strong(draw: Random, name: str, seed: int) -> Landscape:
    return _plain(draw, name, seed, good=_several(draw, 0.3, 0.6, 3), bad=[-0.4, -0.4])


def _many_weak(draw: Random, name: str, seed: int) -> Landscape:
    return _plain(draw, name, seed, good=_several(draw, 0.08, 0.2, 8), bad=[-0.15] * 2, count=24)


def _mostly_harm(draw: Random, name: str, seed: int) -> Landscape:
    bad = _several(draw, -0.7, -0.2, 8)
    return _plain(draw, name, seed, good=_several(draw, 0.25, 0.45, 4), bad=bad)


def _ruinous(draw: Random, name: str, seed: int) -> Landscape:
    """Two rules after which hardly any answer is right."""
    return _plain(draw, name, seed, good=_several(draw, 0.3, 0.5, 4), bad=[-3.0, -3.0])


def _needle(draw: Random, name: str, seed: int) -> Landscape:
    return _plain(draw, name, seed, good=[0.7], bad=[-0.3] * 3, rate=0.45, count=25)


def _by_type(draw: Random, name: str, seed: int) -> Landscape:
    good = _several(draw, 0.7, 1.1, 6)
    return _plain(draw, name, seed, good=good, bad=[-0.6] * 2, types=1)


def _two_faced(draw: Random, name: str, seed: int) -> Landscape:
    """Each helps some query types and harms one."""
    found = _plain(draw, name, seed, good=_several(draw, 0.4, 0.7, 6), types=2)
    worth = []
    for row in found.worth:
        harmed = draw.choice([k for k, value in enumerate(row) if value == 0.0])
        worth.append(tuple(-0.35 if any(row) and k == harmed else v for k, v in enumerate(row)))
    return _with(found, worth=tuple(worth))


def _partners(draw: Random, name: str, seed: int) -> Landscape:
    """Pairs that are worth much more together than apart."""
    good = [*_several(draw, 0.05, 0.15, 4), 0.3]
    return _plain(draw, name, seed, good=good, bad=[-0.3] * 2, together={(0, 1): 0.5, (2, 3): 0.4})


def _same_twice(draw: Random, name: str, seed: int) -> Landscape:
    """Three ways to say each of three things: only the first of each counts."""
    effects = _several(draw, 0.3, 0.5, 3)
    good = [effect for effect in effects for _ in range(3)]
    together = {
        (3 * k + a, 3 * k + b): -effects[k] * (1 if (a, b) != (1, 2) else 0.5)
        for k in range(3)
        for a, b in combinations(range(3), 2)
    }
    return _plain(draw, name, seed, good=good, bad=[-0.3] * 2, together=together)


def _capricious(draw: Random, name: str, seed: int) -> Landscape:
    """What exactly a prompt says turns many answers over."""
    return _plain(draw, name, seed, good=_several(draw, 0.35, 0.6, 4), bad=[-0.4] * 3, luck=0.9)


def _near_ceiling(draw: Random, name: str, seed: int) -> Landscape:
    return _plain(draw, name, seed, good=_several(draw, 0.3, 0.5, 4), bad=[-0.4] * 3, rate=0.82)


def _far_below(draw: Random, name: str, seed: int) -> Landscape:
    return _plain(draw, name, seed, good=_several(draw, 0.3, 0.6, 6), bad=[-0.4] * 3, rate=0.15)


def _every_word_costs(draw: Random, name: str, seed: int) -> Landscape:
    """Long prompts are followed less well."""
    return _plain(draw, name, seed, good=_several(draw, 0.4, 0.7, 4), length=-0.08)


def _half_right(draw: Random, name: str, seed: int) -> Landscape:
    found = _plain(draw, name, seed, good=_several(draw, 0.25, 0.5, 4), bad=[-0.3] * 3)
    return _with(found, halves=True)


def _nothing_helps(draw: Random, name: str, seed: int) -> Landscape:
    return _plain(draw, name, seed, good=[], luck=0.5)


def _harm_only(draw: Random, name: str, seed: int) -> Landscape:
    return _plain(draw, name, seed, good=[], bad=_several(draw, -0.4, -0.02, 6), luck=0.5)


def _with(found: Landscape, **changed: object) -> Landscape:
    kept = {name: getattr(found, name) for name in found.__dataclass_fields__}
    return Landscape(**(kept | changed))


_PHRASES = (
    "name the order in the answer",
    "never promise a date",
    "say who is responsible",
    "quote the clause of the contract",
    "use the words of the customer",
    "round amounts to cents",
    "check the country first",
    "treat opened goods as used",
    "count days from the delivery",
    "ask for nothing that was said",
)

_SHAPES = {
    "few strong": _few_strong,
    "many weak": _many_weak,
    "mostly harm": _mostly_harm,
    "ruinous": _ruinous,
    "needle": _needle,
    "by type": _by_type,
    "two-faced": _two_faced,
    "partners": _partners,
    "same twice": _same_twice,
    "capricious": _capricious,
    "near the ceiling": _near_ceiling,
    "far below": _far_below,
    "every word costs": _every_word_costs,
    "half right": _half_right,
    "nothing helps": _nothing_helps,
    "harm only": _harm_only,
}

NULLS = ("nothing helps", "harm only")
ORDINARY = tuple(name for name in _SHAPES if name not in NULLS)
