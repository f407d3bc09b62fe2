"""What is to be trained is in the model, or it is told before anything is bought."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from tests.unit.wiring.echo_project import EXAMPLE, installed

from escalera import wiring
from escalera.apps import doctor
from escalera.errors import ProjectError
from escalera.wiring import Installation, training


def project(folder: Path, weights: str, *, rungs: str = '"prompt", "lora"') -> Installation:
    """With a model that has all but its weights."""
    model = folder / "model"
    if not model.exists():
        shutil.copytree(EXAMPLE, model, ignore=shutil.ignore_patterns("*.safetensors"))
        (model / "model.safetensors").write_bytes(b"")
    tables = '[models.base]\npath = "model"\n'
    more = f"[training.weights]\n{weights}\n"
    return installed(folder, tables, climb=f"rungs = [{rungs}]", more=more)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ('targets = ["q_proj", "w_pack"]', r"no modules named \['w_pack'\]"),
        ('tokens = ["two words"]', "tokens of this model, and only the embedding of a single"),
        ('method = "partial"\nlayers = ["layers.99."]', r"no weight .* matches \['layers\.99\.'\]"),
        ('method = "partial"\nshare = 1e-6', "does not hold a single matrix"),
    ],
)
def test_what_the_model_lacks_is_told_before_anything_is_bought(
    tmp_path: Path, weights: str, words: str
) -> None:
    """With the key, by the doctor too; nothing of it where nothing is trained."""
    made = project(tmp_path, weights)
    with pytest.raises(ProjectError, match=words) as caught:
        made.ports(None)  # type: ignore[arg-type]
    assert caught.value.key == "training.weights"
    told = [one.words for one in doctor.examine(made).findings if not one.passed]
    assert str(caught.value) in told
    training.require_levers(project(tmp_path, weights, rungs='"prompt"'))


def test_distributions_of_another_vocabulary_are_refused_before_anything_is_bought(
    tmp_path: Path,
) -> None:
    """One word more is another vocabulary; the same model by another name has the same."""
    other = tmp_path / "other"
    shutil.copytree(EXAMPLE, other)
    tables = '[models.base]\npath = "model"\n[models.large]\npath = "other"\n'
    shutil.copytree(EXAMPLE, tmp_path / "model")
    made = installed(
        tmp_path,
        tables,
        climb='rungs = ["prompt", "lora"]',
        more='[training]\nobjective = "distillation"\n[training.softened]\nmodel = "large"\n',
    )
    training.require_levers(made)
    file = other / "tokenizer.json"
    words = json.loads(file.read_text())
    words["model"]["vocab"]["word-more"] = len(words["model"]["vocab"])
    file.write_text(json.dumps(words))
    with pytest.raises(ProjectError, match="'large' has another vocabulary than 'base'") as caught:
        training.require_levers(made)
    assert caught.value.key == "training.softened"


def test_a_template_that_cannot_be_taught_is_told_by_the_doctor(tmp_path: Path) -> None:
    """Before the rungs that prompt are bought; where nothing is trained, it may be as it is."""
    made = project(tmp_path, "rank = 4")
    training.require_told(made)
    template = tmp_path / "model" / "chat_template.jinja"
    asks = "{% if add_generation_prompt %}"
    told = template.read_text()
    assert asks in told
    template.write_text(told.replace(asks, asks + "thinking:"))
    told_by = [one.words for one in doctor.examine(made).findings if not one.passed]
    assert any("models.base: cannot be trained" in one for one in told_by)
    training.require_told(project(tmp_path, "rank = 4", rungs='"prompt"'))


def test_what_is_too_long_is_told_by_the_doctor(tmp_path: Path) -> None:
    """A conversation beyond the context, and a target beyond the longest answer."""
    made = project(tmp_path, "rank = 4")
    assert training.misfits(made) == []
    row = {"id": "long", "split": "train", "input": "word " * 2100, "target": "1 2 3 " * 60}
    with (tmp_path / "echo.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n" + json.dumps(row))
    made = wiring.install(made.file)
    context, answer = training.misfits(made)
    assert re.match(r"echo: a train item has \d+ tokens .* context of base holds 2048", context)
    assert re.match(r"echo: a target has \d+ tokens, .* cut at max_tokens = 256: raise", answer)
    told = [one.words for one in doctor.examine(made).findings if not one.passed]
    assert {context, answer} <= set(told)
    assert training.misfits(project(tmp_path, "rank = 4", rungs='"prompt"')) == []


@pytest.mark.parametrize(
    "weights",
    [
        'targets = ["q_proj"]',
        'method = "partial"\nlayers = ["layers.0."]',
        'method = "partial"\nshare = 0.5',
        "rank = 4",
    ],
)
def test_what_the_model_has_needs_no_weights_to_be_read(tmp_path: Path, weights: str) -> None:
    """There are none here."""
    training.require_levers(project(tmp_path, weights))


ALL = '"prompt", "lora", "merge"'


def experts(made: Installation) -> Installation:
    """*made* with a model that says that it is a mixture of experts."""
    file = made.file.parent / "model" / "config.json"
    said = json.loads(file.read_text()) | {"num_local_experts": 4}
    file.write_text(json.dumps(said))
    return made


def test_adapters_of_experts_that_would_have_to_be_merged_are_refused(tmp_path: Path) -> None:
    """Before every specialist is trained, by the doctor too: that is when it came to light."""
    made = experts(project(tmp_path, "rank = 4", rungs=ALL))
    with pytest.raises(ProjectError, match=r"climb\.rungs: has 'merge', .* mixture of experts"):
        made.ports(None)  # type: ignore[arg-type]
    told = [one.words for one in doctor.examine(made).findings if not one.passed]
    assert any("mixture of experts" in words for words in told)


@pytest.mark.parametrize(
    ("weights", "rungs"),
    [
        ("rank = 4", '"prompt", "lora"'),
        ('targets = ["q_proj"]', ALL),
        ('method = "partial"\nshare = 0.5', ALL),
        ('method = "dora"', ALL),
    ],
)
def test_what_needs_no_merge_of_experts_is_let_be(tmp_path: Path, weights: str, rungs: str) -> None:
    """No such rung, other layers, weights themselves, or a rung that is left out anyway."""
    training.require_mergeable(experts(project(tmp_path, weights, rungs=rungs)))


def test_a_model_without_experts_is_merged(tmp_path: Path) -> None:
    """Like the example's."""
    training.require_mergeable(project(tmp_path, "rank = 4", rungs=ALL))
