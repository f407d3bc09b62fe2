"""Text to tokens and back without weights, as the loaded model does it."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

from escalera.core.prompts import chat_form
from escalera.domain.message import Message
from escalera.edges.providers import chat_text
from escalera.edges.providers.local_model import LocalModel
from escalera.errors import InputError
from escalera.testing.tiny import tiny_model

pytestmark = pytest.mark.local


def test_the_files_alone_give_the_tokens_of_the_loaded_model(tmp_path: Path) -> None:
    """Every conversation is asked with the same tokens, and read back as it was said."""
    tiny_model(tmp_path)
    model = LocalModel(
        name="tiny", folder=tmp_path, adapters=Path, max_context=None, device="cpu"
    )  # fmt: skip
    found = chat_text.asked("tiny", tmp_path, chat_form.PROBES)
    assert found == [model.prompt(probe) for probe in chat_form.PROBES]
    assert "Größe 42?\nПривет, 你好 🙂" in model.text(found[0])


def test_a_template_that_loses_text_is_refused(tmp_path: Path) -> None:
    """Whoever asks."""
    tiny_model(tmp_path, template="{{ messages[0]['content'] }}")
    with pytest.raises(InputError, match="'tiny' loses a part of a conversation"):
        chat_text.asked("tiny", tmp_path, [[Message(role="user", content="x")]])
