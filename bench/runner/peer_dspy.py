"""The job with DSPy's Evaluate: python peer_dspy.py ITEMS URL IN_FLIGHT."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import dspy


class Words(dspy.Module):
    """One call of the language model; an adapter's prompt would measure something else."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, question):
        return dspy.Prediction(
            answer=self.model(messages=[{"role": "user", "content": question}])[0]
        )


def same(example, found, _trace=None):
    """Exact match."""
    return found.answer == example.answer


def main() -> None:
    """Evaluate, and print the score as a share with the number of scored items."""
    items, url, flying = sys.argv[1:]
    rows = [json.loads(line) for line in Path(items).read_text().splitlines()]
    examples = [dspy.Example(**row).with_inputs("question") for row in rows]
    model = dspy.LM("openai/mock", api_base=url, api_key="mock", temperature=0.0, max_tokens=8)
    evaluate = dspy.Evaluate(
        devset=examples,
        metric=same,
        num_threads=int(flying),
        max_errors=len(rows) + 1,
        display_progress=False,
    )
    found = evaluate(Words(model))
    print(json.dumps({"score": found.score / 100, "scored": len(found.results)}))


if __name__ == "__main__":
    main()
