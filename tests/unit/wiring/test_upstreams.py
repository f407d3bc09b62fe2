"""From tables of the project file to upstreams that carry the right key to the right host."""

from __future__ import annotations

import pytest

from escalera.edges.http.target import Limits
from escalera.errors import InputError, ProjectError
from escalera.settings.tables import ModelTable
from escalera.wiring import upstreams


def remote(base_url="https://host/v1", **rest):
    return ModelTable(base_url=base_url, model="m", **rest)


def test_an_upstream_for_every_endpoint(tmp_path, monkeypatch):
    """Local models have none; each has its own host, key and limits."""
    monkeypatch.setenv("A_KEY", "secret-a")
    tables = {
        "a": remote("https://a.example:1/v1", api_key_env="A_KEY"),
        "b": remote("http://127.0.0.1:2/v1/"),
        "here": ModelTable(path="model"),
    }
    found = upstreams.of(
        tmp_path / "escalera.toml", tables, lambda name: Limits(idle=7.0 if name == "a" else 8.0)
    )
    assert set(found) == {"a", "b"}
    heads = {name: found[name]._target.head("/chat/completions", 0, ()) for name in found}
    assert b"POST /v1/chat/completions " in heads["a"]
    assert b"\r\nHost: a.example:1\r\n" in heads["a"]
    assert b"\r\nAuthorization: Bearer secret-a\r\n" in heads["a"]
    assert b"\r\nContent-Type: application/json\r\n" in heads["b"]
    assert b"Authorization" not in heads["b"]
    assert [found[name]._limits.idle for name in ("a", "b")] == [7.0, 8.0]
    assert "secret-a" not in repr(found["a"])


def test_one_store_of_certificates_is_enough(tmp_path):
    """Endpoints that trust the same authorities share them; plain http needs none."""
    tables = {"a": remote(), "b": remote("https://other"), "c": remote("http://127.0.0.1:1")}
    found = upstreams.of(tmp_path / "escalera.toml", tables)
    assert found["a"]._target.tls is found["b"]._target.tls is not None
    assert found["c"]._target.tls is None


def test_a_file_of_certificates_lies_beside_the_project_file(tmp_path):
    """One that is not there or holds none is told by its path."""
    for content in (None, "no certificate"):
        if content:
            (tmp_path / "own.pem").write_text(content)
        with pytest.raises(InputError, match=r"ca_file.*own\.pem"):
            upstreams.of(tmp_path / "escalera.toml", {"a": remote(ca_file="own.pem")})


def test_a_key_that_is_not_set(tmp_path, monkeypatch):
    """The variable and who names it are told."""
    monkeypatch.delenv("A_KEY", raising=False)
    with pytest.raises(ProjectError, match="A_KEY: is not set"):
        upstreams.of(tmp_path / "escalera.toml", {"a": remote(api_key_env="A_KEY")})
