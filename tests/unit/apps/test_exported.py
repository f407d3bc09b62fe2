"""Finetuned models as files: written whole and checked, or not there."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'escalera[local]'")

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from escalera.apps import workspace
from escalera.apps.cli.main import run
from escalera.apps.exported import export, scores
from escalera.core.ladder.case import Case
from escalera.core.prompts import chat_form
from escalera.domain.finetuned import Finetuned
from escalera.domain.job import JobOutcome, TypeVerdict
from escalera.domain.levers import Levers, Trainable
from escalera.domain.recipe import Ingredient, TrainingRecipe
from escalera.domain.system import Prompt
from escalera.edges.providers import chat_text
from escalera.errors import EvidenceMissing, InputError
from escalera.testing import playbook
from escalera.testing.playbook import luck, simulate
from escalera.testing.tiny import tiny_adapter, tiny_model

pytestmark = pytest.mark.local

NAME = "ft:base:polite:1"
PROMPT = torch.tensor([[5, 40, 41, 42, 43]])


def record(folder: Path, artifact: Path) -> Finetuned:
    """The journal's word for what lies in *artifact*."""
    made = workspace.load(folder).installation
    part = Ingredient(task="", prompt=Prompt(), examples=3, data="d" * 64)
    event = Finetuned(
        job="ftjob-1",
        name=NAME,
        recipe=TrainingRecipe(
            model="base",
            revision=made.base_model("base").revision,
            ingredients=(part,),
            trainable=Trainable(),
            levers=Levers(),
        ),
        adapter=made.artifacts().put(artifact),
        tasks=("a",),
        files=("file-1",),
        steps=3,
        examples=3,
        outcome=JobOutcome(
            minutes=1.5,
            gate="failed",
            verdicts=(TypeVerdict(task="a", word="regressed", said="a: regressed; it fell"),),
            diagnosis=("overfit: it did",),
            licence="serving it: OK-with-duties",
        ),
    )
    with closing(made.journal()) as journal:
        journal.append([event])
    return event


@pytest.fixture
def project(write, tmp_path: Path) -> Path:
    """A tiny model with an adapter that a job left."""
    folder = write(local=True)
    for file in (folder / "model").iterdir():
        file.unlink()
    tiny_model(folder / "model")
    tiny_adapter(tmp_path / "adapter", folder / "model", seed=3)
    taught = chat_text.asked("base", folder / "model", chat_form.PROBES)
    (tmp_path / "adapter" / "prompt_tokens.json").write_text(json.dumps(taught))
    record(folder, tmp_path / "adapter")
    return folder


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(PROMPT).logits[0]


def base(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_an_adapter_is_what_peft_loads(project: Path, tmp_path: Path) -> None:
    """Byte for byte, with a card and its lineage; every file by its digest."""
    into = tmp_path / "out" / "adapter"
    found = export(workspace.load(project), NAME, "peft", into=into)
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        assert (into / name).read_bytes() == (tmp_path / "adapter" / name).read_bytes()
    served = PeftModel.from_pretrained(base(project), into)
    assert not torch.allclose(logits(served), logits(base(project)))
    lineage = json.loads((into / "lineage.json").read_text())
    assert lineage["artifact"] == found.artifact
    assert lineage["job"]["files"] == ["file-1"]
    assert lineage["job"]["outcome"]["gate"] == "failed"
    assert lineage["journal"]["events"] == 1
    for name, digest in lineage["sha256"].items():
        assert hashlib.sha256((into / name).read_bytes()).hexdigest() == digest
    card = (into / "README.md").read_text()
    assert card.startswith('---\nbase_model: "base"\nbase_model_relation: "adapter"\n')
    for said in ("d" * 64, "a: regressed; it fell", "overfit: it did", "energy unknown"):
        assert said in card
    assert [one.name for one in into.parent.iterdir()] == ["adapter"]


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_a_merged_model_says_what_base_and_adapter_say(project: Path, tmp_path: Path) -> None:
    """Loaded by Transformers alone, with the base's tokenizer beside it."""
    into = tmp_path / "merged"
    found = export(workspace.load(project), NAME[:], "merged", into=into)
    assert "float32" in found.checked
    merged = AutoModelForCausalLM.from_pretrained(into, dtype=torch.float32)
    wanted = logits(PeftModel.from_pretrained(base(project), tmp_path / "adapter"))
    assert torch.allclose(logits(merged), wanted, atol=1e-4)
    turns = [{"role": "user", "content": "Hello"}]
    told = [
        AutoTokenizer.from_pretrained(folder).apply_chat_template(turns, tokenize=False)
        for folder in (into, project / "model")
    ]
    assert told[0] == told[1]
    modes = {file.stat().st_mode for file in into.iterdir()}
    assert len(modes) == 1, "whoever may read one file may read the weights, too"
    assert 'library_name: "transformers"' in (into / "README.md").read_text()


def test_weights_of_the_model_itself_are_no_adapter_and_can_be_merged(
    project: Path, tmp_path: Path
) -> None:
    """What a full training left takes the place of the base's weights."""
    tuned = tmp_path / "tuned"
    tuned.mkdir()
    name = "model.layers.0.mlp.up_proj.weight"
    weight = load_file(project / "model" / "model.safetensors")[name] * 1.5
    save_file({name: weight}, tuned / "tuned_weights.safetensors")
    digest = record(project, tuned).adapter
    opened = workspace.load(project)
    with pytest.raises(InputError, match="no PEFT adapter: export it as `merged`"):
        export(opened, digest[:8], "peft", into=tmp_path / "x")
    export(opened, digest[:8], "merged", into=tmp_path / "y")
    assert torch.equal(load_file(tmp_path / "y" / "model.safetensors")[name], weight)


def test_what_was_taught_other_tokens_is_not_exported(project: Path, tmp_path: Path) -> None:
    """The template of the base was changed since: nothing is written."""
    taught = tmp_path / "adapter" / "prompt_tokens.json"
    taught.write_text(taught.read_text().replace("[[", "[[7, ", 1))
    digest = record(project, tmp_path / "adapter").adapter
    for form in ("peft", "merged"):
        with pytest.raises(InputError, match="taught with other tokens"):
            export(workspace.load(project), digest, form, into=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_base_than_was_finetuned_is_refused(project: Path, tmp_path: Path) -> None:
    """An adapter over other weights is another model."""
    tiny_model(project / "model", seed=9)
    with pytest.raises(InputError, match="other weights now"):
        export(workspace.load(project), NAME, "merged", into=tmp_path / "out")


def test_a_folder_that_holds_something_is_left_alone(project: Path, tmp_path: Path) -> None:
    """Nothing is overwritten."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(InputError, match="holds something"):
        export(workspace.load(project), NAME, "peft", into=tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["mine"]


def test_names_that_mean_nothing_are_told_with_those_that_do(project: Path, tmp_path: Path) -> None:
    """And a project without a journal has none."""
    with pytest.raises(InputError, match=NAME):
        export(workspace.load(project), "ft:base::2", "peft", into=tmp_path / "out")
    (project / ".escalera" / "journal.sqlite").unlink()
    with pytest.raises(EvidenceMissing, match="no journal"):
        export(workspace.load(project), NAME, "peft", into=tmp_path / "out")


CONVERTER = """
import pathlib, sys
model, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[sys.argv.index("--outfile") + 1])
weights = (model / "model.safetensors").read_bytes()
out.write_bytes({magic} + weights[:64])
"""


def test_a_state_of_a_job_is_told_from_a_name_that_means_nothing(
    project: Path, tmp_path: Path
) -> None:
    """It is listed and answers, so its name is no mistake."""
    with pytest.raises(InputError, match="which is asked and not exported: there are"):
        export(workspace.load(project), f"{NAME}:ckpt-step-3", "peft", into=tmp_path / "out")


def test_gguf_is_made_by_the_converter_that_is_named(project: Path, tmp_path: Path, capsys) -> None:
    """From the merged model, which was checked before; nothing but the file, card and lineage."""
    script = tmp_path / "convert.py"
    script.write_text(CONVERTER.format(magic='b"GGUF"'))
    into = tmp_path / "out"
    command = ["model", "export", NAME, "--as", "gguf", "--into", str(into), "-p", str(project)]
    assert run([*command, "--converter", str(script)]) == 0
    assert "was not asked anything" in capsys.readouterr().out
    assert sorted(file.name for file in into.iterdir()) == [
        "README.md",
        "lineage.json",
        "model.gguf",
    ]


def test_a_converter_that_is_missing_or_fails_leaves_nothing(project: Path, tmp_path: Path) -> None:
    """With what it said."""
    opened, into = workspace.load(project), tmp_path / "out"
    with pytest.raises(InputError, match="Escalera brings none"):
        export(opened, NAME, "gguf", into=into, converter=str(tmp_path / "none.py"))
    script = tmp_path / "convert.py"
    script.write_text("import sys; sys.exit('BPE pre-tokenizer was not recognized')")
    with pytest.raises(InputError, match="was not recognized"):
        export(opened, NAME, "gguf", into=into, converter=str(script))
    script.write_text(CONVERTER.format(magic='b"ELF!"'))
    with pytest.raises(InputError, match="no GGUF"):
        export(opened, NAME, "gguf", into=into, converter=str(script))
    assert not into.exists()
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".out")]


def test_what_a_climb_proved_of_an_artifact_is_told_by_query_type() -> None:
    """Of the types that it answers, with interval, items and bar; nothing before the climb ended,
    for another project, or of what nobody confirmed."""
    project = playbook.project(playbook.task("a"), playbook.task("b"))

    def answers(system: Any, item: Any) -> float:
        poor = {"a": 0.3, "b": 0.97} if system.adapter is None else {"a": 0.97, "b": 0.97}
        return float(luck(item) < poor[item.task])

    climbed = simulate(project, answers)
    route = climbed.evidence.nominee("lora")
    assert route is not None
    (adapter,) = route.adapters()
    told = scores(Case(project=project, evidence=climbed.evidence), adapter)
    assert [re.sub(r"\d+", "9", one).partition(" fresh")[0] for one in told] == [
        f"{task}: 9.9 [9.9, 9.9] of 9" for task in "ab"
    ]
    bar = f"bar {project.tasks[0].bar:.2f}, with the prompt of the rung LoRA"
    assert all(bar in one for one in told)
    assert scores(Case(project=project, evidence=climbed.evidence), "other") == ()
    other = playbook.project(playbook.task("a"))
    assert scores(Case(project=other, evidence=climbed.evidence), adapter) == ()
