"""Text that comes token by token is the text of the whole, cut before stop strings."""

import random

from escalera.edges.providers.spelling import Speller


def text(tokens) -> str:
    """Tokens are bytes."""
    return bytes(tokens).decode("utf-8", "replace")


def streams(rng: random.Random) -> list[int]:
    """Whole words, characters of several bytes that may be cut, or bytes that are no text."""
    kind = rng.randrange(3)
    length = rng.randrange(150)
    if kind == 0:
        return [rng.randrange(256) for _ in range(length)]
    if kind == 1:
        return [rng.choice([0x80, 0xF0, 0x9F, 97]) for _ in range(length)]
    return list("".join(rng.choice(["a", "é", "漢", "😀", "b "]) for _ in range(60)).encode())[
        :length
    ]


def test_pieces_are_the_whole() -> None:
    """However tokens come, and whatever bytes they are."""
    rng = random.Random(0)
    for _ in range(1500):
        tokens = streams(rng)
        speller, pieces, place = Speller(text), [], 0
        while place < len(tokens):
            many = rng.choice([1, 1, 1, 3])
            pieces.append(speller.add(tokens[place : place + many]))
            place += many
        pieces.append(speller.end())
        assert "".join(pieces) == text(tokens) == speller.said


def test_nothing_of_a_stop_string_is_said() -> None:
    """The answer ends before the first of them, even where it comes in parts."""
    rng = random.Random(1)
    ended = 0
    for _ in range(1500):
        tokens = streams(rng)
        stops = [rng.choice(["ab", "b a", "é漢", "a"]) for _ in range(2)]
        speller = Speller(text, stops)
        said = "".join(speller.add([token]) for token in tokens) + speller.end()
        whole = text(tokens)
        places = [whole.find(stop) for stop in stops if stop in whole]
        assert said == (whole[: min(places)] if places else whole)
        assert speller.stopped == bool(places)
        ended += speller.stopped
    assert ended > 300


def test_every_token_costs_about_the_same() -> None:
    """An answer ten times as long is spelled with ten times the work, not with a hundred times."""

    def work(length: int) -> int:
        spelled = 0

        def counting(tokens) -> str:
            nonlocal spelled
            spelled += len(tokens)
            return text(tokens)

        speller = Speller(counting)
        for _ in range(length):
            speller.add([97])
        return spelled

    assert work(10_000) < 12 * work(1_000)


def test_tokens_are_whole_once_all_that_they_say_is_said() -> None:
    """Their bytes are then the text, or its beginning where a stop string cuts a character's end.

    Tokens are one to three bytes, so that they cut characters and stop strings anywhere.
    """
    rng = random.Random(3)
    cut = 0
    for _ in range(1500):
        letters = [rng.choice(["a", "é", "漢", "😀", "b "]) for _ in range(40)]
        bytes_, tokens = "".join(letters).encode(), []
        while bytes_:
            size = rng.randrange(1, 4)
            tokens.append(bytes_[:size])
            bytes_ = bytes_[size:]
        stops = [rng.choice(["ab", "b a", "é漢", "x"])]
        speller = Speller(lambda some: b"".join(some).decode("utf-8", "replace"), stops)
        for token in tokens:
            speller.add([token])
            told = b"".join(tokens[: speller.whole])
            assert speller.said.encode().startswith(told)
            if speller.whole < speller.count:
                longer = b"".join(tokens[: speller.whole + 1])
                assert not speller.said.encode().startswith(longer)
        speller.end()
        if speller.stopped:
            cut += b"".join(tokens[: speller.whole]) != speller.said.encode()
        else:
            assert speller.whole == len(tokens)
    assert cut > 100
