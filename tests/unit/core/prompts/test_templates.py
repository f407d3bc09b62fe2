"""Jinja in a sandbox."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.core.prompts import templates
from escalera.errors import TemplateError


@given(st.text(alphabet=st.sampled_from("{}%# a\n-'\"raw") | st.characters()), st.text())
def test_a_literal_renders_to_itself_whatever_stands_behind_it(text, value):
    """Text of users and of models is never a template."""
    source = templates.literal(text) + "{{ input }}"
    assert templates.render(source, {"input": value}) == text + value


def test_plain_text_is_its_own_literal():
    """So that a prompt can be read in a report: nothing is escaped without need."""
    plain = 'Answer as JSON like {"a": {"b": 1}} or {x}.'
    assert templates.literal(plain) == plain


@pytest.mark.parametrize(
    "source",
    [
        "{{ input.__class__.__mro__ }}",
        "{{ input.__init__.__globals__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ '{0.__class__}'.format(input) }}",
        "{% for n in range(10**9) %}{% endfor %}",
        "{% include '/etc/passwd' %}",
        "{{ items.append(1) }}",
    ],
)
def test_nothing_gets_out_of_the_sandbox(source):
    """No attribute that leads to modules, no file, no change of values, no endless range."""
    values = {"input": "x", "items": [1]}
    try:
        made = templates.render(source, values)
    except TemplateError:
        made = ""
    assert made == ""
    assert values == {"input": "x", "items": [1]}


def test_length_is_bounded():
    """A loop over a loop ends where no context window reaches."""
    source = (
        "{% for a in range(9999) %}{% for b in range(9999) %}xxxxxxxxxx{% endfor %}{% endfor %}"
    )
    with pytest.raises(TemplateError, match="more than 1000000 characters"):
        templates.render(source, {})


def test_variables_are_those_that_values_are_needed_for():
    """What a loop names itself is not asked for."""
    source = "{% for p in products %}{{ p.name }}{% endfor %}{{ input }}"
    assert templates.variables(source) == {"products", "input"}


@pytest.mark.parametrize("source", ["{{ input", "{% for %}", "{% nothing %}"])
def test_what_is_no_template_is_named(source):
    """With the text and the line."""
    with pytest.raises(TemplateError, match=r"is no template: .*\(line 1\)"):
        templates.variables(source)


@pytest.mark.parametrize("source", ["{{ 1 / 0 }}", "{{ input + 1 }}", "{{ input | nope }}"])
def test_an_error_while_filling_in_is_ours(source):
    """Nothing of Jinja's comes out."""
    with pytest.raises(TemplateError, match="The template"):
        templates.render(source, {"input": "x"})


@pytest.mark.parametrize("source", ["{{ input", "{{ input.__class__.__mro__ }}"])
def test_sentences_of_an_error_end_once(source):
    """Jinja's own, and where a message goes on."""
    with pytest.raises(TemplateError) as caught:
        templates.render(source, {"input": "a"})
    assert ".." not in str(caught.value)
    assert not str(caught.value).endswith(".")
