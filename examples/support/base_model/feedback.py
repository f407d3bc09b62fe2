"""Feedback: what a message is about, and in which mood."""

import random
import re

from base_model import messages
from base_model.messages import Author, Message

TOPICS = ("delivery", "price", "quality", "staff", "website")
MOODS = ("good", "bad", "mixed")

SUBJECTS = {
    "delivery": "the parcel|the delivery|the courier|the shipping|the package|the driver",
    "price": "the price|the cost|the discount|the offer|the fee|the amount I paid",
    "quality": "the fabric|the material|the finish|the stitching|the build|the surface",
    "staff": (
        "the support agent|your staff|the shop assistant|the person on the phone|"
        "your team|the lady at the desk"
    ),
    "website": (
        "the website|the app|the checkout page|the search box|the login page|your online shop"
    ),
}
VERDICTS = {
    "delivery": {
        "good": (
            "arrived early|was very fast|came right on time|got here in one day|"
            "was quick and careful"
        ),
        "bad": "arrived late|was very slow|never came|got lost for a week|came a week too late",
    },
    "price": {
        "good": (
            "was very fair|was lower than I expected|was a real bargain|saved me a lot|"
            "was the best I could find"
        ),
        "bad": (
            "was far too high|was higher than I expected|was a rip off|cost me too much|"
            "was not what you promised"
        ),
    },
    "quality": {
        "good": (
            "feels solid|looks beautiful|is very well made|has lasted for years|is soft and strong"
        ),
        "bad": "feels cheap|looks ugly|is badly made|broke after a day|is rough and weak",
    },
    "staff": {
        "good": (
            "was so kind|helped me at once|was friendly and patient|solved my problem|"
            "listened to me"
        ),
        "bad": (
            "was so rude|ignored me|was cold and impatient|could not solve my problem|hung up on me"
        ),
    },
    "website": {
        "good": (
            "is easy to use|works smoothly|is clear and quick|loads in a second|is a joy to use"
        ),
        "bad": (
            "is hard to use|keeps crashing|is confusing and slow|takes ages to load|shows an error"
        ),
    },
}
GENERAL_VERDICTS = {
    "good": "was great|was excellent|made me happy|was perfect|is really good",
    "bad": "was awful|was terrible|made me angry|was a disaster|is really bad",
}

TEMPLATES = [
    "{s} {q}.",
    "I must say {s} {q}.",
    "(just to let you know|for your information), {s} {q}.",
    "(about|on|for) order {o}: {s} {q}.",
    "I bought a {c} {i} and {s} {q}.",
    "{s} {q}, that is all I want to say.",
    "my name is {p} and {s} {q}.",
    "last {d} I ordered (from you|a {i}) and {s} {q}.",
    "(we|I) think {s} {q}.",
    "(honestly|frankly), {s} {q}.",
    "I asked you to (cancel order {o}|change order {o}|send order {o} to my home) and {s} {q}.",
    "I was looking for a {c} {i} and {s} {q}.",
    "I got the {i} of order {o} on {d}; {s} {q}.",
    "no need to change order {o}, {s} {q}.",
    "the {c} {i} is here. {s} {q}.",
]
UNSEEN_TEMPLATES = [
    "a short note on my {i}: {s} {q}.",
    "I ordered {n} {is_} and I feel {s} {q}.",
    "this is {p}, I want you to know that {s} {q}.",
    "since {d} I want to tell you: {s} {q}.",
    "you changed order {o} for me and {s} {q}.",
]
MIXED_TEMPLATES = [
    "{s} {q} but {r}.",
    "I must say {s} {q}, but it also {r}.",
    "{s} {q}. on the other hand it {r}.",
    "(honestly|frankly), {s} {q} although it {r}.",
    "about order {o}: {s} {q} but it {r}.",
    "I bought a {c} {i} and {s} {q}, but it {r}.",
]
UNSEEN_MIXED_TEMPLATES = [
    "I ordered a {c} {i}; {s} {q} but it also {r}.",
    "(we|I) think {s} {q} although at times it {r}.",
]

CATALOGUE_SHARE = 0.3


def write(rng: random.Random, author: Author) -> Message:
    """Return one message of feedback."""
    topic, mood = rng.choice(TOPICS), rng.choice(MOODS)
    unseen_style = author.draws_unseen_style(rng)
    opinion = _draw_opinion(rng, topic, mood, unseen=author.unseen_style > 0)
    bank, name = _templates(mood, unseen_style=unseen_style)
    number = rng.randrange(len(bank))
    filling = messages.slots(rng, author)
    template = bank[number]
    for slot, words in opinion.items():
        template = template.replace("{" + slot + "}", words)
    written = messages.sentence(rng, template, filling, unseen_style=unseen_style)
    mentioned = re.search(rf"\b{filling['i']}(es|s)?\b", written)
    shows_catalogue = mentioned is not None and rng.random() < CATALOGUE_SHARE
    text = messages.with_context(
        written,
        status=messages.draw_status(rng),
        catalogue=messages.draw_catalogue(rng, author.pool.articles, filling["i"])
        if shows_catalogue
        else (),
    )
    return Message(text=text, facts={"topic": topic, "mood": mood}, template=f"{name}{number}")


def complaint(rng: random.Random) -> str:
    """Return a subject and a verdict, for messages of another type that begin with an opinion."""
    topic = rng.choice(TOPICS)
    mood = rng.choice(("good", "bad"))
    return f"{_pick(rng, SUBJECTS[topic])} {_pick(rng, VERDICTS[topic][mood])}"


def _templates(mood: str, *, unseen_style: bool) -> tuple[list[str], str]:
    if mood == "mixed":
        return (UNSEEN_MIXED_TEMPLATES, "um") if unseen_style else (MIXED_TEMPLATES, "m")
    return (UNSEEN_TEMPLATES, "u") if unseen_style else (TEMPLATES, "t")


def _draw_opinion(rng: random.Random, topic: str, mood: str, *, unseen: bool) -> dict[str, str]:
    """Return subject and verdicts; a fifth of all pairs is kept for unseen authors."""
    moods = rng.sample(("good", "bad"), 2) if mood == "mixed" else [mood]
    while True:
        subject = _pick(rng, SUBJECTS[topic])
        verdicts = [_pick(rng, f"{VERDICTS[topic][m]}|{GENERAL_VERDICTS[m]}") for m in moods]
        if _is_kept_back(subject, verdicts[0]) == unseen:
            return dict(zip(("s", "q", "r"), [subject, *verdicts], strict=False))


def _is_kept_back(subject: str, verdict: str) -> bool:
    return sum(map(ord, subject + verdict)) % 5 == 0


def _pick(rng: random.Random, alternatives: str) -> str:
    return rng.choice(alternatives.split("|"))
