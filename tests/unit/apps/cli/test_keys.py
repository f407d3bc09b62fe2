"""`escalera keys`: what is printed, and what cannot be asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from escalera.apps import issued
from escalera.apps.cli.main import run
from escalera.core.serving import keys

PROJECT = """
[project]
name = "p"

[models.m]
base_url = "https://example.org/v1"
model = "m"

[climb]
model = "m"

[tasks.t]
data = "t.jsonl"
scorer = "exact"
bar = 0.5
"""


@pytest.fixture
def project(tmp_path: Path) -> str:
    """A project whose data are not even there: keys do not need them."""
    (tmp_path / "escalera.toml").write_text(PROJECT)
    return str(tmp_path)


def said(capsys: pytest.CaptureFixture[str], project: str, *words: str) -> str:
    assert run(["keys", *words, "-p", project]) == 0
    return capsys.readouterr().out


def test_the_secret_alone_is_printed(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    """So that it can be piped to where it belongs; it opens the key that was made."""
    assert run(["keys", "create", "shop", "-p", project]) == 0
    captured = capsys.readouterr()
    secret = captured.out.strip()
    assert secret.startswith("esk-")
    assert len(secret) == 47
    key, _, _ = issued.of(Path(project)).one("shop")
    assert key.digest == keys.digest(secret)
    assert "the only time that its secret is shown" in captured.err
    assert secret not in captured.err


def test_a_key_is_made_as_it_is_asked_for(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every option."""
    said(capsys, project, "account", "team", "--money", "100", "--window", "month")
    words = ["--account", "team", "--models", "a", "--models", "b", "--money", "$2.50"]
    words += ["--window", "day", "--requests-per-minute", "60", "--tokens-per-minute", "9000"]
    words += ["--expires", "2100-01-31"]
    made = json.loads(said(capsys, project, "create", "shop", *words, "--json"))
    assert set(made) == {"id", "name", "secret"}
    found = json.loads(said(capsys, project, "show", "shop", "--json"))
    assert {name: found[name] for name in ("account", "models", "micro_dollars", "window")} == {
        "account": "team",
        "models": ["a", "b"],
        "micro_dollars": 2_500_000,
        "window": "day",
    }
    assert (found["requests_per_minute"], found["tokens_per_minute"]) == (60, 9000)
    assert found["expires"] == "2100-01-31T00:00:00+00:00"
    assert [one["holder"] for one in found["money"]] == [f"key:{made['id']}", "account:team"]
    shown = said(capsys, project, "show", made["id"])
    assert "60 calls, 9000 tokens" in shown
    assert "$0 spent, $0 held by workers or lost with them, of $2.5\n" in shown
    assert "account:team" in shown


def test_keys_are_rotated_revoked_and_listed(
    project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """By their names; a revoked one stays in the list."""
    first = said(capsys, project, "create", "shop").strip()
    said(capsys, project, "create", "other")
    second = said(capsys, project, "rotate", "shop", "--overlap", "30m").strip()
    assert first != second
    listed = said(capsys, project, "list")
    assert "rotating" in listed
    assert "is revoked since 20" in said(capsys, project, "revoke", "other")
    documents = json.loads(said(capsys, project, "list", "--json"))["keys"]
    assert [one["name"] for one in documents] == ["shop", "other"]
    assert documents[0]["earlier_secret_until"] is not None
    assert documents[1]["revoked"] is not None
    assert first not in listed + json.dumps(documents)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--money", "much"], "'much' is no number of dollars"),
        (["--money", "nan"], "is no number of dollars"),
        (["--money", "0"], "give dollars above 0"),
        (["--money", "0.0000001"], "at most six decimals"),
        (["--window", "day"], "give one"),
        (["--expires", "soon"], "'soon' is no time"),
        (["--expires", "1999-01-01"], "would have expired before it is made"),
    ],
)
def test_what_makes_no_sense_is_refused(
    project: str, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    """And no key is made."""
    assert run(["keys", "create", "shop", *words, "-p", project]) == 2
    assert message in capsys.readouterr().err
    assert issued.of(Path(project)).all() == ()


def test_a_length_of_time_is_a_number_with_a_unit(
    project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """From now on, for the end of a key as for that of a secret."""
    said(capsys, project, "create", "shop", "--expires", "90d")
    key, _, _ = issued.of(Path(project)).one("shop")
    assert key.expires is not None
    assert round(key.expires - key.created) in range(90 * 86_400 - 5, 90 * 86_400 + 6)
    assert run(["keys", "rotate", "shop", "--overlap", "a day", "-p", project]) == 2
    assert "'a day' is no length of time" in capsys.readouterr().err


def test_names_in_a_list_are_told_how_to_be_given(
    project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key for the one model 'a,b' could ask nothing."""
    assert run(["keys", "create", "shop", "--models", "a, b", "-p", project]) == 2
    assert "give each its own: --models a --models b" in capsys.readouterr().err
    assert issued.of(Path(project)).all() == ()
