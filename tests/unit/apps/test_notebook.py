"""HTML for notebooks."""

from __future__ import annotations

import html

from hypothesis import given
from hypothesis import strategies as st

from escalera.apps import notebook


@given(st.text() | st.text(alphabet="<>&'\";x"))
def test_signs_are_escaped_as_the_library_does(text):
    """Names come from files of the user."""
    assert notebook.escaped(text) == html.escape(text)


def test_cells_and_lines_are_escaped():
    """Around them stands what makes a table and a list."""
    assert notebook.table(["a<"], [["1"], ["&"]]) == (
        "<table><tr><th>a&lt;</th></tr><tr><td>1</td></tr><tr><td>&amp;</td></tr></table>"
    )
    assert notebook.listed(["a", "<b>"]) == "<ul><li>a</li><li>&lt;b&gt;</li></ul>"
