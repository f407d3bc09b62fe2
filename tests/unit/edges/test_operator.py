"""Who runs this."""

from __future__ import annotations

import os
import pwd
import socket

import pytest

from escalera.edges import operator


def test_it_is_the_user_at_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the machine knows it, whatever variables say."""
    monkeypatch.setenv("USER", "eve")
    monkeypatch.setenv("LOGNAME", "eve")
    user, _, host = operator.name().partition("@")
    assert user == pwd.getpwuid(os.geteuid()).pw_name
    assert host == socket.gethostname()


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in many containers."""
    monkeypatch.setattr(os, "geteuid", lambda: 3_999_999_999)
    assert operator.name().startswith("3999999999@")
