"""Messages of two query types, for the tests beside this module."""

from __future__ import annotations

import numpy as np

from escalera.core.routing import fitting
from escalera.core.routing.sense import Sensed

ORDERS = ["two more lamps please", "remove the chair from my order", "add a desk to the order"]
PRAISE = ["I love the app", "great service, thank you", "the quality is wonderful"]
TYPES = ("orders", "praise")
TEXTS, LABELS = [*ORDERS, *PRAISE], ["orders"] * 3 + ["praise"] * 3


def many(count):
    """So many messages of each type, and which they are."""
    things = ("lamp", "chair", "desk", "shelf", "sofa", "table", "rug", "mirror")
    kind = ("great", "lovely", "wonderful", "fine", "superb", "excellent", "nice")
    orders = [f"add {n} {things[n % 8]}s to order {n % 5}" for n in range(count)]
    praise = [f"{kind[n % 7]} {things[n % 8]}, thank you {n % 3} times" for n in range(count)]
    return orders + praise, ["orders"] * count + ["praise"] * count


def learned():
    """A router of the six messages."""
    return fitting.fit(TYPES, TEXTS, LABELS)


MEANINGS = {"orders": (1.0, 0.0, 0.0), "praise": (0.0, 1.0, 0.0)}
"""What an embedding of each type is near to."""


def meant(count):
    """Messages whose words tell nothing, their types, and embeddings that tell all."""
    chance = np.random.default_rng(5)
    texts, labels, vectors = [], [], {}
    for n in range(count):
        for label, near in MEANINGS.items():
            text = "".join(chance.choice(list("abcdefghijklmnop"), 9)) + f" {n}"
            noise = chance.normal(size=3) * 0.1
            vectors[text] = np.array(near, np.float32) + noise.astype(np.float32) + 1
            texts.append(text)
            labels.append(label)
    return texts, labels, vectors


def sensed(vectors, share=0.5):
    """What made the embeddings of `meant`."""
    return Sensed(model="e5", revision="r5", vectors=vectors, share=share)


def sensing(share=0.5):
    """A router that reads embeddings beside n-grams."""
    texts, labels, vectors = meant(30)
    return fitting.fit(TYPES, texts, labels, sensed=sensed(vectors, share))


def near(label):
    """An embedding in the middle of a type."""
    return np.array(MEANINGS[label], np.float32) + 1
