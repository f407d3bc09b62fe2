"""Quick learners on two cores: linear ones on n-grams, and one real finetune of a small Llama.

Each is `learn(train, held, seed)` and returns one score per held-out row. Features are hashed, so
nothing is learned from rows that are not in the training set.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from bench.data_need import finetune
from sklearn.feature_extraction import FeatureHasher
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB

_GRAMS = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 4), n_features=2**17)
_COUNTS = HashingVectorizer(
    analyzer="char_wb", ngram_range=(2, 4), n_features=2**15, norm=None, alternate_sign=False
)
_TOKENS = FeatureHasher(n_features=2**16, input_type="string")
_WORD = re.compile(r"\w+|[^\w\s]")
MODEL = Path(__file__).resolve().parents[2] / "examples" / "support" / "model"


def logistic(train: Sequence[dict], held: Sequence[dict], _: int) -> list[float]:
    """Accuracy of logistic regression, one class against the rest."""
    seen = _GRAMS.transform([row["text"] for row in train])
    labels = [row["label"] for row in train]
    if len(set(labels)) == 1:
        return [float(row["label"] == labels[0]) for row in held]
    model = OneVsRestClassifier(LogisticRegression(C=10.0, solver="liblinear"))
    model.fit(seen, labels)
    return _right(model.predict(_GRAMS.transform([row["text"] for row in held])), held)


def ridge(train: Sequence[dict], held: Sequence[dict], _: int) -> list[float]:
    """Accuracy of regularised least squares on class indicators, in its dual form."""
    seen = _GRAMS.transform([row["text"] for row in train])
    names, codes = np.unique([row["label"] for row in train], return_inverse=True)
    targets = np.eye(len(names))[codes]
    kernel = (seen @ seen.T).toarray()
    kernel[np.diag_indices_from(kernel)] += 0.1
    weights = np.linalg.solve(kernel, targets)
    across = (_GRAMS.transform([row["text"] for row in held]) @ seen.T).toarray()
    return _right(names[np.argmax(across @ weights, axis=1)], held)


def bayes(train: Sequence[dict], held: Sequence[dict], _: int) -> list[float]:
    """Accuracy of multinomial naive Bayes."""
    model = MultinomialNB(alpha=0.1)
    model.fit(_COUNTS.transform([r["text"] for r in train]), [r["label"] for r in train])
    return _right(model.predict(_COUNTS.transform([row["text"] for row in held])), held)


def tagger(train: Sequence[dict], held: Sequence[dict], seed: int) -> list[float]:
    """F1 of an item's slots by a classifier of tokens that knows their neighbours."""
    features, tags = [], []
    for row in train:
        words = _words(row["text"])
        features += _features(words)
        tags += _tags(words, row["spans"])
    model = SGDClassifier(
        loss="log_loss", alpha=3e-6, max_iter=8, tol=None, average=True, random_state=seed
    )
    model.fit(_TOKENS.transform(features), tags)
    tokens = [_words(row["text"]) for row in held]
    flat = [feature for words in tokens for feature in _features(words)]
    found = iter(model.predict(_TOKENS.transform(flat)))
    scores = []
    for row, words in zip(held, tokens, strict=True):
        told = _spans([next(found) for _ in words])
        scores.append(_f1(told, _spans(_tags(words, row["spans"]))))
    return scores


def transformer(train: Sequence[dict], held: Sequence[dict], seed: int) -> list[float]:
    """Whether greedy decoding gives the whole target, after a full finetune of the small Llama."""
    return finetune.learn(MODEL, train, held, seed)


# Private.


def _right(told: Sequence[str], held: Sequence[dict]) -> list[float]:
    return [float(a == row["label"]) for a, row in zip(told, held, strict=True)]


def _words(text: str) -> list[tuple[str, int, int]]:
    return [(m.group(), m.start(), m.end()) for m in _WORD.finditer(text)]


def _features(words: list[tuple[str, int, int]]) -> list[list[str]]:
    plain = ["<<", "<", *(word.lower() for word, _, _ in words), ">", ">>"]
    rows = []
    for i, (word, _, _) in enumerate(words):
        at, low = i + 2, word.lower()
        shape = re.sub(r"\d", "9", re.sub(r"[a-z]", "a", re.sub(r"[A-Z]", "A", word)))[:4]
        rows.append(
            [
                "bias",
                f"w={low}",
                f"s={shape}",
                f"p3={low[:3]}",
                f"e3={low[-3:]}",
                *(f"{k}={plain[at + k]}" for k in (-2, -1, 1, 2)),
                f"-1w={plain[at - 1]}|{low}",
                f"w+1={low}|{plain[at + 1]}",
                f"-2-1={plain[at - 2]}|{plain[at - 1]}",
            ]
        )
    return rows


def _tags(words: list[tuple[str, int, int]], spans: Sequence[dict]) -> list[str]:
    tags = ["O"] * len(words)
    for span in spans:
        first = True
        for i, (_, start, end) in enumerate(words):
            if start >= span["start"] and end <= span["end"]:
                tags[i] = ("B-" if first else "I-") + span["slot"]
                first = False
    return tags


def _spans(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    found: set[tuple[str, int, int]] = set()
    slot, start = "", 0
    for i, tag in enumerate([*tags, "O"]):
        if slot and tag != f"I-{slot}":
            found.add((slot, start, i))
            slot = ""
        if tag != "O" and not slot:
            slot, start = tag[2:], i
    return found


def _f1(told: set, right: set) -> float:
    return 2.0 * len(told & right) / (len(told) + len(right)) if told or right else 1.0
