"""`escalera explain`."""

from __future__ import annotations

import re

from escalera.apps.cli.main import run


def test_it_prints_the_verdict_its_reasons_and_what_would_reverse_it(write, climb, capsys):
    """In words, with figures."""
    folder = write(local=True)
    climb(folder, 0.3, 0.97, tuned={"a": 0.97, "b": 0.3})
    assert run(["explain", "-p", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Route over separate models meets every bar")
    assert re.search(r"  - Prompt wording\b.*\bnot enough\b.* 0\.34 \[0\.13, 0\.61\]", shown)
    assert "LoRA on the failing types: regressed" in shown
    assert "What would reverse it\n  - a bar for a above" in shown
