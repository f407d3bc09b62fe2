"""Recommendations: find the product of the catalogue that the customer asks for."""

import random

from base_model import feedback, messages
from base_model.messages import Author, Message

TEMPLATES = [
    "I need a {a} {i}(| for my home| by {d}).",
    "I am looking for a {i} in {a}.",
    "can you recommend a {a} {i}?",
    "which {i} is {a}?",
    "do you have a {i}, {a} if possible?",
    "my (sister|friend) wants a {a} {i} for her home.",
    "please show me a {i}, it should be {a}.",
    "I would like a {a} {i}.",
    "what {a} {i} can (I|we) buy?",
    "is there a {a} {i} for me?",
    "we want to buy one {a} {i}.",
    "order {o} is done, now I need a {a} {i}.",
    "I returned order {o}. (can|could) you find me a {a} {i}?",
    "{f}. which {i} do you have in {a}?",
    "{f}, so I want one more {i}, a {a} one.",
    "I like my {i} but I want a {a} one.",
]
UNSEEN_TEMPLATES = [
    "I would like to buy a {i}, it must be {a}.",
    "what do you suggest for someone who wants a {a} {i}?",
    "please recommend one {i} to me, {a} please.",
    "{f}. I want to order a {a} {i} today.",
]


def write(rng: random.Random, author: Author) -> Message:
    """Return one request for a product, by its colour or its material."""
    unseen_style = author.draws_unseen_style(rng)
    filling = messages.slots(rng, author)
    catalogue = messages.draw_catalogue(rng, author.pool.articles, filling["i"])
    wanted = rng.choice(catalogue)
    rng.shuffle(catalogue)
    filling["i"] = wanted.article
    filling["a"] = rng.choice((wanted.colour, wanted.material))
    filling["f"] = feedback.complaint(rng)
    bank = UNSEEN_TEMPLATES if unseen_style else TEMPLATES
    number = rng.randrange(len(bank))
    written = messages.sentence(rng, bank[number], filling, unseen_style=unseen_style)
    text = messages.with_context(written, status=messages.draw_status(rng), catalogue=catalogue)
    facts = {
        "code": wanted.code,
        "article": wanted.article,
        "colour": wanted.colour,
        "material": wanted.material,
    }
    return Message(text=text, facts=facts, template=f"{'u' if unseen_style else 't'}{number}")
