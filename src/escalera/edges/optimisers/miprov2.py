"""MIPROv2 (Opsahl-Ong et al. 2024, arXiv 2406.11695) of DSPy, for instructions without examples.

DSPy writes its own messages to the proposer; the task's model is asked with our prompts, so that
what is measured is what would be served. The proposer is not shown a program, as DSPy would: ours
asks a question and says nothing of the task. Where a question fails, DSPy would score it 0 and go
on: the first failure ends the whole search instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import dspy
from dspy.lm15 import Message, Response, TextPart, Usage
from dspy.utils.exceptions import AdapterParseError

from escalera.domain.dataset import Example
from escalera.edges.optimisers.muting import muted
from escalera.ports import Asking, Graded

T = TypeVar("T")

CANDIDATES = 24
"""Instructions that are proposed, for 1,000 calls and more; fewer for fewer."""

CALLS_PER_CANDIDATE = 40

MINIBATCH, STEPS = 35, 5
"""Items of a trial, and trials between two validations of the best: DSPy's defaults."""

MOST_VALIDATION = 60
"""Items of a validation; at most half of all, and a sixth of the calls."""

SHOWN = 0.1
"""Items that right answers are looked for on and that are summarised, as a share of the calls."""

VIEWED = 10
"""Items of a message that summarises them: DSPy's default."""

THREADS = 8
"""Questions at a time; the engine takes as many at a time as the endpoint can do."""


class MiproV2:
    """The port `Optimiser`, by the package `dspy`."""

    def improve(
        self, prompt: str, items: Sequence[Example], ask: Asking, *, seed: int
    ) -> Sequence[str]:
        """What MIPROv2's validation prefers, if that is another prompt."""
        calls = ask.left()
        count = min(MOST_VALIDATION, len(items) // 2, calls // 6)
        batch = min(MINIBATCH, count)
        candidates = max(3, min(CANDIDATES, calls // CALLS_PER_CANDIDATE))
        shown = min(len(items) - count, int(SHOWN * calls))
        before = shown + shown // VIEWED + 2 + candidates + count
        examples = [_example(place, item) for place, item in enumerate(items)]
        once = _Once(ask)
        model = dspy.LM("proposer", engine=_Engine(once), cache=False)
        with (
            once.ending(),
            muted(),
            dspy.context(lm=model, adapter=_Lenient(), disable_history=True),
        ):
            found = dspy.MIPROv2(
                metric=_score,
                prompt_model=model,
                task_model=model,
                auto=None,
                num_candidates=candidates,
                max_bootstrapped_demos=0,
                max_labeled_demos=0,
                num_threads=THREADS,
                max_errors=0,
                seed=seed + 1,  # 0 would mean DSPy's own
            ).compile(
                _Program(prompt, items, once),
                trainset=examples[count : count + shown],
                valset=examples[:count],
                num_trials=max(STEPS, int((calls - before) / (batch + count / STEPS))),
                minibatch_size=batch,
                minibatch_full_eval_steps=STEPS,
                view_data_batch_size=VIEWED,
                program_aware_proposer=False,
            )
        best = _said(found.asked.signature.instructions)
        return [] if best == prompt else [best]


# Below: private.


class _Once:
    """What is asked, until the first question that fails: then it fails for good."""

    def __init__(self, ask: Asking) -> None:
        self._ask = ask
        self._failed: BaseException | None = None

    def answers(self, text: str, items: Sequence[Example]) -> Sequence[Graded]:
        return self._asked(lambda: self._ask.answers(text, items))

    def write(self, message: str) -> str:
        return self._asked(lambda: self._ask.write(message))

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Whatever DSPy made of it, what failed is raised in the end."""
        try:
            yield
        finally:
            if self._failed is not None:
                raise self._failed

    def _asked(self, ask: Callable[[], T]) -> T:
        if self._failed is not None:
            raise self._failed
        try:
            return ask()
        except BaseException as error:
            self._failed = error
            raise


class _Asked(dspy.Predict):  # type: ignore[misc]
    """A predictor whose instructions DSPy changes, and which asks our way."""

    def __init__(self, prompt: str, items: Sequence[Example], ask: _Once) -> None:
        super().__init__(dspy.Signature("message -> answer", prompt or _NOTHING))
        self._items, self._ask = items, ask

    def __deepcopy__(self, memo: dict[int, Any]) -> _Asked:
        copied = _Asked("", self._items, self._ask)
        copied.signature, copied.demos = self.signature, list(self.demos)
        memo[id(self)] = copied
        return copied

    def forward(self, **given: Any) -> Any:
        item = self._items[given["place"]]
        (said,) = self._ask.answers(_said(self.signature.instructions), [item])
        found = dspy.Prediction(answer=said.said, score=said.score)
        if dspy.settings.trace is not None:  # by which it finds right answers to show the proposer
            dspy.settings.trace.append((self, {"message": item.input}, found))
        return found


class _Program(dspy.Module):  # type: ignore[misc]
    def __init__(self, prompt: str, items: Sequence[Example], ask: _Once) -> None:
        super().__init__()
        self.asked = _Asked(prompt, items, ask)

    def forward(self, **given: Any) -> Any:
        return self.asked(**given)


class _Lenient(dspy.ChatAdapter):  # type: ignore[misc]
    """A reply of the proposer that lacks DSPy's marks is taken whole: it is an instruction, too."""

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        try:
            return dict(super().parse(signature, completion))
        except AdapterParseError:
            (field,) = signature.output_fields
            return {field: _MARK.sub("", completion).strip() or _NOTHING}


class _Engine:
    """DSPy's messages to the proposer, as one text: it is asked like any other."""

    def __init__(self, ask: _Once) -> None:
        self._ask = ask

    def complete(self, request: Any) -> Any:
        system = request.system or ""
        if not isinstance(system, str):
            system = "".join(part.text for part in system)
        said = self._ask.write("\n\n".join([system, *(m.text or "" for m in request.messages)]))
        return Response(
            id=None,
            model="proposer",
            message=Message.assistant([TextPart(said.strip() or _NOTHING)]),
            finish_reason="stop",
            usage=Usage(input_tokens=0, output_tokens=0, total_tokens=0),
        )

    def close(self) -> None:
        """Nothing is held."""


_NOTHING = "(no instructions)"
"""Stands for an empty prompt: a signature without instructions would make up its own."""


_MARK = re.compile(r"\[\[ ## \w+ ## \]\]")


def _said(instructions: str) -> str:
    return "" if instructions == _NOTHING else instructions


def _example(place: int, item: Example) -> Any:
    found = dspy.Example(message=item.input, answer=item.target, place=place)
    return found.with_inputs("message", "place")


def _score(example: Any, found: Any, _trace: object = None) -> float:
    del example
    return 0.0 if found.score is None else float(found.score)
