"""Verdicts on what licences of base and data allow: the strictest holds, unknown is never OK."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.core.audit import licence_texts, licences
from escalera.core.audit.licences import Part


def base(declared: str) -> Part:
    return Part(role="base", name="base", declared=declared)


def data(declared: str) -> Part:
    return Part(role="data", name="orders", declared=declared)


@pytest.mark.parametrize(
    ("model", "taught", "serve", "distribute"),
    [
        ("apache-2.0", "own", "OK-with-duties", "OK-with-duties"),
        ("apache-2.0", "cc0-1.0", "OK-with-duties", "OK-with-duties"),
        ("apache-2.0", "CC-BY-4.0", "OK-with-duties", "OK-with-duties"),
        ("apache-2.0", "cc-by-sa-4.0", "OK-with-duties", "ASK-COUNSEL"),
        ("apache-2.0", "cc-by-nc-4.0", "NOT-OK", "NOT-OK"),
        ("apache-2.0", "cc-by-nc-sa-4.0", "NOT-OK", "NOT-OK"),
        ("apache-2.0", "", "ASK-COUNSEL", "ASK-COUNSEL"),
        ("", "own", "ASK-COUNSEL", "ASK-COUNSEL"),
        ("made-up-1.0", "own", "ASK-COUNSEL", "ASK-COUNSEL"),
        ("made-up-1.0", "cc-by-nc-4.0", "NOT-OK", "NOT-OK"),
        ("llama2", "own", "OK-with-duties", "OK-with-duties"),
        ("apache-2.0", "llama2", "NOT-OK", "NOT-OK"),
        ("apache-2.0", "llama3", "NOT-OK", "NOT-OK"),
        ("llama3", "llama2", "NOT-OK", "NOT-OK"),
        ("llama2", "llama2", "OK-with-duties", "OK-with-duties"),
        ("apache-2.0", "llama3.1", "OK-with-duties", "OK-with-duties"),
        ("gemma", "own", "OK-with-duties", "OK-with-duties"),
        ("qwen-research", "own", "NOT-OK", "NOT-OK"),
    ],
)
def test_verdicts(model, taught, serve, distribute):
    """By what the licences say of each use."""
    parts = [base(model), data(taught)]
    assert licences.verdict(parts, "serve").word == serve
    assert licences.verdict(parts, "distribute").word == distribute


def test_every_reason_cites_its_place():
    """The clause, the licence, and what it is of."""
    found = licences.verdict([base("llama3.1"), data("cc-by-4.0")], "serve")
    assert any(
        reason.startswith(
            "base 'base', Llama 3.1 Community, section 1.b.i: show “Built with Llama”"
        )
        for reason in found.reasons
    )
    assert any("data 'orders', CC-BY-4.0, section 3(a)" in reason for reason in found.reasons)
    assert all("section" in reason for reason in found.reasons)


def test_only_passing_on_asks_for_what_copies_need():
    """Whoever serves a model under Apache's licence gives nobody a copy."""
    assert licences.verdict([base("apache-2.0"), data("own")], "serve").reasons == ()
    (reason,) = licences.verdict([base("apache-2.0"), data("own")], "distribute").reasons
    assert "Apache-2.0, section 4" in reason


def test_the_words_say_both_uses_and_that_they_are_no_advice():
    """As the outcome of a job states them."""
    said = licences.words([base("apache-2.0"), data("")])
    assert "serving it: ASK-COUNSEL (the licence of the data 'orders' is not declared)" in said
    assert "passing its weights on: ASK-COUNSEL" in said
    assert said.endswith("No legal advice")


def test_names_are_found_however_they_are_written():
    """As SPDX, as hubs, and as people write them."""
    for said in ("Apache-2.0", "apache 2.0", "APACHE_2.0", "Apache License 2.0"):
        found = licence_texts.found(said)
        assert found is not None, said
        assert found.name == "Apache-2.0"
    for name in ("llama3.2", "Llama 3.2 Community"):
        assert licence_texts.found(name) is not None


@given(st.text(max_size=30))
def test_what_is_unknown_is_never_ok(said):
    """Whatever is declared: it is a licence that is known, or a question for a lawyer."""
    for parts in ([base(said), data("own")], [base("mit"), data(said)]):
        found = licences.verdict(parts, "serve")
        if licence_texts.found(said) is None:
            assert found.word != "OK-with-duties"
            assert found.reasons


def test_a_model_of_nothing_is_a_question():
    """No part, no permission."""
    assert licences.verdict([], "serve").word == "ASK-COUNSEL"


@given(st.lists(st.sampled_from(licence_texts.known()), min_size=1, max_size=4))
def test_another_part_never_makes_it_more_allowed(names):
    """The verdict is monotone in what a model is made of."""
    order = ["OK-with-duties", "ASK-COUNSEL", "NOT-OK"]
    for use in ("serve", "distribute"):
        parts = [data(name) for name in names]
        fewer = licences.verdict(parts[:-1] or parts, use).word
        assert order.index(licences.verdict(parts, use).word) >= order.index(fewer)
