"""Reading prompt files: every problem before anything is spent."""

from __future__ import annotations

import pytest

from escalera.domain.dataset import Example
from escalera.domain.message import Message
from escalera.domain.system import Prompt
from escalera.errors import ProjectError
from escalera.settings import prompt_file

ITEM = Example(
    id="a/1", task="a", split="train", input="in", target="x", cluster="c",
    fields=(("tier", '"gold"'),),
)  # fmt: skip
WHOLE = """
inputs = ["input", "tier"]
marker = " Answer: "

[[messages]]
role = "system"
content = "A {{ tier }} customer writes."

[[messages]]
role = "user"
content = "Hello."

[[messages]]
role = "assistant"
content = "How can I help?"

[[messages]]
role = "user"
content = "{{ input }}"
"""


def load(folder, text, *items):
    file = folder / "careful.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    project = folder / "escalera.toml"
    return prompt_file.load(file, task="a", project=project, examples=items or (ITEM,))


def test_a_file_is_a_conversation_of_templates(tmp_path):
    """System, fixed turns and the frame of the message, under the name of the file."""
    found = load(tmp_path, WHOLE)
    assert found.name == "careful"
    assert found.prompt == Prompt(
        system="A {{ tier }} customer writes.",
        turns=(
            Message(role="user", content="Hello."),
            Message(role="assistant", content="How can I help?"),
        ),
        template="{{ input }}",
        marker="Answer:",
    )


def test_a_user_message_is_enough(tmp_path):
    """And only the input may be used where nothing is declared."""
    found = load(tmp_path, '[[messages]]\nrole = "user"\ncontent = "> {{ input }}"')
    assert found.prompt == Prompt(template="> {{ input }}")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[[messages]]", "[[message]]", "is not a prompt"),
        ('role = "user"', 'role = "tool"', "is not a prompt"),
        ("inputs =", "inputs", "is not a prompt"),
        ('marker = " Answer: "', "marker = 3", "is not a prompt"),
        ('"{{ input }}"', '"{{ input }"', "is no template"),
        ('"{{ input }}"', '"{{ input }} {{ city }}"', "uses 'city', which is not in `inputs`"),
        ('"{{ input }}"', '"Help {{ tier }}."', "does not use `input`"),
        ('["input", "tier"]', '["input"]', "uses 'tier', which is not in `inputs`"),
        (
            '["input", "tier"]',
            '["input", "tier", "city"]',
            "needs the field 'city', which the item 'a/1' does not have",
        ),
        ('role = "assistant"', 'role = "system"', "stands below others"),
    ],
)
def test_what_is_wrong_is_told(tmp_path, old, new, said):
    """With the file, the key and a remedy."""
    with pytest.raises(ProjectError) as caught:
        load(tmp_path, WHOLE.replace(old, new))
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'careful.toml'}: ")


@pytest.mark.parametrize("text", ["messages = []", WHOLE.rpartition("[[messages]]")[0]])
def test_the_last_message_is_the_users(tmp_path, text):
    """There would be nothing to answer."""
    with pytest.raises(ProjectError, match="It must be the user's"):
        load(tmp_path, text)


def test_every_item_is_looked_at(tmp_path):
    """The last one may lack what the first one has."""
    bare = Example(id="a/2", task="a", split="confirm", input="in", target="x", cluster="c")
    with pytest.raises(ProjectError, match="the item 'a/2' does not have"):
        load(tmp_path, WHOLE, ITEM, bare)


def test_bytes_that_are_no_text_are_told(tmp_path):
    """And a file that has no end is not read to it."""
    with pytest.raises(ProjectError, match="is not a prompt"):
        load(tmp_path, b"\xff\xfe")
    with pytest.raises(ProjectError, match="is longer than"):
        load(tmp_path, b"#" * (prompt_file.LARGEST + 1))


def test_a_missing_file_is_told_by_the_projects_key(tmp_path):
    """It is the project file that names it."""
    with pytest.raises(ProjectError, match=r"tasks\.a\.prompt\.files: names the file"):
        prompt_file.load(
            tmp_path / "none.toml", task="a", project=tmp_path / "escalera.toml", examples=()
        )
