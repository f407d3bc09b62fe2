"""Pools of values that messages are filled with: names, cities, articles, colours, numbers.

Each pool has two halves. Pretraining and Norte's training rows draw from the *known* half,
Norte's evaluation rows from the *unseen* half, so that a right answer there cannot be a
memorised one.
"""

import random
from dataclasses import dataclass


def split_words(text: str) -> tuple[str, ...]:
    """Return the words of a text: a pool that is written as a sentence stays readable."""
    return tuple(text.split())


CONSONANTS = split_words("b c d f g l m n p r s t v z br cr dr st tr")
VOWELS = split_words("a e i o u ai ea ou")
ENDINGS = ("", "n", "r", "s", "l", "x")

COLOURS = split_words("red blue green black white grey yellow pink brown purple")
MATERIALS = split_words("steel wood glass cotton leather wool plastic bamboo ceramic linen")
WEEKDAYS = split_words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
COUNTS = split_words("2 3 4 5 6 7 8 9")

_KNOWN_CITIES = split_words(
    "Lyon Porto Turin Ghent Leeds Basel Graz Nantes Cadiz Malmo Bergen Tampere Krakow Brno Split "
    "Patras Cork Derby Essen Bonn Ulm Metz Dijon Lille Vigo Murcia Toledo Braga Parma Siena"
)
_UNSEEN_CITIES = split_words("Leon Pisa Tours Bruges Lucca Faro Linz Trier Oviedo Zadar")
_KNOWN_PEOPLE = split_words(
    "Anna Omar Lucia Peter Mia Ivan Sofia Noah Emma Hugo Clara Jonas Nadia Felix Laura Bruno "
    "Irene Marco Julia Tomas"
)
_UNSEEN_PEOPLE = split_words("Alba Oscar Greta Diego Selma Viktor Paula Simon")
_KNOWN_ARTICLES = split_words(
    "mug lamp chair desk kettle jacket scarf backpack bottle blanket pillow clock mirror vase "
    "shelf rug bowl towel tent stove radio camera speaker helmet glove hat belt wallet umbrella "
    "notebook"
)
_UNSEEN_ARTICLES = split_words("basket candle saddle tray stool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The values one population of messages may contain."""

    cities: tuple[str, ...]
    people: tuple[str, ...]
    articles: tuple[str, ...]


def order_number(rng: random.Random) -> str:
    """Return four random digits."""
    return "".join(rng.choice("0123456789") for _ in range(4))


def product_code(rng: random.Random) -> str:
    """Return a letter and two digits, for example ``K07``."""
    return rng.choice("ABCDEFGHKLMNPRTVX") + rng.choice("0123456789") + rng.choice("0123456789")


def plural(article: str) -> str:
    """Return the plural of an article of the pools."""
    if article == "shelf":
        return "shelves"
    return article + ("es" if article.endswith(("s", "x", "ch", "sh")) else "s")


def _invented_names(rng: random.Random, count: int) -> list[str]:
    names: set[str] = set()
    while len(names) < count:
        syllables = (rng.choice(CONSONANTS) + rng.choice(VOWELS) for _ in range(rng.randint(2, 3)))
        names.add(("".join(syllables) + rng.choice(ENDINGS)).capitalize())
    shuffled = sorted(names)
    rng.shuffle(shuffled)
    return shuffled


_NAMES = _invented_names(random.Random(7), 1200)
SHOPS = tuple(_NAMES[:150])
BRANDS = tuple(_NAMES[150:450])
KNOWN = Pool(
    cities=(*_KNOWN_CITIES, *_NAMES[450:700]),
    people=(*_KNOWN_PEOPLE, *_NAMES[700:850]),
    articles=_KNOWN_ARTICLES,
)
UNSEEN = Pool(
    cities=(*_UNSEEN_CITIES, *_NAMES[850:1000]),
    people=(*_UNSEEN_PEOPLE, *_NAMES[1000:1200]),
    articles=(*_UNSEEN_ARTICLES, *_KNOWN_ARTICLES[:10]),
)
