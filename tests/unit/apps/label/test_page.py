"""The pages as HTML: everything is escaped, and has a name for those who do not see it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from tests.unit.apps.label import project

from escalera.apps.label import matter
from escalera.apps.label.matter import Wanted
from escalera.apps.label.page import Pages, choices
from escalera.apps.label.sitting import Sitting
from escalera.core.evaluation.labelling import levels
from escalera.domain.message import Message
from escalera.testing.memory import MemoryLines


@pytest.fixture
def opened(tmp_path):
    """A function that opens a sitting, with some of its matter changed."""
    file = project.write(tmp_path)

    def opened(wanted, **changes):
        place = matter.place_of(file, wanted)
        found = replace(matter.load(file, place, wanted, ()), **changes)
        return Sitting(found, MemoryLines(), shared=30, now=lambda: 1.0)

    return opened


GRADES = Wanted(answers=("small",), sample=30)


class Names(HTMLParser):
    """Controls without a name, ids that come twice, and tags that are left open."""

    VOID = ("input", "meta", "link", "br")

    def __init__(self):
        super().__init__()
        self.nameless, self.ids, self.open = [], [], []
        self._labels, self._fields, self._text = set(), [], ""

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "label":
            self._labels.add(given["for"])
        if tag in ("input", "textarea", "progress") and given.get("type") != "hidden":
            self._fields.append(given.get("id"))
        if tag not in self.VOID:
            self.open.append((tag, len(self._text)))

    def handle_endtag(self, tag):
        opened, at = self.open.pop()
        assert opened == tag
        if tag in ("button", "a", "summary", "h1", "h2") and not self._text[at:].strip():
            self.nameless.append(tag)

    def handle_data(self, data):
        self._text += data

    def problems(self):
        fields = [one for one in self._fields if one not in self._labels]
        twice = {one for one in self.ids if self.ids.count(one) > 1}
        return self.nameless + fields + [*twice] + self.open


def pages_of(held):
    pages = Pages(held, base="/t")
    for by in ("Ana", "Bo"):
        for n in range(7):
            shown = held.shown(by)
            if shown.unit is None:
                break
            said = str((n + (by == "Bo")) % 2) if len(shown.texts) == 1 else "first"
            held.give(by, shown.unit.key, said)
    shown = held.shown("Ana")
    return {
        "start": pages.start(),
        "item": pages.item(shown, said="saved"),
        "refused": pages.item(shown, problem="no <grade>", draft="<x>"),
        "progress": pages.progress("Ana"),
        "problem": pages.problem("not <saved>"),
    }


@pytest.mark.parametrize(
    "wanted", [GRADES, Wanted(task="replies", pairs=("small", "large"))], ids=["grade", "choice"]
)
def test_every_control_has_a_name_and_every_text_is_escaped(opened, wanted):
    """Answers and rubrics with markup are shown as they are, and do nothing."""
    for name, text in pages_of(opened(wanted)).items():
        read = Names()
        read.feed(text)
        assert read.problems() == [], name
        assert "<b>plain" not in text
        assert re.findall(r"<script\b[^>]*>", text) == ['<script src="/t/label.js" defer>']
        assert "onerror" not in text


def test_answers_with_markup_are_shown_as_they_are(opened):
    """All of them were on a page."""
    held = opened(GRADES)
    pages, seen = Pages(held, base="/t"), ""
    for key in held.units:
        seen += pages.item(held.shown("Ana", key))
    assert seen.count("&lt;script&gt;document.title = &#39;owned&#39;&lt;/script&gt;") > 1
    assert project.EVIL not in seen


def test_turns_fields_and_reference_are_shown(opened):
    """What the model was told besides, and what the judge is shown."""
    held = opened(GRADES)
    unit = held.shown("Ana").unit
    item = replace(
        unit.item,
        history=(Message(role="user", content="Hello & bye"),),
        fields=(("city", '"Bern"'),),
    )
    held.units = {unit.key: replace(unit, item=item)}
    text = Pages(held, base="/t").item(held.shown("Ana", unit.key))
    assert "Hello &amp; bye" in text
    assert "<dt>city</dt>" in text
    assert f">{unit.item.target}</div>" in text
    hidden = opened(GRADES, reference=False)
    assert ">Reference<" not in Pages(hidden, base="/t").item(hidden.shown("Ana"))


@pytest.mark.parametrize(
    ("lowest", "highest", "keys"),
    [
        (0, 4, "01234"),
        (1, 5, "12345"),
        (0, 9, "0123456789"),
        (-2, 2, "12345"),
        (10, 13, "1234"),
        (0, 10, ""),
        (0, 100, ""),
    ],
)
def test_a_grade_is_one_key_where_that_can_be(opened, lowest, highest, keys):
    """Its own digit, or its place; grades that are too many are typed."""
    held = opened(GRADES, grades=levels(lowest, highest), anchors=())
    found = choices(held.matter)
    assert "".join(choice.keys[0] for choice in found) == keys
    text = Pages(held, base="/t").item(held.shown("Ana"))
    assert text.count("data-choice") == len(keys)
    assert ('type="number"' in text) is (not keys)
    if keys:
        assert [choice.value for choice in found] == [str(g) for g in range(lowest, highest + 1)]


def test_anchors_say_what_grades_mean(opened):
    """On the buttons."""
    held = opened(GRADES, anchors=("rude", "poor", "<so>", "good", "best"))
    text = Pages(held, base="/t").item(held.shown("Ana"))
    assert "<span>rude</span>" in text
    assert "<span>&lt;so&gt;</span>" in text


def test_agreement_is_shown_from_the_first_unit_that_two_people_labelled(opened):
    """Until then it is said that it is not known."""
    held = opened(GRADES)
    pages = Pages(held, base="/t")
    first, second = (key for key, _ in zip(held.units, range(2), strict=False))
    held.give("Ana", first, "1")
    assert 'class="agreement"' not in pages.item(held.shown("Ana"))
    held.give("Bo", second, "2")
    assert "agreement is not known" in pages.item(held.shown("Ana"))
    held.give("Bo", first, "2")
    held.give("Ana", second, "2")
    alpha = held.standing().concord.alpha
    shown = f"Krippendorff’s alpha {alpha.estimate:.2f} [{alpha.lower:.2f}, {alpha.upper:.2f}]"
    assert shown in pages.item(held.shown("Ana"))
    assert shown in pages.progress("Bo")
    assert "Ana and Bo" in pages.progress("Bo")


def test_a_sitting_without_units_says_that_nothing_is_left(opened):
    """Two systems that always answer alike leave nothing to choose."""
    held = opened(Wanted(task="replies", pairs=("small", "large")), units=())
    assert "Nothing is left" in Pages(held, base="/t").item(held.shown("Ana"))
