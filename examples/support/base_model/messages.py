"""A customer's message, and the context that the shop's software puts before it.

The software attaches context by keyword and knows nothing of query types: an order number brings
the status of that order, an article often brings a piece of the catalogue. So the context alone
does not give the query type away.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from base_model import values

# "" is repeated where most customers write neither greeting nor farewell.
OPENINGS = (
    *("", "", ""),
    *("Hi, ", "Hello, ", "Hello there, ", "Good morning, ", "Dear team, ", "Hi all, ", "Hey, "),
)
CLOSINGS = (
    *("", "", "", ""),
    *(" Thanks.", " Thank you.", " Best, {p}.", " Please reply soon.", " Regards, {p}."),
)
UNSEEN_OPENINGS = ("", "", "Hi team, ", "Good evening, ", "Hello all, ")
UNSEEN_CLOSINGS = ("", "", " Cheers, {p}.", " Many thanks.", " Thank you, {p}.")
STATUSES = ("open", "packed", "shipped")

_CHOICE = re.compile(r"\(([^()]*)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who writes: which values and which manner of writing are theirs.

    ``unseen_style`` is the probability of a template that pretraining never showed.
    """

    name: str
    pool: values.Pool
    unseen_style: float

    def draws_unseen_style(self, rng: random.Random) -> bool:
        """Return whether the next message is in a manner that pretraining never showed."""
        return rng.random() < self.unseen_style


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One customer's message with the facts that a right answer is made of."""

    text: str
    facts: Mapping[str, str]
    template: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One line of a catalogue."""

    code: str
    article: str
    colour: str
    material: str

    def line(self) -> str:
        """Return the line as the catalogue block shows it."""
        return f"{self.colour} {self.material} {self.article}: {self.code}"


def author_from(rng: random.Random, pool: values.Pool, unseen_style: float) -> Author:
    """Return an author with a name of the pool."""
    return Author(name=rng.choice(pool.people), pool=pool, unseen_style=unseen_style)


def slots(rng: random.Random, author: Author) -> dict[str, str]:
    """Return values for the slots that every template may use."""
    article = rng.choice(author.pool.articles)
    return {
        "o": values.order_number(rng),
        "c": rng.choice(values.COLOURS),
        "i": article,
        "is_": values.plural(article),
        "p": author.name,
        "d": rng.choice(values.WEEKDAYS),
        "n": rng.choice(values.COUNTS),
    }


def choose(rng: random.Random, template: str) -> str:
    """Return the template with one alternative of every ``(a|b)`` taken."""
    while match := _CHOICE.search(template):
        picked = rng.choice(match.group(1).split("|"))
        template = template[: match.start()] + picked + template[match.end() :]
    return template


def sentence(
    rng: random.Random, template: str, filling: Mapping[str, str], *, unseen_style: bool
) -> str:
    """Return the template filled in, between an opening and a closing."""
    body = choose(rng, template)
    opening = rng.choice(UNSEEN_OPENINGS if unseen_style else OPENINGS)
    closing = rng.choice(UNSEEN_CLOSINGS if unseen_style else CLOSINGS)
    filled = (opening + body + closing).format(**filling)
    return filled[0].upper() + filled[1:]


def draw_catalogue(rng: random.Random, articles: Sequence[str], wanted: str) -> list[Product]:
    """Return 3 to 5 products in which (article, colour) and (article, material) are unique.

    At least two products are the wanted article, so that the article alone does not decide.
    """
    other = rng.choice([article for article in articles if article != wanted])
    size = rng.randint(3, 5)
    products: list[Product] = []
    while len(products) < size:
        product = Product(
            code=values.product_code(rng),
            article=wanted if len(products) < 2 else rng.choice([wanted, other]),
            colour=rng.choice(values.COLOURS),
            material=rng.choice(values.MATERIALS),
        )
        if not any(_confusable(product, present) for present in products):
            products.append(product)
    return products


def with_context(written: str, *, status: str, catalogue: Sequence[Product]) -> str:
    """Return the message as the software passes it on, context first."""
    lines: list[str] = []
    if re.search(r"\b\d{4}\b", written):
        lines.append(f"Status: {status}")
    if catalogue:
        lines.append("Catalogue:")
        lines.extend(product.line() for product in catalogue)
    return "\n".join([*lines, written])


def draw_status(rng: random.Random) -> str:
    """Return how far an order is: shipped ones are the most frequent to be written about."""
    return rng.choices(STATUSES, [0.35, 0.25, 0.4])[0]


def _confusable(one: Product, other: Product) -> bool:
    if one.code == other.code:
        return True
    same_looks = one.colour == other.colour or one.material == other.material
    return one.article == other.article and same_looks
