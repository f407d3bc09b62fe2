"""Artifacts that stand for models of a provider, and what is none of its models."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from escalera.domain.hosting import HostedModel
from escalera.domain.left_files import HOSTED_FILE
from escalera.edges.providers.endpoint import Endpoint
from escalera.edges.providers.hosted_models import HostedModels
from escalera.errors import AdapterUnusable, EvidenceMissing

URL = "https://p.example/v1"
MODEL = HostedModel(
    endpoint=URL, base="m", model="ft:m:1", job="j", recipe="r", method="supervised", data="d"
)


def models(folder: Path, base_url: str = f"{URL}/") -> HostedModels:
    endpoint = Endpoint(name="p", base_url=base_url, model="m")
    return HostedModels(endpoint, lambda _: folder, price=None)


def test_the_name_of_a_model(tmp_path: Path) -> None:
    """Read once, where the endpoint is the one that made it."""
    file = tmp_path / HOSTED_FILE
    file.write_bytes(msgspec.json.encode(MODEL))
    asked = models(tmp_path)
    assert asked.name("digest") == "ft:m:1"
    file.unlink()
    assert asked.name("digest") == "ft:m:1"


def test_models_of_another_endpoint(tmp_path: Path) -> None:
    """They answer where they were made, and nowhere else."""
    (tmp_path / HOSTED_FILE).write_bytes(msgspec.json.encode(MODEL))
    with pytest.raises(AdapterUnusable, match=r"'ft:m:1' was finetuned at 'https://p\.example/v1'"):
        models(tmp_path, "https://other.example/v1").name("digest")


def test_what_is_none(tmp_path: Path) -> None:
    """Weights, a broken file, and an artifact that is not there."""
    with pytest.raises(AdapterUnusable, match="made of weights"):
        models(tmp_path).name("digest")
    (tmp_path / HOSTED_FILE).write_text("{")
    with pytest.raises(AdapterUnusable, match="cannot be read"):
        models(tmp_path).name("digest")

    def missing(digest: str) -> Path:
        raise EvidenceMissing(f"{digest} is gone")

    endpoint = Endpoint(name="p", base_url=URL, model="m")
    with pytest.raises(AdapterUnusable, match="gone"):
        HostedModels(endpoint, missing, price=None).name("digest")
