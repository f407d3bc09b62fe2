"""The gateway's own keys stay out of what callers are told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from escalera.apps.gateway import hiding

SECRETS = st.text("abcsk-_0123456789", min_size=8, max_size=20)


@given(st.lists(SECRETS, max_size=4), st.text(max_size=20))
def test_no_secret_is_left(secrets, words):
    """Wherever it stands, also where one begins with another."""
    hide = hiding.of(secrets)
    said = hide(words.join(["", *secrets, "".join(secrets), ""]).encode())
    assert not any(one.encode() in said.replace(hiding.INSTEAD, b"\0") for one in secrets)


def test_ordinary_words_stay():
    """What is too short to be a secret hides nothing."""
    assert hiding.of(["", "none"])(b"none of it") == b"none of it"
    assert hiding.of([])(b"") == b""
