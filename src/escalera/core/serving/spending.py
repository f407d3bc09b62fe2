"""What one worker may spend on its own: a slice that it reserves from and settles, call by call.

A call is reserved before it is made, at no less than it can cost, and settled by its usage. What it
can cost is bounded: a prompt has no more tokens than its request has bytes, an answer no more than
`max_tokens`. So what a worker has spent never passes what it leased. Where an upstream bills more
all the same, the truth is kept: the slice goes below zero, and later calls pay for it.
"""

from __future__ import annotations

import math

from escalera.domain.access import Amounts, Lease, Returned
from escalera.domain.project import ModelPrice

UNLIMITED = 1 << 60
"""Stands for no limit, so that the path of a call needs no branch for it."""
FRAME_TOKENS = 512
"""Tokens that a provider may add to a prompt unseen, such as its own words about tools."""
MEDIA_TOKENS = 50_000
"""Tokens that one image, file or sound can be counted as, whatever its address is long."""
PER_MILLION = 1_000_000


def most_prompt_tokens(bytes_: int, *, media: int = 0) -> int:
    """An upper bound of a prompt's tokens, from the bytes of its request and its media parts.

    Byte-level tokenizers give at most a token per byte, and the JSON around a message is longer
    than what a chat template puts around it.
    """
    return bytes_ + FRAME_TOKENS + media * MEDIA_TOKENS


def likely_tokens(bytes_: int, max_tokens: int) -> int:
    """An estimate for limits of tokens per minute, which are settled by what was used."""
    return bytes_ // 4 + max_tokens


def most_cost(
    price: ModelPrice, *, prompt_tokens: int, max_tokens: int, choices: int = 1, calls: int = 1
) -> int:
    """An upper bound of what *calls* upstream calls cost, in micro-dollars, rounded up."""
    one = prompt_tokens * price.prompt + max_tokens * choices * price.completion
    return -(-one // PER_MILLION) * calls


def cost(price: ModelPrice, *, prompt_tokens: int, completion_tokens: int) -> int:
    """What a call cost, in micro-dollars, rounded up: never more than `most_cost` said."""
    spent = prompt_tokens * price.prompt + completion_tokens * price.completion
    return -(-spent // PER_MILLION)


class Slice:
    """What is left of the leases for one key, in one pair of windows.

    `held` is money that is reserved and not settled; `spent` what was settled since it was last
    told; `until` when its money may no longer be spent. `beyond` is what was billed beyond
    reservations.
    """

    __slots__ = (
        "account_period", "beyond", "calls", "held", "key_period", "limited", "micro_dollars",
        "requests", "spent", "tokens", "until",
    )  # fmt: skip

    def __init__(self) -> None:
        self.requests = self.tokens = self.micro_dollars = 0
        self.held = self.spent = self.beyond = self.calls = 0
        self.key_period = self.account_period = ""
        self.limited = (True, True, True)
        self.until = 0.0

    def add(self, lease: Lease) -> None:
        """Take a lease in; it must be of the same windows as those before it."""
        self.limited = (
            lease.requests is not None,
            lease.tokens is not None,
            lease.micro_dollars is not None,
        )
        self.requests = _sum(self.requests, lease.requests)
        self.tokens = _sum(self.tokens, lease.tokens)
        self.micro_dollars = _sum(self.micro_dollars, lease.micro_dollars)
        self.key_period, self.account_period = lease.key_period, lease.account_period
        self.until = lease.until

    def belongs(self, lease: Lease) -> bool:
        """Whether a lease is of the windows of this slice, or the slice of none yet."""
        periods = (self.key_period, self.account_period)
        return self.until == 0.0 or periods == (lease.key_period, lease.account_period)

    def reserve(self, tokens: int, micro_dollars: int) -> bool:
        """Take one request of so many tokens and so much money; False where it does not suffice."""
        if self.requests < 1 or self.tokens < tokens or self.micro_dollars < micro_dollars:
            return False
        self.requests -= 1
        self.tokens -= tokens
        self.micro_dollars -= micro_dollars
        self.held += micro_dollars
        self.calls += 1
        return True

    def extend(self, tokens: int, micro_dollars: int) -> bool:
        """Take more for a call that is reserved already."""
        if self.tokens < tokens or self.micro_dollars < micro_dollars:
            return False
        self.tokens -= tokens
        self.micro_dollars -= micro_dollars
        self.held += micro_dollars
        return True

    def settle(self, reserved: tuple[int, int], tokens: int, micro_dollars: int) -> None:
        """Put back what a call did not use of its tokens and money, and note what it cost.

        An upstream that tells a usage below nothing is not believed: nobody earns by a call.
        """
        tokens, micro_dollars = max(0, tokens), max(0, micro_dollars)
        self.tokens += reserved[0] - tokens
        self.micro_dollars += reserved[1] - micro_dollars
        self.held -= reserved[1]
        self.spent += micro_dollars
        self.calls -= 1
        if micro_dollars > reserved[1]:
            self.beyond += micro_dollars - reserved[1]

    def undo(self, reserved: tuple[int, int]) -> None:
        """Put back a call that was never made."""
        self.settle(reserved, 0, 0)
        self.requests += 1

    def lacking(self, tokens: int, micro_dollars: int) -> Amounts:
        """What has to be leased before such a call can be reserved."""
        return Amounts(
            requests=max(0, 1 - self.requests),
            tokens=max(0, tokens - self.tokens),
            micro_dollars=max(0, micro_dollars - self.micro_dollars),
        )

    def told(self, key: str) -> Returned:
        """What was spent since it was last told, with nothing given back."""
        spent, self.spent = self.spent, 0
        return self._returned(key, Amounts(), spent)

    def emptied(self, key: str) -> Returned:
        """Everything that is not reserved, given back; the slice is then empty."""
        requests, tokens, money = self.limited
        amounts = Amounts(
            requests=self.requests if requests else 0,
            tokens=self.tokens if tokens else 0,
            micro_dollars=self.micro_dollars if money else 0,
        )
        spent, self.spent = self.spent, 0
        self.requests = self.tokens = self.micro_dollars = 0
        return self._returned(key, amounts, spent)

    def _returned(self, key: str, amounts: Amounts, spent: int) -> Returned:
        return Returned(
            key=key,
            amounts=amounts,
            spent=spent,
            key_period=self.key_period,
            account_period=self.account_period,
        )


def free() -> Slice:
    """The slice of a key that nobody limits."""
    made = Slice()
    made.add(
        Lease(
            requests=None,
            tokens=None,
            micro_dollars=None,
            key_period="total",
            account_period="total",
            until=math.inf,
        )
    )
    return made


# Below: private.


def _sum(left: int, leased: int | None) -> int:
    return UNLIMITED if leased is None else left + leased
