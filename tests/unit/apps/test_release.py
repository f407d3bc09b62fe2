"""The version of what is installed."""

from __future__ import annotations

from importlib.metadata import version

from escalera.apps import release


def test_it_is_the_version_of_the_package():
    """As the package index would say it."""
    assert release.version() == version("escalera")
