"""Order changes: which order, what is to change, and to which value."""

import random

from base_model import feedback, messages, values
from base_model.messages import Author, Message

INTENTS = ("address", "quantity", "cancel", "date", "colour", "name")
NO_VALUE = "none"

TEMPLATES = {
    "address": [
        "please (send|ship|deliver) order {o} to {x}( instead|).",
        "I moved, so order {o} should go to {x}.",
        "(can|could) you (ship|send) {o} to {x}?",
        "the address of order {o} is wrong, use {x}.",
        "for {o}, deliver to {x} please.",
        "order {o}: (new|the) address is {x}.",
        "I live in {x} now, order {o} must go there.",
        "my new home is in {x}, please change order {o}.",
        "(can|could) order {o} be sent to {x}?",
        "change the address of (order |){o} to {x}.",
        "I want {o} at my office in {x}.",
        "we are in {x} now, so bring {o} there.",
    ],
    "quantity": [
        "please make it {x} {is_} in order {o}.",
        "order {o}: (I|we) want {x} {is_} now.",
        "change order {o} to {x} {is_}.",
        "can I have {x} {is_} on order {o}?",
        "for {o}, set the number of {is_} to {x}.",
        "(I|we) need {x} pieces in order {o}.",
        "please send {x} {is_} with order {o}.",
        "{x} {is_} are enough for order {o}.",
        "(can|could) you make order {o} {x} pieces?",
        "the number of {is_} in {o} should be {x}.",
        "we want {x} {is_}, order {o}.",
    ],
    "cancel": [
        "please cancel order {o}.",
        "(I|we) do not want order {o} any more.",
        "drop order {o}, I found another {i}.",
        "can you (stop|cancel) {o}? I changed my mind.",
        "forget about order {o}.",
        "order {o} is no longer needed.",
        "please stop order {o}.",
        "I changed my mind about {o}.",
        "we do not need the {i} of order {o}.",
        "could you (cancel|drop) {o}?",
        "no {i} for me, drop {o}.",
    ],
    "date": [
        "please bring order {o} on {x}.",
        "can {o} come on {x}?",
        "I am only home on {x}, so deliver {o} then.",
        "move order {o} to {x}.",
        "order {o}: {x} is a better day.",
        "the best day for {o} is {x}.",
        "(I am|we are) away until {x}, bring {o} then.",
        "(can|could) you deliver {o} on {x}?",
        "{x} suits (me|us) for order {o}.",
        "please change the day of {o} to {x}.",
        "we are home on {x}, order {o}.",
    ],
    "colour": [
        "please make order {o} {x}.",
        "I want the {i} of order {o} in {x}.",
        "can I get {o} in {x}?",
        "swap the colour of {o} for {x}.",
        "order {o} should be {x} instead.",
        "for {o}, I prefer {x}.",
        "(can|could) you change the colour of {o} to {x}?",
        "a {x} {i} would be nicer, order {o}.",
        "I like {x} more, please change {o}.",
        "make the {i} {x}, it is order {o}.",
    ],
    "name": [
        "order {o} is a gift for {x}.",
        "please put the name {x} on order {o}.",
        "the person who gets {o} is {x}.",
        "can {x} receive order {o}?",
        "write {x} on the label of {o}.",
        "for {o}, the new receiver is {x}.",
        "the label of {o} should say {x}.",
        "{x} will get order {o}, not me.",
        "it is a gift, so put {x} on {o}.",
        "change the name of order {o} to {x}.",
        "order {o} should have the name {x}.",
        "please let {x} receive {o}.",
    ],
}
UNSEEN_TEMPLATES = {
    "address": [
        "order {o} must go to {x}, that is the new address.",
        "I live in {x} now, please send {o} there.",
        "my address is in {x} now, change order {o}.",
    ],
    "quantity": [
        "I want {x} {is_}, the order is {o}.",
        "please set order {o} to {x} pieces.",
        "can you send {x} {is_} in order {o}?",
    ],
    "cancel": [
        "I changed my mind, cancel {o} please.",
        "stop order {o}, I do not want the {i} any more.",
        "could you drop {o}? we do not need it.",
    ],
    "date": [
        "deliver {o} on {x}, I am home then.",
        "{x} is the best day to bring order {o}.",
        "could order {o} come on {x}?",
    ],
    "colour": [
        "I prefer the {i} in {x}, order {o}.",
        "can you swap {o} for the {x} one?",
        "please change the colour of order {o} to {x}.",
    ],
    "name": [
        "the label of order {o} should have the name {x}.",
        "{x} will receive {o}, it is a gift.",
        "could you put {x} on the label of {o}?",
    ],
}
PREAMBLES = ["{f}. ", "{f}, so ", "(I bought|we want) a {i}. "]
PREAMBLE_SHARE = 0.12


def write(rng: random.Random, author: Author) -> Message:
    """Return one request to change an order; some begin with an idle opinion."""
    intent = rng.choice(INTENTS)
    unseen_style = author.draws_unseen_style(rng)
    filling = messages.slots(rng, author)
    filling["x"] = _draw_value(rng, intent, author)
    filling["f"] = feedback.complaint(rng)
    bank = (UNSEEN_TEMPLATES if unseen_style else TEMPLATES)[intent]
    number = rng.randrange(len(bank))
    preamble = rng.choice(PREAMBLES) if rng.random() < PREAMBLE_SHARE else ""
    written = messages.sentence(rng, preamble + bank[number], filling, unseen_style=unseen_style)
    status = messages.draw_status(rng)
    facts = {
        "intent": intent,
        "order": filling["o"],
        "value": filling["x"] or NO_VALUE,
        "status": status,
    }
    text = messages.with_context(written, status=status, catalogue=())
    style = "u" if unseen_style else "t"
    return Message(text=text, facts=facts, template=f"{intent}-{style}{number}")


def _draw_value(rng: random.Random, intent: str, author: Author) -> str:
    drawn = {
        "address": rng.choice(author.pool.cities),
        "quantity": rng.choice(values.COUNTS),
        "cancel": "",
        "date": rng.choice(values.WEEKDAYS),
        "colour": rng.choice(values.COLOURS),
        "name": rng.choice(author.pool.people),
    }
    return drawn[intent]
