"""What goes to a model and what comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from escalera.domain.contract import OutputContract
from escalera.domain.identity import LATER

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "filtered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is asked: the user's message, the turns before it, and the facts that come with it.

    `fields` are names with values as JSON text; a prompt's templates may use them by name.
    """

    input: str
    history: tuple[Message, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How tokens are chosen. Temperature 0 is greedy; `seed` matters only above 0.

    The answer ends before any text of `stop`. A token that was said becomes less likely by
    `presence_penalty`, and by `frequency_penalty` for each time it was; `logit_bias` are tokens by
    number with how much likelier they are.
    """

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = field(default=(), metadata=LATER)
    presence_penalty: float = field(default=0.0, metadata=LATER)
    frequency_penalty: float = field(default=0.0, metadata=LATER)
    logit_bias: tuple[tuple[int, float], ...] = field(default=(), metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call: the conversation, the decoding and, for local models, the adapter's digest.

    `output` is the contract that the answer is held to, or None where any text will do. `choice`
    counts several answers to one prompt from 0: each is drawn anew. `logprobs` is how many of the
    likeliest tokens are told at each place of the answer, beside the one that was said; None tells
    none. `verbatim`: the text of the one message goes to the model without a chat template.
    """

    messages: tuple[Message, ...]
    decoding: Decoding = Decoding()
    adapter: str | None = None
    output: OutputContract | None = field(default=None, metadata=LATER)
    choice: int = field(default=0, metadata=LATER)
    logprobs: int | None = field(default=None, metadata=LATER)
    verbatim: bool = field(default=False, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Likely:
    """A token as it reads, and the natural logarithm of how probable it was.

    `written` are the bytes of UTF-8 that it writes: a part of a character reads as its bytes. It is
    None for a mark that writes nothing, such as the end of an answer.
    """

    text: str
    logprob: float
    written: tuple[int, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidToken:
    """A token of an answer, and the likeliest tokens at its place, the likeliest first."""

    said: Likely
    likeliest: tuple[Likely, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The next text of an answer with the tokens that end in it."""

    text: str
    tokens: tuple[SaidToken, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Billed tokens. `cached_tokens` are the part of `prompt_tokens` read from a cache."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A finished answer.

    `micro_dollars` is None where the price is unknown (unknown is never 0); `seconds` is a clock
    reading; `revision` is what the endpoint says of the model that answered; `attempts` how often
    it was asked until it did. `repairs` is how often an answer was sent back because it broke its
    contract: usage, price and seconds are then those of the whole dialogue. `logprobs` are the
    tokens of the text where the request asks for them, else None.
    """

    text: str
    finish_reason: FinishReason
    usage: Usage
    micro_dollars: int | None
    seconds: float
    revision: str
    attempts: int = 1
    repairs: int = 0
    logprobs: tuple[SaidToken, ...] | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings:
    """Vectors of texts, one per text and equally long; price and time as in `Reply`."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage
    micro_dollars: int | None
    seconds: float
