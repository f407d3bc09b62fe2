"""Linear classifiers of scikit-learn over TF-IDF."""

from __future__ import annotations

from functools import cache

import numpy as np
from bench.routing.data import Messages
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.svm import LinearSVC


def words():
    """Words and pairs of words."""
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)


def both():
    """Words, pairs of words, and character n-grams inside words."""
    return FeatureUnion(
        [
            ("words", TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)),
            ("grams", TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)),
        ]
    )


def grams():
    """Character n-grams inside words alone, and shorter ones."""
    return TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)


PEERS = {
    "TF-IDF of words + linear SVM": words,
    "TF-IDF of words and n-grams + linear SVM": both,
    "TF-IDF of n-grams of 2 to 4 + linear SVM": grams,
}


@cache
def learned(messages: Messages, features) -> Pipeline:
    """A linear SVM over *features* of the training messages."""
    found = make_pipeline(features(), LinearSVC(C=1.0))
    texts, labels = zip(*messages.train, strict=True)
    return found.fit(texts, labels)


def told(messages: Messages, features) -> tuple[np.ndarray, np.ndarray]:
    """What a linear SVM says of the test messages: types, and the largest margin."""
    found = learned(messages, features)
    margins = found.decision_function([text for text, _ in messages.test])
    return found.classes_[margins.argmax(axis=1)], margins.max(axis=1)


def with_strangers(messages: Messages, features) -> np.ndarray:
    """Types where the strangers of the training data are one more type, without a threshold."""
    found = make_pipeline(features(), LinearSVC(C=1.0))
    texts = [text for text, _ in messages.train] + messages.strangers
    labels = [label for _, label in messages.train]
    found.fit(texts, labels + [messages.stranger] * len(messages.strangers))
    return found.predict([text for text, _ in messages.test])


def likely(texts: list[str], right: np.ndarray, asked: list[str]) -> np.ndarray:
    """The probability that the weak model is right, by logistic regression."""
    found = make_pipeline(both(), LogisticRegression(C=1.0, max_iter=200))
    found.fit(texts, right > 0)
    return found.predict_proba(asked)[:, 1]
