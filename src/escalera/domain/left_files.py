"""Names of files that one part of Escalera leaves, and another looks for without knowing it."""

from __future__ import annotations

HOSTED_FILE = "hosted_model.json"
"""In an artifact's folder: it stands for a model that a provider finetuned, without its weights."""
