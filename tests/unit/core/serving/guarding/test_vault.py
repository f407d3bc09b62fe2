"""Placeholders and the way back."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.serving.guarding.vault import LONGEST, Restoring, Vault


def test_placeholders_are_the_same_for_the_same_value():
    """And others for other values and other kinds."""
    vault = Vault()
    first = vault.placeholder("email", "a@b.example")
    assert first == "[EMAIL_1]"
    assert vault.placeholder("email", "c@d.example") == "[EMAIL_2]"
    assert vault.placeholder("email", "a@b.example") == first
    assert vault.placeholder("url", "a@b.example") == "[URL_1]"
    assert len(vault) == 3


def test_what_a_caller_writes_is_no_placeholder_of_ours():
    """Names that stand in the request, or in another vault, are left out."""
    vault = Vault(["I write [EMAIL_1] myself"])
    assert vault.placeholder("email", "x") == "[EMAIL_2]"
    assert vault.restore("[EMAIL_1] [EMAIL_2] [EMAIL_3]") == "[EMAIL_1] x [EMAIL_3]"
    beside = Vault(beside=vault)
    assert beside.placeholder("email", "y") == "[EMAIL_3]"


def test_within_json_values_are_written_as_json():
    """What was escaped there comes back as it is elsewhere, and the other way round."""
    vault = Vault()
    name = vault.placeholder("name", r"a\"b\u00e9", escaped=True)
    assert vault.restore(name) == 'a"bé'
    assert json.loads(f'"{vault.restore(name, escaped=True)}"') == 'a"bé'
    odd = vault.placeholder("name", "\\", escaped=True)
    assert vault.restore(odd) == "\\"


def test_kinds_of_any_words_make_names():
    """Capitals, digits and underscores."""
    assert Vault().placeholder("my own topic!", "x") == "[MY_OWN_TOPIC_1]"
    assert Vault().placeholder("¿?", "x") == "[TEXT_1]"
    assert len(Vault().placeholder("k" * 90, "x")) <= LONGEST


@settings(deadline=None)
@given(st.lists(st.sampled_from(["[A_1]", "[A_2]", "[B", "_1]", "[", "]", "x", "[A_1", "[A_12]"])))
def test_pieces_are_restored_as_the_whole(parts):
    """However a text is cut, and what is held back is shorter than a placeholder."""
    vault = Vault()
    for kind, value in (("a", "one"), ("a", "two"), ("b", "[A_2]")):
        vault.placeholder(kind, value)
    text = "".join(parts)
    for size in (1, 2, 5):
        back, said, given_ = Restoring(vault), "", 0
        for at in range(0, len(text), size):
            said += back.push(text[at : at + size])
            given_ = at + size
            if "[" not in text[:given_]:
                assert said == text[:given_]
        assert said + back.finish() == vault.restore(text)
