"""What a notebook shows of a result: HTML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_SIGNS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})
"""As `html.escape`, whose module knows two thousand names of signs besides."""


def escaped(text: str) -> str:
    """*text* as it may stand in HTML."""
    return text.translate(_SIGNS)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with these titles and cells."""
    titles = "".join(f"<th>{escaped(cell)}</th>" for cell in head)
    lines = ("".join(f"<td>{escaped(cell)}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><tr>{titles}</tr>{body}</table>"


def listed(lines: Iterable[str]) -> str:
    """A list with an entry for each line."""
    return f"<ul>{''.join(f'<li>{escaped(line)}</li>' for line in lines)}</ul>"
