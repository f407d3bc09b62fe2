"""Jinja, and that what is filled in without it is what it would have made."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalera.core.prompts import sandbox, templates
from escalera.errors import TemplateError

MARKS = (
    *("{{ input }}", "{{ name }}", "{{input}}", "{{ true }}", "{{ none }}", "{{ class }}"),
    *("{{ Input }}", "{{", "}}", "{%", "%}", "{#", "#}", "{", "}", "\r\n", "\n", " ", "-", "x"),
)
VALUES = st.one_of(st.text(), st.integers(), st.none(), st.lists(st.text()))


def made(render, source, values):
    """The text, or that there is none."""
    try:
        return render(source, values)
    except TemplateError as error:
        return type(error), str(error)


@settings(derandomize=True, max_examples=1500, deadline=None)
@given(
    st.lists(st.sampled_from(MARKS) | st.text(max_size=3), max_size=8).map("".join),
    st.dictionaries(
        st.sampled_from(("input", "name", "class", "true", "none", "Input")), VALUES, max_size=4
    ),
)
def test_what_is_filled_in_without_jinja_is_what_jinja_makes(source, values):
    """To the last sign, errors included."""
    asked = made(lambda *given: sandbox.render(*given, longest=templates.LONGEST), source, values)
    assert made(templates.render, source, values) == asked


def test_the_longest_is_the_same():
    """A value that is too long by one is refused with the same words."""
    value = "x" * templates.LONGEST
    assert len(templates.render("{{ input }}", {"input": value})) == templates.LONGEST
    with pytest.raises(TemplateError, match="more than 1000000 characters"):
        templates.render("{{ input }}", {"input": f"{value}x"})


def test_jinja_is_loaded_for_the_first_template_that_needs_it():
    """Text with the message in it does not."""
    code = (
        "import sys; from escalera.core.prompts import templates; "
        "templates.render('Say {{ input }}.', {'input': 'a'}); assert 'jinja2' not in sys.modules; "
        "templates.render('{% if 1 %}b{% endif %}', {}); assert 'jinja2' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
