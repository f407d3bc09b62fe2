"""A set of guards over whole texts."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from tests.unit.core.serving.guarding.searching import guard, guards, texts

from escalera.core.serving.guarding.guards import Guard, GuardSet
from escalera.core.serving.guarding.vault import Vault
from escalera.wiring.guards import matching

REDACTING = guards(guard("redact", "personal", "secrets"))
MAIL = "Write to ana@example.com or pay with 4111 1111 1111 1111, ana@example.com."


def test_redaction_can_be_taken_back():
    """The same value has the same placeholder, and the vault knows the way back."""
    vault = Vault()
    seen = guards(guard("redact", "personal")).inspect(MAIL, vault)
    assert seen.text == "Write to [EMAIL_1] or pay with [CREDIT_CARD_1], [EMAIL_1]."
    assert seen.kinds == ("email", "credit_card")
    assert vault.restore(seen.text) == MAIL


def test_blocking_leaves_nothing():
    """Neither a text nor what stood in it: findings have places and kinds only."""
    seen = guards(guard("redact", "email"), guard("block", "credit_card")).inspect(MAIL, Vault())
    assert seen.text == ""
    assert seen.blocked == ("credit_card",)
    assert "ana" not in repr(seen)


def test_a_flag_changes_nothing():
    """It is only told."""
    seen = guards(guard("flag", "email")).inspect(MAIL, Vault())
    assert seen.text == MAIL
    assert [(one.guard, one.start, one.end) for one in seen.findings] == [
        ("flag", 9, 24),
        ("flag", 58, 73),
    ]


def test_what_one_action_finds_hides_nothing_from_another():
    """A URL that is flagged holds a password that is blocked."""
    text = "https://u:secret9@example.com/x"
    seen = guards(guard("flag", "url"), guard("block", "url_password")).inspect(text, Vault())
    assert seen.blocked == ("url_password",)
    assert set(seen.kinds) == {"url", "url_password"}


def test_roles():
    """A guard of some roles looks at their messages only, and at texts of no role."""
    only = guards(guard("block", "email", roles=("tool",)))
    assert not only.inspect(MAIL, Vault(), role="user").blocked
    assert only.inspect(MAIL, Vault(), role="tool").blocked
    assert only.inspect(MAIL, Vault()).blocked


def test_languages():
    """What is in none of the allowed languages is found; what says too little is not."""
    allowed = Guard(name="english", action="block", languages=("en",), roles=("user",))
    told = {"hallo": "de", "hello": "en", "?": ""}
    one = GuardSet([allowed], matching, language=told.__getitem__)
    assert one.active
    assert one.inspect("hallo", Vault(), role="user").blocked == ("language",)
    assert not one.inspect("hello", Vault(), role="user").findings
    assert not one.inspect("?", Vault(), role="user").findings
    assert not one.inspect("hallo", Vault(), role="system").findings


def test_no_guards_find_nothing():
    """And say that they need not be asked."""
    none = guards()
    assert not none.active
    assert none.inspect(MAIL, Vault()).text == MAIL


@settings(deadline=None)
@given(texts())
def test_what_is_redacted_comes_back(text):
    """For any text: restoring gives it back, and nothing of a kind is left that was looked for."""
    vault = Vault([text])
    seen = REDACTING.inspect(text, vault)
    assert vault.restore(seen.text) == text
    places = [(found.start, found.end) for found in seen.findings]
    assert places == sorted(places)
    assert all(end <= start for (_, end), (start, _) in pairwise(places))


@given(texts())
@settings(deadline=None)
def test_a_glance_misses_nothing(text):
    """What it passes has nothing in it, and what it tells is all that inspecting needs."""
    looks = REDACTING.glance(text)
    seen = REDACTING.inspect(text, Vault())
    if looks is None:
        assert (seen.findings, seen.text) == ((), text)
    else:
        assert REDACTING.inspect(text, Vault(), found=looks) == seen


def test_whoever_is_asked_of_whole_texts_is_asked_of_every_one():
    """A topic has no first look: no glance passes by it."""
    told = guards(Guard(name="topic", action="block", tells=lambda text: "cat" in text))
    looks = told.glance("a cat")
    assert looks == {}
    assert told.inspect("a cat", Vault(), found=looks).blocked == ("topic",)
    assert told.inspect("a dog", Vault(), found=told.glance("a dog")).blocked == ()
