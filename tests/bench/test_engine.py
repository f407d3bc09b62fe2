"""The bench of the engine: what is asked, what is counted, what the page says."""

from __future__ import annotations

import asyncio
import json

import pytest

pytest.importorskip("torch")

from bench.engine import adapters, clients, made, systems, tables
from bench.engine.systems import BATCHING, ESCALERA, NAIVE, SERVE

from escalera.edges.scoring.desk import OPTIONS
from escalera.settings import project_file
from escalera.testing.upstream import Mock, Pace, serving


def rounds(*rates, cpu=1.0, failures=0):
    return [
        {
            "requests_per_second": rate / 10,
            "tokens_per_second": rate,
            "tokens_per_cpu_second": rate * cpu,
            "p50": 1.0,
            "failures": failures,
            "failure": "status 500" if failures else "",
        }
        for rate in rates
    ]


SYSTEMS = {
    ESCALERA: {"1": rounds(10.0), "32": rounds(100.0, 90.0, 400.0)},
    SERVE: {"32": rounds(50.0, 60.0, 70.0)},
    BATCHING: {"32": rounds(80.0)},
    NAIVE: {"32": rounds(10.0, 11.0, 500.0, failures=1)},
}
KINDS = {"none": rounds(120.0), "one": rounds(100.0, 100.0), "sixteen": rounds(40.0, 60.0)}


def test_ratios_are_of_medians_and_only_of_what_was_measured():
    """A round that somebody else disturbed moves nothing."""
    key = "tokens_per_second"
    assert tables.ratio(SYSTEMS, ESCALERA, NAIVE, clients=32, key=key) == pytest.approx(100 / 11)
    assert tables.ratio(SYSTEMS, ESCALERA, NAIVE, clients=1, key=key) is None
    assert tables.ratio({}, ESCALERA, NAIVE, clients=32, key=key) is None


def test_bars_are_read_at_the_most_clients():
    """Each system that was measured, with its own bar."""
    found = [(other, wall == cpu, bar) for other, wall, cpu, bar in tables.bars(SYSTEMS)]
    assert found == [(NAIVE, True, 5.0), (SERVE, True, 1.5), (BATCHING, True, 1.5)]
    assert tables.bars({ESCALERA: SYSTEMS[ESCALERA]}) == []


def test_the_page_says_what_was_reached_and_what_failed():
    """Medians with their range; a failed request is told in the system's words."""
    about = {"rounds": 3, "tokens": 32, "each": 2, "threads": 1, "machine": "A machine"}
    small = {"parameters": 1234, **about, "systems": SYSTEMS, "adapters": KINDS}
    page = tables.page({"models": {"Small": small}})
    assert "## Small: 1,234 parameters" in page
    assert "| Escalera | 32 | 10 (9–40) | 100 (90–400) | 100 (90–400) | 1.00 |" in page
    assert f"| {NAIVE} | 9.09 | 9.09 | 5 | reached |" in page
    assert f"| {BATCHING} | 1.25 | 1.25 | 1.5 | **missed** |" in page
    slow = {**SYSTEMS, ESCALERA: {"32": rounds(100.0, cpu=0.5)}}
    page_of_slow = tables.page({"models": {"Small": {**small, "systems": slow}}})
    assert f"| {NAIVE} | 9.09 | 4.55 | 5 | **missed** |" in page_of_slow
    assert f"{NAIVE}: some requests failed: status 500" in page
    assert (
        "Sixteen cost 2.00 times one (2.00 in processor time); the bar is 1.5: **missed**." in page
    )


def test_questions_are_the_same_for_every_system():
    """They differ from each other, and begin again when all went."""
    once = clients.questions(0, 40)
    assert once == clients.questions(0, 40)
    assert once != clients.questions(1, 40)
    assert len(set(once)) > 30
    every = len(set(clients.questions(0, 10_000)))
    assert every < 10_000


@pytest.mark.network
def test_clients_count_what_came_back():
    """Each question is asked once, by as many as there are clients; an error is told, not timed."""
    with serving(Mock(pace=Pace(tokens=7))) as mock:
        asked = [clients.body("a", question, 7) for question in clients.questions(0, 20)]
        told = asyncio.run(clients.load(mock.url, asked, clients=4)).told()
        assert (told["requests"], told["tokens"], told["failures"]) == (20, 140, 0)
        assert mock.counts["connections"] == 4
        assert [json.loads(body)["temperature"] for _, body in mock.requests] == [0.0] * 20
        mock.fault, mock.times = "status-500", 3
        told = asyncio.run(clients.load(mock.url, asked, clients=1)).told()
        assert (told["requests"], told["failures"]) == (17, 3)
        assert told["failure"]


def test_adapters_are_asked_in_turn():
    """None, the first, or all of them alike often; the questions are the same."""
    names = [f"{place:064x}" for place in range(16)]
    base, one, many = (adapters.asked(kind, names, 32, 8) for kind in adapters.KINDS)
    assert {request.adapter for request in base} == {None}
    assert {request.adapter for request in one} == {names[0]}
    assert sorted(request.adapter for request in many) == sorted(names * 2)
    assert [request.messages for request in one] == [request.messages for request in many]


def test_the_project_that_is_served_is_one(tmp_path):
    """Its file is read without a complaint, and the threads are those that are asked for."""
    (tmp_path / "escalera.toml").write_text(systems.project(tmp_path, 3))
    found = project_file.load(tmp_path / "escalera.toml", scorers=OPTIONS)
    assert found.models["base"].threads == 3


@pytest.mark.local
def test_no_answer_of_the_models_ends_by_itself(tmp_path):
    """Greedy answers are as long as they may be, whatever is asked."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = made.tiny(tmp_path / "tiny")
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for question in clients.questions(0, 3):
        chat = [{"role": "user", "content": question}]
        prompt = tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.inference_mode():
            whole = model.generate(**prompt, max_new_tokens=40, do_sample=False)
        assert whole.shape[1] == prompt["input_ids"].shape[1] + 40
    assert made.count(folder) == 1_598_880
