"""What a Sentence Transformers folder says of pooling."""

from __future__ import annotations

import json

import pytest

from escalera.edges.providers.pooling import takes_first
from escalera.errors import InputError


def said(folder, **modes):
    """Write how the vectors of tokens become one."""
    file = folder / "1_Pooling" / "config.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"word_embedding_dimension": 32, **modes}))
    return folder


def test_the_mean_unless_the_folder_says_the_first_token(tmp_path):
    """A mode that is off says nothing."""
    assert not takes_first(tmp_path)
    assert not takes_first(said(tmp_path, pooling_mode_mean_tokens=True))
    both = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    assert takes_first(said(tmp_path, **both))


@pytest.mark.parametrize(
    "modes",
    [
        {"pooling_mode_max_tokens": True},
        {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True},
    ],
)
def test_another_way_is_refused(tmp_path, modes):
    """The vectors would be others."""
    with pytest.raises(InputError, match=f"asks for {', '.join(sorted(modes))}"):
        takes_first(said(tmp_path, **modes))


def test_a_module_more_is_refused(tmp_path):
    """Those that keep the angle are known."""
    kinds = ["Transformer", "Pooling", "Normalize"]
    file = tmp_path / "modules.json"

    def write():
        modules = [{"type": f"sentence_transformers.models.{kind}"} for kind in kinds]
        file.write_text(json.dumps(modules))

    write()
    assert not takes_first(tmp_path)
    kinds.append("Dense")
    write()
    with pytest.raises(InputError, match="names Dense; known are"):
        takes_first(tmp_path)
