"""What guards cost: microseconds a kilobyte by engine and kind of text, and by event."""

from __future__ import annotations

import json
import random
import string
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from bench.gateway import guard_data
from bench.gateway.finding import asked

from escalera.apps.gateway import guarded
from escalera.apps.gateway.guarded import EventGuard, Guarding
from escalera.core.serving.guarding import kinds
from escalera.core.serving.guarding.guards import Guard, GuardSet
from escalera.core.serving.guarding.pattern import Pattern
from escalera.core.serving.guarding.vault import Vault
from escalera.edges.matching.hyperscan_engine import HyperscanMatcher
from escalera.edges.matching.plain import PlainMatcher
from escalera.ports.serving import Matcher, Sought

import re2  # isort: skip

REPEATS = 5
GUARDED = ("personal", "secrets")


def lines(data: Path, peer: str | None) -> list[str]:
    """The section of the page."""
    texts = _texts(data)
    patterns = kinds.patterns(GUARDED)
    sought = _sought(patterns)
    engines: list[tuple[str, Callable[[str], object]]] = [
        (f"Vectorscan (hyperscan {version('hyperscan')})", HyperscanMatcher(sought).hits),
        (f"RE2 set, 8 MB (google-re2 {version('google-re2')})", _re2_set(sought, 8)),
        (f"RE2 set, 64 MB (google-re2 {version('google-re2')})", _re2_set(sought, 64)),
        ("Python `re`, one after another", PlainMatcher(sought).hits),
    ]
    found = [
        "## Costs",
        "",
        f"Microseconds a kilobyte, of processor time, over texts of 1 KB; "
        f"{len(patterns)} patterns of personal data and secrets. First looks, which tell where a "
        "match may be:",
        "",
        "| engine | " + " | ".join(texts) + " |",
        "|---|" + "---|" * len(texts),
    ]
    for name, look in engines:
        found.append(_row(name, look, texts, fresh=True))
    found += [
        "",
        "RE2 builds its automaton while it reads, within the memory it is given. So each engine "
        "first reads one half of the texts, and is timed once on the other half, as traffic would "
        "be. On text without words (a picture in base64) the automaton of RE2 does not end.",
        "",
        "Whole inspections, findings and placeholders included:",
        "",
        "| what | " + " | ".join(texts) + " |",
        "|---|" + "---|" * len(texts),
    ]
    for name, kind in (("Vectorscan", HyperscanMatcher), ("`re` alone", PlainMatcher)):
        guards = _guards(kind)
        found.append(_row(name, lambda text, guards=guards: guards.inspect(text, Vault()), texts))
    if peer:
        told = {name: asked(peer, some[:20])["microseconds"] for name, some in texts.items()}
        shown = " | ".join(f"{value:,.0f}" for value in told.values())
        found.append(f"| Presidio, 8 recognisers without a model | {shown} |")
    return [*found, "", *_requests(_guards(HyperscanMatcher))]


# Below: private.


def _sought(patterns: Sequence[Pattern]) -> list[Sought]:
    return [
        Sought(expression=one.expression, look=one.first_look, signs=one.signs) for one in patterns
    ]


def _guards(kind: Callable[[Sequence[Sought]], Matcher]) -> GuardSet:
    guard = Guard(name="all", action="redact", patterns=kinds.patterns(GUARDED))
    return GuardSet([guard], lambda patterns: kind(_sought(patterns)))


def _re2_set(sought: Sequence[Sought], megabytes: int) -> Callable[[str], object]:
    options = re2.Options()
    options.max_mem = megabytes << 20
    options.never_capture = True
    found = re2.Set.SearchSet(options)
    for look in dict.fromkeys(one.look for one in sought):
        found.Add(look)
    found.Compile()
    return found.Match  # type: ignore[no-any-return]


def _texts(data: Path) -> dict[str, list[str]]:
    drawn = random.Random(0)

    def noise(signs: str) -> list[str]:
        return ["".join(drawn.choice(signs) for _ in range(1024)) for _ in range(100)]

    dev, _ = guard_data.personal(data)
    return {
        "messages": _kilobytes(guard_data.messages(data)),
        "e-mails": _kilobytes(guard_data.emails(data)),
        "personal data": _kilobytes([text.text for text in dev]),
        "base64": noise(string.ascii_letters + string.digits + "+/"),
        "digits": noise(string.digits + " -./()+"),
    }


def _kilobytes(texts: Sequence[str]) -> list[str]:
    whole = "\n".join(texts).encode()[: 100 * 1024]
    return [
        whole[at : at + 1024].decode(errors="ignore") for at in range(0, len(whole) - 1023, 1024)
    ]


def _row(
    name: str, work: Callable[[str], object], texts: dict[str, list[str]], *, fresh: bool = False
) -> str:
    told = []
    for every in texts.values():
        known, some = every[::2], every[1::2]
        for text in known:
            work(text)
        seconds = _seconds(lambda some=some: [work(text) for text in some], 1 if fresh else REPEATS)
        size = sum(len(text.encode()) for text in some) / 1024
        told.append(f"{seconds / size * 1e6:.1f}")
    return f"| {name} | {' | '.join(told)} |"


def _seconds(work: Callable[[], object], rounds: int = REPEATS) -> float:
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def _requests(guards: GuardSet) -> list[str]:
    guarding = Guarding(input=guards, output=guards)
    said = ("I would like to know how the weather will be in the north of the country. " * 14)[
        :1000
    ]
    asked_for = {"model": "m", "messages": [{"role": "user", "content": said}]}
    got = {"choices": [{"index": 0, "message": {"role": "assistant", "content": said}}]}
    body, reply = (json.dumps(one, separators=(",", ":")).encode() for one in (asked_for, got))
    events = [
        b"data: "
        + json.dumps({"choices": [{"index": 0, "delta": {"content": f"{word} "}}]}).encode()
        + b"\n\n"
        for word in said.split()
    ]

    def stream() -> None:
        guard = EventGuard(guards, "chat", Vault())
        for event in events:
            guard.push(event)

    vault, many = Vault(), 500
    rows = {
        "a request (1 KB)": lambda: guarded.request(guarding, "chat", body),
        "an answer (1 KB)": lambda: guarded.answer(guarding, "chat", reply, vault),
    }
    told = [
        f"{name} {_seconds(lambda work=work: [work() for _ in range(many)]) / many * 1e6:.1f} µs"
        for name, work in rows.items()
    ]
    per_event = _seconds(stream) / len(events) * 1e6
    return [
        "Bodies with nothing in them, decoding included: "
        + ", ".join(told)
        + f", an event of a stream with one word {per_event:.1f} µs."
    ]
