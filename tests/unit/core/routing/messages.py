"""Messages of two query types, for the tests beside this module."""

from __future__ import annotations

from escalera.core.routing import fitting

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
