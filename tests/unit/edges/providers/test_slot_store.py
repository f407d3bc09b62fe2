"""Places for rows: what was written stays a row's own, and memory keeps to its limit."""

import random

import pytest

torch = pytest.importorskip("torch")

from escalera.edges.providers.slot_store import SMALLEST, Shelves, size_for  # noqa: E402

pytestmark = pytest.mark.local

LIKE = torch.zeros(1, 2, 1, 3)


def test_a_place_is_long_enough_and_less_than_twice_too_long() -> None:
    """Places have few lengths, so that rows of about one length are together."""
    for tokens in (1, SMALLEST, SMALLEST + 1, 300, 512, 513):
        size = size_for(tokens)
        assert size >= tokens
        assert size < 2 * max(tokens, SMALLEST)


def test_rows_keep_their_own_while_others_come_and_go() -> None:
    """A thousand random arrivals and departures: every row still finds what it has written."""
    rng = random.Random(1)
    shelves = Shelves(40 * SMALLEST)
    rows: dict[int, tuple] = {}
    refused = moved = 0
    for number in range(1, 1001):
        if rows and (rng.random() < 0.45 or len(rows) > 20):
            _, place = rows.pop(rng.choice(sorted(rows)))
            before = {n: other.number for n, (_, other) in rows.items()}
            place.shelf.leave(place)
            moved += any(other.number != before[n] for n, (_, other) in rows.items())
        else:
            tokens = rng.choice([10, 60, 100, 200])
            place = shelves.place(tokens)
            if place is None:
                refused += 1
                continue
            keys, values = place.shelf.pair(0, LIKE, LIKE)
            keys[place.number] = number
            values[place.number] = -number
            rows[number] = (tokens, place)
        assert shelves.held <= 40 * SMALLEST
        for n, (tokens, place) in rows.items():
            keys, values = place.shelf.held(0)
            assert place.shelf.size >= tokens
            assert (keys[place.number] == n).all()
            assert (values[place.number] == -n).all()
    assert moved > 10
    assert refused > 10


def test_room_goes_from_one_length_to_another() -> None:
    """What short rows left behind is given to a long one; while they are there, it waits."""
    shelves = Shelves(4 * SMALLEST)
    short = [shelves.place(1) for _ in range(4)]
    assert shelves.place(1) is None
    assert shelves.place(2 * SMALLEST) is None
    for place in (short[0], short[2]):
        place.shelf.leave(place)
    long = shelves.place(2 * SMALLEST)
    assert long is not None
    assert shelves.held == 4 * SMALLEST
    assert shelves.place(1) is None


def test_what_never_fits_is_known_before() -> None:
    """A row that is longer than all memory is refused at once, not kept waiting for ever."""
    shelves = Shelves(300)
    assert shelves.can_ever(256)
    assert not shelves.can_ever(257)
