"""The door of the hot paths: who has a key comes in, as far as it has money and its limits allow.

`Entrance` is the `hot.Door` of a gateway with keys. What a request can cost is reserved before
anybody is asked for an answer, and settled when it has ended:

- by its usage, where the answer told it;
- at all that was reserved, where an answer began, or nobody waited for it any more, and its usage
  never came: an upstream may bill what it wrote;
- at nothing, where every attempt failed. What an upstream failed at is taken to be free.

A limit of the answer's tokens is put into a request that has none, so that its cost is bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from escalera.apps.gateway import asked as requests
from escalera.apps.gateway import bounds, fields
from escalera.apps.gateway.asked import Asked, Opened
from escalera.apps.gateway.callers import Admission, Caller, Refusal
from escalera.apps.gateway.door import Door
from escalera.apps.gateway.wire import Refusal as Refused
from escalera.core.serving import spending
from escalera.domain.project import ModelPrice
from escalera.domain.traffic import Attempt
from escalera.errors import StoreUnavailable

CAP = 4096
"""Tokens of an answer to a key with an allowance, where neither caller nor gateway limits it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What answering under a name can cost.

    `price` is the dearest of all who may answer, None where one of them is unknown. `frame` is how
    many tokens the gateway's own prompt can add. `cap` limits an answer where the caller does not,
    None where the gateway sets no limit. `calls` is how many upstream calls may be billed for one
    request: two where it is hedged.
    """

    price: ModelPrice | None
    frame: int = 0
    cap: int | None = None
    calls: int = 1


class Entrance:
    """Lets callers in by their keys; *terms* says what a model's name means now, None for none.

    An upstream that is asked again within one request is not reserved anew.
    """

    def __init__(
        self, door: Door, *, terms: Callable[[str], Terms | None], wall: Callable[[], float]
    ) -> None:
        self._door = door
        self._terms = terms
        self._wall = wall

    async def enter(self, token: bytes) -> Caller:
        """Who has this key. Raises `wire.Refusal`: 401 where nobody has it, 503 where nobody can
        look."""
        try:
            caller = self._door.known(token, self._wall())
            if caller is None and token:
                caller = await self._door.look_up(token)
        except StoreUnavailable as error:
            raise _refused(_NOBODY_CAN_LOOK) from error
        if caller is None:
            raise _refused(_UNKNOWN)
        refusal = caller.refused(self._wall())
        if refusal is not None:
            raise _refused(refusal)
        return caller

    async def admit(self, caller: object, asked: Asked) -> Passed:
        """Reserve what the request can take. Raises `wire.Refusal`."""
        assert isinstance(caller, Caller)  # noqa: S101  what `enter` gave
        model = asked.fields.model
        terms = self._terms(model) or _NOTHING
        if caller.limited.money and not bounds.is_bounded(asked):
            raise _refused(_UNBOUNDED)
        answers = bounds.answer_tokens(asked, self._limit(caller, asked, terms))
        tokens = spending.likely_tokens(len(asked.body), answers)
        most = None if terms.price is None else _most(asked, terms, terms.price, answers)
        found = caller.admit(model, tokens, most, self._wall())
        if found is None:
            found = await self._door.refill(caller, model, tokens, most)
        if isinstance(found, Refusal):
            raise _refused(found)
        return Passed(caller.key.id, found, most=most or 0, calls=terms.calls)

    def _limit(self, caller: Caller, asked: Asked, terms: Terms) -> int:
        """The most tokens of one answer; set into the request where it names none."""
        if asked.operation not in fields.LIMIT:
            return 0
        limit = asked.fields.limit
        if limit is None:
            asked.capped = terms.cap or (CAP if caller.limited.money else None)
            limit = asked.capped or CAP
        return limit


class Passed:
    """A request that was let in."""

    __slots__ = ("_admission", "_calls", "_most", "key")

    def __init__(self, key: str, admission: Admission, *, most: int, calls: int) -> None:
        self.key = key
        self._admission = admission
        self._most = most
        self._calls = calls

    def settle(self, asked: Asked, found: Opened | None) -> None:
        """Count what the request took."""
        left = sum(map(_was_left, asked.attempts))
        if found is None and not left:
            self._admission.settle(0, 0)
        elif found is None or found.usage is None:
            self._admission.forfeit()
        else:
            usage = found.usage
            used = usage.prompt_tokens + usage.completion_tokens
            spent = requests.cost(found.provenance.price, usage)
            unknown, most = left * -(-self._most // self._calls), self._most
            self._admission.settle(used, min(spent + unknown, max(spent, most)))


# Below: private.

_NOTHING = Terms(price=None)
_UNKNOWN = Refusal(
    status=401,
    code="invalid_api_key",
    message="The API key is missing or wrong. Send it as 'Authorization: Bearer KEY'.",
)
_NOBODY_CAN_LOOK = Refusal(
    status=503,
    code="store_unavailable",
    message="Whether this API key is good cannot be looked up now. Try again in a moment.",
    retry_after=1.0,
)
_UNBOUNDED = Refusal(
    status=403,
    code="cost_unbounded",
    message="What a conversation costs that the provider keeps cannot be bounded, so this key's "
    "allowance of money cannot be kept. Send the whole conversation in `input` instead.",
)


def _most(asked: Asked, terms: Terms, price: ModelPrice, answers: int) -> int:
    prompt = bounds.prompt_tokens(asked.body, frame=terms.frame)
    return spending.most_cost(price, prompt_tokens=prompt, max_tokens=answers, calls=terms.calls)


def _was_left(attempt: Attempt) -> bool:
    """Whether nobody waited for an upstream that was at work: a hedge that lost, a caller gone."""
    return attempt.fault == "cancelled"


def _refused(refusal: Refusal) -> Refused:
    return Refused(
        refusal.message,
        status=refusal.status,
        code=refusal.code,
        retry_after=refusal.retry_after,
    )
