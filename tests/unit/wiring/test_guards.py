"""Guards of a project file, with their engines."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from escalera.core.serving.guarding.vault import Vault
from escalera.errors import MissingExtra, ProjectError
from escalera.settings.guard_table import GuardTable
from escalera.wiring import guards


def tables(**given):
    return msgspec.convert(given, dict[str, GuardTable])


def test_a_set_of_each_side(tmp_path):
    """Kinds and words together."""
    told = tables(
        data={"action": "redact", "kinds": ["email"]},
        topic={"action": "block", "words": ["zebra"], "side": "input"},
    )
    sent = guards.guard_set(tmp_path / "escalera.toml", told, "input")
    assert sent.inspect("a Zebra", Vault()).blocked == ("topic",)
    got = guards.guard_set(tmp_path / "escalera.toml", told, "output")
    assert got.inspect("a Zebra, bob@x.example", Vault()).text == "a Zebra, [EMAIL_1]"


def test_expressions_of_users(tmp_path):
    """Run in linear time; what cannot be searched for is told with its key."""
    pytest.importorskip("re2")
    file = tmp_path / "escalera.toml"
    own = tables(own={"action": "redact", "patterns": [r"(?i)ticket-\d{4,}"]})
    found = guards.guard_set(file, own, "input").inspect("see TICKET-12345.", Vault())
    assert found.text == "see [OWN_1]."
    for broken in ("(?=x)", "a)|(b", "a)(?:b"):
        wrong = tables(own={"action": "flag", "patterns": [broken]})
        with pytest.raises(ProjectError, match=r"gateway\.guards\.own: .*RE2") as told:
            guards.guard_set(file, wrong, "input")
        assert repr(broken) in str(told.value)


def test_languages(tmp_path):
    """By the library of the extra `data`."""
    pytest.importorskip("py3langid")
    told = tables(lang={"action": "block", "languages": ["en"], "side": "input", "roles": ["user"]})
    one = guards.guard_set(tmp_path / "escalera.toml", told, "input")
    german = "Guten Morgen, ich möchte gern wissen, wann mein Paket ankommt."
    assert one.inspect(german, Vault(), role="user").blocked == ("language",)
    assert not one.inspect("Good morning, when will my parcel arrive?", Vault(), role="user").kinds


def test_what_asks_the_outside(tmp_path):
    """A function beside the project file."""
    (tmp_path / "own.py").write_text("def find(text):\n    return 'zebra' in text\n")
    told = tables(
        own={"action": "block", "function": "own.py:find"},
        data={"action": "redact", "kinds": ["email"]},
    )
    ((name, table, asked),) = guards.filters(tmp_path / "escalera.toml", told)

    async def ask():
        found = await asked.spans("a zebra", side="input", role="user")
        await asked.close()
        return found

    assert (name, table) == ("own", told["own"])
    assert asyncio.run(ask()) == [(0, 7)]


def test_a_function_that_is_not_there(tmp_path):
    """Is told before the gateway starts."""
    told = tables(own={"action": "block", "function": "own.py:find"})
    with pytest.raises(ProjectError, match=r"guards\.own\.function: .*cannot be read"):
        guards.filters(tmp_path / "escalera.toml", told)


def test_presidio(tmp_path):
    """An entity that it does not know is an error of its key; without it the extra is named."""
    told = tables(p={"action": "flag", "presidio": ["PERSON"]})
    with pytest.raises((ProjectError, MissingExtra), match=r"PERSON|escalera\[presidio\]"):
        guards.filters(tmp_path / "escalera.toml", told)


def test_a_topic(tmp_path):
    """Is learned from messages of it and of others; too few, or no file, are told."""
    doctor = ["my knee hurts", "I have a headache", "what helps against fever", "my back hurts"]
    shop = ["where is my parcel", "I want my money back", "is the shoe in stock", "cancel my order"]
    (tmp_path / "topic.txt").write_text("\n".join(doctor * 3))
    (tmp_path / "others.txt").write_text("\n".join(shop * 3))
    (tmp_path / "few.txt").write_text("one\n\n")
    file = tmp_path / "escalera.toml"

    def told(topic):
        return tables(
            medical={
                "action": "block",
                "side": "input",
                "topic": topic,
                "others": "others.txt",
                "roles": ["user"],
            }
        )

    one = guards.guard_set(file, told("topic.txt"), "input")
    assert one.inspect("my head hurts and I have fever", Vault(), role="user").blocked == ("topic",)
    assert not one.inspect("cancel the parcel, I want my money", Vault(), role="user").findings
    assert not one.inspect("my head hurts", Vault(), role="system").findings
    assert not guards.guard_set(file, told("nowhere.txt"), "output").active
    with pytest.raises(ProjectError, match=r"'few.txt' has 1 messages"):
        guards.guard_set(file, told("few.txt"), "input")
    with pytest.raises(ProjectError, match=r"medical\.topic: 'nowhere.txt' cannot be read"):
        guards.guard_set(file, told("nowhere.txt"), "input")
