"""Names of finetuned models, and who may ask and withdraw them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from escalera.core.serving import finetuned
from escalera.domain.access import Key
from escalera.domain.job import Published
from escalera.errors import InputError

KEY = Key(id="key_1", name="shop", digest=b"", created=0.0)
NOBODY = replace(KEY, id="")
MODEL = Published(name="ft:small:polite:a1", base="small", adapter="a", job="", created=0.0)


def test_names_are_those_of_openais_api():
    """Base, the caller's word, an id; the word may be missing."""
    assert finetuned.name("small", "polite", "a1") == MODEL.name
    assert finetuned.checked(replace(MODEL, name=finetuned.name("small", "", "b")))


def test_a_longer_name_than_a_request_may_carry_is_refused():
    """To the letter."""
    longest = replace(MODEL, name="ft:" + "a" * 509)
    assert finetuned.checked(longest) is longest
    with pytest.raises(InputError, match="at most 512"):
        finetuned.checked(replace(MODEL, name=longest.name + "a"))


@pytest.mark.parametrize(
    ("key", "owner", "asks", "withdraws"),
    [
        (KEY, "key_1", True, True),
        (KEY, "key_2", False, False),
        (KEY, "", True, False),
        (replace(KEY, account="team"), "team", True, True),
        (replace(KEY, account="team"), "key_1", False, False),
        (replace(KEY, models=(MODEL.name,)), "key_2", True, False),
        (replace(KEY, models=("small",)), "key_2", False, False),
        (NOBODY, "key_2", True, True),
        (NOBODY, "", True, True),
    ],
)
def test_who_may_ask_and_withdraw(key: Key, owner: str, asks, withdraws):
    """The owner both; whom the operator names it for may ask; without keys everybody both."""
    assert finetuned.may_ask(key, MODEL.name, owner) is asks
    assert finetuned.may_withdraw(key, owner) is withdraws
