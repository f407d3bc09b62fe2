"""Results of promptfoo (`promptfoo eval -o results.json`).

promptfoo knows items by their position, which changes when a test is added. Here an item is known
by the `id` in its metadata or variables, or else by a digest of its variables and assertions.
Written against promptfoo 0.121.20, results version 3.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from escalera.domain.scores import ScoreTable
from escalera.edges.scores import documents
from escalera.edges.scores.documents import amount, count, entries, mapping, micro_dollars, text
from escalera.edges.scores.gathering import Answer, Gathering
from escalera.edges.scores.scale import Mark, Unscored, cut, mark

TASK = "promptfoo"
ERROR = 2
"""The `failureReason` of a call that failed; 1 is a failed assertion."""
LONGEST_LABEL = 60

_ASKING = (
    *("similar", "classifier", "webhook", "factuality", "model-graded", "select-best"),
    *("answer-relevance", "context-"),
)
"""Beginnings of the assertions that ask somebody, and do not mark it where nobody answered."""
_UNHEARD = re.compile(
    r"(\w+ )?API (call |response )?error\b|Webhook error: |Could not perform remote grading"
    r"|Unknown error fetching |(No output|No embedding|Embedding not found)$|.{0,60}\btimed out\b"
)
"""How the reason of such an assertion begins when it was not answered."""
_THREW = ("Custom function threw error", "Python code execution failed", "Ruby code execution")

_START = re.compile(rb'\A\s*\{\s*"(evalId|results)"\s*:')

Result = tuple[str, Mapping[str, Any]]


def recognises(path: Path) -> bool:
    """A JSON document that begins as promptfoo's does."""
    start = documents.head(path)
    found = _START.match(start)
    return found is not None and (found[1] == b"evalId" or b'"prompts"' in start)


def read(path: Path) -> ScoreTable:
    """One row per provider, prompt, test and repeat, with promptfoo's weighted score.

    `system` is the provider's label or id, and the prompt's label where there are several prompts.
    A call that failed, or whose grader failed, is unscored. Costs of 0 are unknown ones. Where an
    assertion's own code failed, promptfoo's 0 stands, for it may be the answer that it cannot
    read; that is noted.
    """
    gathering = Gathering(path)
    whole = mapping(documents.document(path))
    results = _results(gathering, whole)
    systems = _systems(gathering, results)
    seen: Counter[tuple[str, str]] = Counter()
    most = count(mapping(whole.get("runtimeOptions")).get("repeat"))
    for place, result in results:
        system, item = systems[_column(result)], _item(result)
        repeat = seen[system, item]
        seen[system, item] += 1
        if most is not None and repeat >= most:
            problem = f"the item {item!r} stands there more than {most} times for {system!r}"
            remedy = "Give every test its own `metadata.id`"
            raise gathering.error(place, problem, remedy)
        answer = _answer(result, system=system, item=item, repeat=repeat)
        gathering.add(answer, task=TASK, mark=_mark(result), place=place)
    if threw := sum(any(map(_threw, _graded(result))) for _, result in results):
        gathering.note(
            f"the code of an assertion failed on {threw} answers, which count as promptfoo scored "
            "them: if it is the code that is wrong, mend it and score them again"
        )
    version = text(mapping(whole.get("metadata")).get("promptfooVersion"))
    return gathering.table(f"promptfoo {version} results {path.name}".replace("  ", " "))


# Below: private.


def _results(gathering: Gathering, whole: Mapping[str, Any]) -> list[Result]:
    """The results in the order of prompts and tests: they are written as they ended."""
    listed = mapping(whole.get("results")).get("results")
    if not isinstance(listed, list):
        remedy = "Export with `promptfoo eval -o results.json`"
        raise gathering.error("", "holds no list `results.results`", remedy)
    numbered = [(f"result {n}", mapping(result)) for n, result in enumerate(listed, start=1)]

    return sorted(
        numbered, key=lambda entry: (_column(entry[1]), count(entry[1].get("testIdx")) or 0)
    )


def _column(result: Mapping[str, Any]) -> int:
    """What tells a provider with a prompt from the others of the file."""
    return count(result.get("promptIdx")) or 0


def _systems(gathering: Gathering, results: list[Result]) -> dict[int, str]:
    """The name of each provider with its prompt; the prompt only where there are several."""
    several = len({_prompt(result) for _, result in results}) > 1
    systems: dict[int, str] = {}
    for place, result in results:
        name = _provider(result)
        if not name or count(result.get("promptIdx")) is None:
            problem = "names no provider, or no `promptIdx`"
            raise gathering.error(place, problem, "Export the results again")
        if several:
            name = f"{name} | {_prompt(result)}"
        systems.setdefault(_column(result), name)
    names = list(systems.values())
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        problem = f"two providers or prompts are both called {twice[0]!r}"
        raise gathering.error("", problem, "Give each its own `label`")
    return systems


def _provider(result: Mapping[str, Any]) -> str:
    provider = result.get("provider")
    said = mapping(provider)
    return text(provider) or text(said.get("label")) or text(said.get("id"))


def _prompt(result: Mapping[str, Any]) -> str:
    label = text(mapping(result.get("prompt")).get("label"))
    if len(label) <= LONGEST_LABEL:
        return label or str(result.get("promptIdx"))
    return f"{cut(label, LONGEST_LABEL)} {_digest(label)}"


def _item(result: Mapping[str, Any]) -> str:
    case = mapping(result.get("testCase"))
    variables = mapping(case.get("vars")) or mapping(result.get("vars"))
    named = text(mapping(case.get("metadata")).get("id")) or text(variables.get("id"))
    if named:
        return named
    return _digest([variables, case.get("assert"), case.get("description")])


def _digest(value: Any) -> str:
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(canonical).hexdigest()[:16]


def _mark(result: Mapping[str, Any]) -> Mark:
    error = text(result.get("error"))
    response = mapping(result.get("response"))
    if result.get("failureReason") == ERROR or response.get("error"):
        return Unscored(f"error: {cut(error or text(response.get('error')) or 'unknown')}")
    for part in _graded(result):
        if mapping(part.get("metadata")).get("graderError") or _unheard(part):
            return Unscored(f"grader error: {cut(text(part.get('reason')) or 'unknown')}")
    return mark(result.get("score"))


def _graded(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What was said of the whole answer, then by each assertion."""
    grading = mapping(result.get("gradingResult"))
    return [grading, *map(mapping, entries(grading.get("componentResults")))]


def _unheard(part: Mapping[str, Any]) -> bool:
    """Whether a judge or a service that an assertion asked did not answer."""
    kind = text(mapping(part.get("assertion")).get("type")).removeprefix("not-")
    asked = kind.startswith(_ASKING) and part.get("pass") is False
    return asked and _UNHEARD.match(text(part.get("reason"))) is not None


def _threw(part: Mapping[str, Any]) -> bool:
    return part.get("pass") is False and text(part.get("reason")).startswith(_THREW)


def _answer(result: Mapping[str, Any], *, system: str, item: str, repeat: int) -> Answer:
    case = mapping(result.get("testCase"))
    response = mapping(result.get("response"))
    usage = mapping(response.get("tokenUsage"))
    metadata, variables = mapping(case.get("metadata")), mapping(case.get("vars"))
    latency = None if response.get("cached") else amount(response.get("latencyMs"))
    return Answer(
        system=system,
        item=item,
        cluster=text(metadata.get("cluster")) or text(variables.get("cluster")),
        repeat=repeat,
        prompt_tokens=count(usage.get("prompt")),
        completion_tokens=count(usage.get("completion")),
        micro_dollars=micro_dollars(amount(result.get("cost")) or None),
        seconds=None if latency is None else latency / 1000,
    )
