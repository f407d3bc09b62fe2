"""Libraries for constrained decoding, on the schemas of the three sets and two tokenizers.

    python -m bench.structured.engines --data ../shared/data --into build/bench/structured

Needs xgrammar and outlines-core besides the extra `local`; a library that is missing is left out.
Each schema is compiled afresh; then the right answer is walked token by token (may it be said, and
what does a mask cost?), and a model without sense draws tokens evenly from what is allowed, up to a
limit (is what ends by itself valid?). Times are of the processor, so that a busy machine does not
count.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from bench.structured import sets
from bench.structured.tuned import BASE
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from escalera.edges import schemas

LARGE = 32_768
WANDER = 40
LIMIT = 120
SLOW_SCHEMA = 20.0
"""Seconds after which a library is not asked to compile further schemas."""
BROUGHT = {
    "llguidance": (),
    "xgrammar": ("apache-tvm-ffi", "triton"),
    "outlines-core": (),
}
"""What each brings that the extra `local` has not, on Linux x86-64."""


class Walker(Protocol):
    """One answer under way: what may follow, and a token said."""

    def mask(self) -> np.ndarray: ...

    def say(self, token: int) -> bool: ...


def main() -> None:
    """Read the command line, measure, write one JSON file."""
    parser = argparse.ArgumentParser(description="Compare libraries for constrained decoding.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--into", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    items = [item for part in sets.load(arguments.data, ask=40) for item in part.test]
    small = AutoTokenizer.from_pretrained(BASE)
    rows = []
    for size, tokenizer in ((len(small), small), (LARGE, large_tokenizer())):
        for name, library in LIBRARIES.items():
            try:
                rows.append(measured(name, library, tokenizer, size, items))
            except ImportError as error:
                print(f"{name} is left out: {error}")
                continue
            print(json.dumps(rows[-1]), flush=True)
    arguments.into.mkdir(parents=True, exist_ok=True)
    (arguments.into / "engines.json").write_text(json.dumps(rows, indent=1))


def measured(
    name: str, library: Any, tokenizer: Any, size: int, items: list[sets.Item]
) -> dict[str, Any]:
    """One row: a library on a tokenizer of *size* tokens."""
    began = time.process_time()
    begin = library(tokenizer, size)
    ready = time.process_time() - began
    compiling, masking, refused, sayable, ended, valid = [], [], [], 0, 0, 0
    walked: dict[str, Any] = {}
    for item in items:
        if item.schema not in walked and sum(compiling) < SLOW_SCHEMA:
            began = time.process_time()
            try:
                walked[item.schema] = begin(item.schema)
            except Exception as error:  # noqa: BLE001  each library has errors of its own
                walked[item.schema] = None
                refused.append(str(error).strip().splitlines()[0][:80])
            compiling.append(time.process_time() - began)
        start = walked.get(item.schema)
        if start is None:
            continue
        tokens = tokenizer(item.target, add_special_tokens=False)["input_ids"]
        sayable += says(start(), tokens, tokenizer.eos_token_id, masking)
    rng = np.random.default_rng(0)
    starts = [(schema, start) for schema, start in walked.items() if start is not None]
    for schema, start in starts[:WANDER]:
        text = wandered(start(), tokenizer, rng)
        ended += text is not None
        valid += text is not None and schemas.invalid(schema, text) is None
    return {
        "library": name,
        "version": importlib.metadata.version(name),
        "vocabulary": size,
        "megabytes": round(sum(map(megabytes, (name, *BROUGHT[name])))),
        "ready_ms": round(1000 * ready, 1),
        "schemas": len(walked),
        "refused": len(refused),
        "why": sorted(set(refused))[:3],
        "compile_ms": round(1000 * statistics.median(compiling), 2),
        "compile_ms_longest": round(1000 * max(compiling), 1),
        "mask_us": round(1e6 * statistics.median(masking), 1),
        "mask_us_p99": round(1e6 * float(np.quantile(masking, 0.99)), 1),
        "answers": sum(1 for item in items if walked.get(item.schema) is not None),
        "sayable": sayable,
        "wandered": len(starts[:WANDER]),
        "ended": ended,
        "valid": valid,
    }


def says(walker: Walker, tokens: list[int], end: int, masking: list[float]) -> bool:
    """Whether the right answer may be said as the tokenizer writes it; times each mask."""
    for token in (*tokens, end):
        began = time.process_time()
        allowed = walker.mask()
        masking.append(time.process_time() - began)
        if not allowed[token] or (token != end and not walker.say(token)):
            return False
    return True


def wandered(walker: Walker, tokenizer: Any, rng: np.random.Generator) -> str | None:
    """What a model without sense says, None where it does not end by itself."""
    said: list[int] = []
    for _ in range(LIMIT):
        allowed = np.flatnonzero(walker.mask())
        if tokenizer.eos_token_id in allowed and rng.random() < 0.2:
            break
        others = allowed[allowed != tokenizer.eos_token_id]
        if not len(others):
            break
        token = int(rng.choice(others))
        said.append(token)
        if not walker.say(token):
            return None
    else:
        return None
    return tokenizer.decode(said, clean_up_tokenization_spaces=False)


def megabytes(package: str) -> float:
    """Size of an installed distribution."""
    files = importlib.metadata.files(package) or []
    sizes = (Path(str(file.locate())).stat().st_size for file in files if file.locate().exists())
    return sum(sizes) / 1e6


def large_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE over the source of installed packages: thousands of tokens of JSON's signs."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=LARGE,
        special_tokens=["<|pad|>", "<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_source(), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|pad|>"
    )


def _source() -> Iterator[str]:
    packages = Path(torch.__file__).parents[1]
    for package in ("transformers", "sympy", "scipy"):
        for file in sorted((packages / package).rglob("*.py"))[:1200]:
            yield file.read_text(encoding="utf-8", errors="ignore")


# The libraries


def llguidance(tokenizer: Any, size: int) -> Any:
    """As Escalera uses it, without the ending of answers at their limit."""
    from llguidance import LLMatcher
    from llguidance.hf import from_tokenizer

    tokens = from_tokenizer(tokenizer, n_vocab=size, eos_token=tokenizer.eos_token_id)

    def begin(schema: str) -> Any:
        grammar = LLMatcher.grammar_from_json_schema(schema, overrides={"whitespace_pattern": " ?"})
        matcher = LLMatcher(tokens, grammar, log_level=0)
        if matcher.is_error():
            raise ValueError(matcher.get_error())
        return lambda: _LLGuidance(matcher.deep_copy(), size)

    return begin


class _LLGuidance:
    def __init__(self, matcher: Any, size: int) -> None:
        self._matcher, self._size = matcher, size

    def mask(self) -> np.ndarray:
        return _unpacked(np.frombuffer(self._matcher.compute_bitmask(), np.uint8), self._size)

    def say(self, token: int) -> bool:
        return self._matcher.consume_token(token)


def xgrammar(tokenizer: Any, size: int) -> Any:
    """With one space at most between the parts, as for the others."""
    import xgrammar as library

    info = library.TokenizerInfo.from_huggingface(
        tokenizer, vocab_size=size, stop_token_ids=[tokenizer.eos_token_id]
    )
    compiler = library.GrammarCompiler(info, max_threads=1, cache_enabled=False)

    def begin(schema: str) -> Any:
        grammar = compiler.compile_json_schema(schema, any_whitespace=True, max_whitespace_cnt=1)
        return lambda: _XGrammar(library.GrammarMatcher(grammar), library, size)

    return begin


class _XGrammar:
    def __init__(self, matcher: Any, library: Any, size: int) -> None:
        self._matcher, self._size = matcher, size
        self._bits = library.allocate_token_bitmask(1, size)

    def mask(self) -> np.ndarray:
        self._matcher.fill_next_token_bitmask(self._bits)
        return _unpacked(self._bits.numpy().view(np.uint8)[0], self._size)

    def say(self, token: int) -> bool:
        return self._matcher.accept_token(token)


def outlines_core(tokenizer: Any, size: int) -> Any:
    """An index over the states of a regular expression."""
    import outlines_core as library
    from outlines_core.json_schema import build_regex_from_schema

    known: dict[bytes, list[int]] = {}
    for token in range(min(size, len(tokenizer))):
        if token in tokenizer.all_special_ids:
            continue
        text = _bytes(tokenizer.convert_ids_to_tokens(token))
        known.setdefault(text, []).append(token)
    vocabulary = library.Vocabulary(tokenizer.eos_token_id, known)

    def begin(schema: str) -> Any:
        index = library.Index(build_regex_from_schema(schema, r"[ ]?"), vocabulary)
        return lambda: _Outlines(library.Guide(index), size)

    return begin


class _Outlines:
    def __init__(self, guide: Any, size: int) -> None:
        self._guide, self._size = guide, size

    def mask(self) -> np.ndarray:
        allowed = np.zeros(self._size, dtype=bool)
        allowed[self._guide.get_tokens()] = True
        return allowed

    def say(self, token: int) -> bool:
        self._guide.advance(token, return_tokens=False)
        return True


LIBRARIES = {"llguidance": llguidance, "xgrammar": xgrammar, "outlines-core": outlines_core}


def _unpacked(bits: np.ndarray, size: int) -> np.ndarray:
    return np.unpackbits(bits, bitorder="little")[:size].astype(bool)


def _alphabet() -> dict[str, int]:
    """The byte that each sign of a byte-level tokenizer stands for (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    signs = {chr(byte): byte for byte in plain}
    return signs | {chr(256 + place): byte for place, byte in enumerate(others)}


_SIGNS = _alphabet()


def _bytes(token: str) -> bytes:
    return bytes(_SIGNS[sign] for sign in token)


if __name__ == "__main__":
    main()
