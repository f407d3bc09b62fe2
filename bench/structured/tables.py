"""The results as a page: libraries, then free, repaired and constrained answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from escalera.core.stats import clustering, paired

HEAD = """# Structured output

Measured on {date}, on a processor, one thread. Times are of the processor. The sets are
`bfcl_calls` (one schema per item), `mtod_es` (three schemas) and `snips_slots` (seven), with real
answers as targets; the scripts are in `bench/structured/`.
"""
LIBRARIES = """
## Which library decodes under a grammar

Each compiles the schemas of {schemas} test items (no further ones after 20 s of it), walks the
right answers token by token and times every mask; then a model without sense draws tokens evenly
from what is allowed (`ended` by itself within 120 tokens, `valid` of those). `sayable`: the right
answer may be said as the tokenizer writes it. Size is of the package and what it brings beyond the
extra `local`, on Linux.

"""
ANSWERS = """
## What it does to answers

The same prompt, free, with up to two repairs, and constrained; at most {limit} tokens. `pretrained`
is the example's base model, which has never seen these sets; `finetuned` is the same after about a
minute of training on them. `score` is `json_fields`; `fields` is the share of the target's fields
that are right, `free text` of those that are no enumeration. `cut`: brought to its end because of
the limit.

"""
CHANGES = """
## What changes, item by item

Against free answers of the same model to the same items; 95 % intervals of the paired difference.

"""
LIBRARY_COLUMNS = (
    "library", "version", "vocabulary", "size MB", "ready ms", "compile ms (longest)",
    "mask µs (p99)", "refused schemas", "sayable", "valid of ended",
)  # fmt: skip
ANSWER_COLUMNS = (
    "model", "set", "way", "valid", "score", "fields", "free text", "tokens", "ms per answer",
    "ms per token", "repairs", "cut",
)  # fmt: skip
CHANGE_COLUMNS = (
    "model", "set", "way", "validity", "score", "fields", "free text", "ms per answer"
)  # fmt: skip


def page(found: Mapping[tuple[str, str, str], Sequence[Any]], engines: Any, *, date: str) -> str:
    """The whole page."""
    lines = [HEAD.format(date=date), LIBRARIES.format(schemas=engines[0]["answers"])]
    lines.append(_head(LIBRARY_COLUMNS))
    lines += [_engine(row) for row in engines]
    why = sorted({f"{row['library']}: {said}" for row in engines for said in row["why"]})
    if why:
        lines += ["\nRefused because of:\n\n", *(f"- {entry}\n" for entry in why)]
    lines += [ANSWERS.format(limit=128), _head(ANSWER_COLUMNS)]
    for (model, part, way), answers in found.items():
        lines.append(_answers(model, part, way, answers))
    lines += [CHANGES, _head(CHANGE_COLUMNS)]
    for (model, part, way), answers in found.items():
        if way != "free":
            lines.append(_changes(model, part, way, answers, found[model, part, "free"]))
    return "".join(lines)


def valid(answers: Sequence[Any]) -> str:
    """The share of valid answers."""
    return f"{fmean(answer.valid for answer in answers):.1%}"


def _engine(row: Mapping[str, Any]) -> str:
    cells = (
        row["library"],
        row["version"],
        row["vocabulary"],
        row["megabytes"],
        row["ready_ms"],
        f"{row['compile_ms']} ({row['compile_ms_longest']})",
        f"{row['mask_us']} ({row['mask_us_p99']})",
        f"{row['refused']} of {row['schemas']}",
        f"{row['sayable']} of {row['answers']}",
        f"{row['valid']} of {row['ended']}",
    )
    return _row(cells)


def _answers(model: str, part: str, way: str, answers: Sequence[Any]) -> str:
    free = [answer.free for answer in answers if answer.free is not None]
    seconds, tokens = (sum(getattr(a, name) for a in answers) for name in ("seconds", "tokens"))
    return _row(
        (
            model,
            part,
            way,
            valid(answers),
            f"{fmean(a.score for a in answers):.3f}",
            f"{fmean(a.fields for a in answers):.3f}",
            f"{fmean(free):.3f}",
            f"{tokens / len(answers):.1f}",
            f"{1000 * seconds / len(answers):.1f}",
            f"{1000 * seconds / max(tokens, 1):.2f}",
            f"{fmean(a.repairs for a in answers):.2f}",
            f"{fmean(a.cut for a in answers):.1%}",
        )
    )


def _changes(model: str, part: str, way: str, held: Sequence[Any], free: Sequence[Any]) -> str:
    both = [(a.free, b.free) for a, b in zip(held, free, strict=True) if a.free is not None]
    shares = [
        [(float(a.valid), float(b.valid)) for a, b in zip(held, free, strict=True)],
        [(a.score, b.score) for a, b in zip(held, free, strict=True)],
        [(a.fields, b.fields) for a, b in zip(held, free, strict=True)],
        both,
    ]
    times = clustering.robust_mean(
        [1000 * (a.seconds - b.seconds) for a, b in zip(held, free, strict=True)]
    )
    lower, upper = clustering.t_interval(times)
    cells = [_share(pairs) for pairs in shares]
    return _row((model, part, way, *cells, f"{times.value:+.1f} [{lower:+.1f}, {upper:+.1f}]"))


def _share(pairs: Sequence[tuple[float, float]]) -> str:
    found = paired.interval([a for a, _ in pairs], [b for _, b in pairs])
    return f"{found.estimate:+.3f} [{found.lower:+.3f}, {found.upper:+.3f}]"


def _head(cells: Sequence[str]) -> str:
    return _row(cells) + _row(["---"] * len(cells))


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |\n"
