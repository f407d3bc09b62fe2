"""The language of a text."""

from __future__ import annotations

import pytest

from escalera.edges.data import languages


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Where is the parcel that I ordered from you last week?", "en"),
        ("¿Dónde está el paquete que les pedí la semana pasada?", "es"),
        ("Wo ist das Paket, das ich letzte Woche bei Ihnen bestellt habe?", "de"),
        ("我上周订购的包裹在哪里？请尽快告诉我，谢谢你们。", "zh"),
        ("ok", ""),
        ("17 / 42 !!", ""),
    ],
)
def test_languages_are_told_by_their_code(text, code):
    """What is too short says nothing."""
    assert languages.language(text) == code
