"""How much McNemar's exact test covers where two systems of equal rates are compared.

    python -m bench.decisions.exact_pairs

Independent answers, items without clusters: the number of discordant pairs is binomial, and given
it the test is a sign test. Prints a row for each number of items and base rate.
"""

from __future__ import annotations

from math import comb

CASES = ((50, 0.02), (60, 0.02), (150, 0.02), (200, 0.02), (500, 0.02), (60, 0.1), (60, 0.5))
ALPHA = 0.05


def main() -> None:
    """Print the table."""
    print("| items | base rate | covered | fewer than six discordant pairs |\n|---|---|---|---|")
    for items, rate in CASES:
        discordant = [_binomial(items, pairs, 2 * rate * (1 - rate)) for pairs in range(items + 1)]
        missed = sum(chance * rejected(pairs) for pairs, chance in enumerate(discordant))
        print(f"| {items} | {rate} | {1 - missed:.2%} | {sum(discordant[:6]):.2f} |")


def rejected(pairs: int) -> float:
    """The chance that a two-sided sign test rejects a true null, given the discordant pairs."""
    chances = [_binomial(pairs, wins, 0.5) for wins in range(pairs + 1)]
    tails = [sum(chances[: min(wins, pairs - wins) + 1]) for wins in range(pairs + 1)]
    return sum(c for c, tail in zip(chances, tails, strict=True) if 2 * tail <= ALPHA)


def _binomial(n: int, k: int, p: float) -> float:
    return comb(n, k) * p**k * (1 - p) ** (n - k)


if __name__ == "__main__":
    main()
