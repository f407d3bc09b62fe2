"""The report says everything the document says, and nothing else."""

from __future__ import annotations

import base64
import copy
import hashlib
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jinja2
import pytest

from escalera.apps.report import page

SAMPLE = Path(__file__).parent / "sample_document.json"
HOSTILE = """</style></title><script>alert(1)</script><img src=x onerror=alert(2)>"'&{{ 7*7 }}"""
STATES = ("adequate", "inadequate", "undecided", "regressed", "not reached", "not allowed")
CODED = {"reason", "rung", "state", "adequacy", "comparison"}


def test_the_verdict_sentence_is_the_only_headline():
    """It comes before everything else that is said."""
    text, sentence = page.render(_sample()), _sample()["verdict"]["sentence"]
    assert re.findall(r"<h1>(.*?)</h1>", text, re.S) == [html.escape(sentence)]
    assert text.index("<h1>") < text.index("<h2")


def test_a_drifted_judge_is_warned_of_beside_the_verdict():
    """Among the reasons, and at the task that it scores."""
    document = _sample()
    name = document["tasks"][0]["name"]
    known = {"judge": "kind", "tasks": [name], "words": "drift since calibration 1: <drifted>"}
    known["orders"] = [{"words": "judge kind (Large): 10 calls left out"}]
    document["judges"] = [
        known | {"warning": "judge kind: it has drifted & more"},
        known | {"judge": "other", "tasks": [], "warning": None},
    ]
    text = page.render(document)
    before, _, after = text.partition("<strong>judge kind: it has drifted &amp; more</strong>")
    assert before.rindex("<h2>Why</h2>") > before.index("<h1>")
    assert "Judge kind: drift since calibration 1: &lt;drifted&gt;." in after
    assert "Judge kind (Large): 10 calls left out." in after
    assert "Judge other" not in text


def test_equal_documents_give_equal_bytes():
    """Nothing of the time or the machine enters."""
    assert page.render(_sample()) == page.render(_sample())
    assert page.fragment(_sample()) == page.fragment(_sample())


def test_it_is_one_well_formed_file_that_asks_for_nothing():
    """Tags are balanced; there is no script, no address, no inline style."""
    parsed = _parse(page.render(_sample()))
    assert parsed.open == []
    assert not {"script", "link href", "iframe", "img", "object"} & set(parsed.tags)
    for name, value in parsed.attributes:
        assert not name.startswith("on")
        assert name != "style"
        if name in ("src", "href"):
            assert value.startswith(("#", "data:"))
    assert "url(" not in page.render(_sample())
    assert len(set(parsed.ids)) == len(parsed.ids)


def test_the_policy_allows_exactly_the_style_that_is_there():
    """Else the page would stand naked."""
    text = page.render(_sample())
    style = re.search(r"<style>(.*?)</style>", text, re.S)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in text


def test_hostile_text_stays_text_everywhere():
    """Every string that people or models write is replaced by an attack, in page and fragment."""
    document = _map(_sample(), lambda key, value: value if key in CODED else value + HOSTILE)
    for text in (page.render(document), page.fragment(document)):
        assert "<script" not in text
        assert "<img" not in text
        assert "7*7" in text
        assert ">49<" not in text
        assert text.count("</style>") == 1
        assert _parse(text).open == []
    assert page.render(document).count("alert(1)") > 60


@pytest.mark.parametrize("key", sorted(CODED))
def test_unknown_codes_are_escaped_too(key):
    """A code that this version does not know is shown, not trusted."""
    document = _map(_sample(), lambda name, value: HOSTILE if name == key else value)
    for text in (page.render(document), page.fragment(document)):
        assert "<script" not in text
        assert "<img" not in text
        assert _parse(text).open == []


def test_clocks_may_be_missing():
    """A reproducible document has none; the page says so and shows no zero instead."""
    text = page.render(_without_clocks(_sample()))
    assert "time not measured" in text
    assert "<dt>minutes</dt><dd>not measured</dd>" in text
    assert not re.search(r"\d[  ](min|ms)\b", text)


def test_unknown_prices_are_unknown_and_known_ones_are_shown():
    """Null is no price of nothing."""
    document = _sample()
    assert "$" not in page.render(document)
    assert "price unknown" in page.render(document)
    document["spent"]["micro_dollars"] = 12_345_678
    document["candidates"][0]["cells"][0]["micro_dollars_per_call"] = 412.7
    document["candidates"][0]["cells"][1]["tokens_per_call"] = None
    price = {"value": 61.5, "lower": 50.0, "upper": 73.0, "n": 60, "clusters": 60}
    document["contracts"][0]["micro_dollars"] = price
    document["replay"][1]["micro_dollars"] = 41_234
    text = page.render(document)
    assert "$0.0000615" in text
    assert "$0.00005 to $0.000073" in text
    assert "$12.35" in text
    assert "$0.0412" in text
    assert "$0.413 per" in text
    assert "tokens not measured" in text


def test_a_document_without_candidates_still_says_its_verdict():
    """Undecided before anything was evaluated is a result."""
    document = _sample()
    document["verdict"] = {
        "reason": "undecided",
        "sentence": "140 more items are needed.",
        "exit_code": 3,
        "served": None,
        "reasons": [],
        "reversal": [],
    }
    made = ("screenings", "races", "prompts", "trainings", "merges", "promotions")
    for key in ("candidates", *made, "ladder", "reproduce"):
        document[key] = []
    document["router"] = None
    text = page.render(document)
    for said in (
        "140 more items are needed.",
        "Nothing is served",
        "No rung was considered.",
        "No system was evaluated on this query type.",
        "Nothing was trained.",
        "No prompts were raced.",
    ):
        assert said in text
    assert "No system was evaluated." in page.fragment(document)
    document["tasks"] = []
    assert "The project has no tasks." in page.render(document)


def test_a_cell_that_was_not_measured_is_not_a_failure():
    """Neither a score of 0 nor a missed bar."""
    document = _sample()
    served = next(one for one in document["candidates"] if one["served"])
    served["cells"][0] |= {
        "score": None,
        "adequacy": None,
        "difference": None,
        "comparison": None,
        "gate": None,
    }
    del served["cells"][1]
    text = page.render(document)
    assert 'class="is-not-measured" data-task="Customer feedback"' in text
    assert 'class="is-not-measured" data-task="Product recommendations"' in text
    assert "not measured" in page.fragment(document)


@pytest.mark.parametrize("state", STATES)
def test_every_state_of_a_rung_has_its_mark(state):
    """The mark exists, the word stands beside it: no meaning by colour alone."""
    document = _sample()
    document["ladder"] = [{**document["ladder"][0], "state": state, "price": None}]
    text = page.render(document)
    name = state.replace(" ", "-")
    assert f'<symbol id="mark-{name}"' in text
    assert f'<use href="#mark-{name}"/></svg><span>{state}</span>' in text


def test_every_mark_that_is_used_is_drawn():
    """A missing symbol would be an empty place."""
    text = page.render(_sample())
    used = set(re.findall(r'href="#(mark-[a-z-]+)"', text))
    assert used
    assert used <= set(re.findall(r'symbol id="(mark-[a-z-]+)"', text))


def test_every_picture_has_words():
    """A drawing is either named or hidden from those who cannot see it."""
    for drawing in re.findall(r"<svg\b[^>]*>", page.render(_sample())):
        inner = "viewBox" in drawing and "class" not in drawing
        nested = inner or 'width="1"' in drawing
        assert nested or "aria-label=" in drawing or 'aria-hidden="true"' in drawing, drawing


@pytest.mark.parametrize(
    ("cell", "state"),
    [
        ({"score": None}, "not measured"),
        ({"gate": False, "comparison": "worse", "adequacy": "adequate"}, "regressed"),
        ({"gate": False, "comparison": "undecided", "adequacy": "adequate"}, "unproven"),
        ({"gate": True, "comparison": "worse", "adequacy": "adequate"}, "adequate"),
        ({"gate": None, "comparison": None, "adequacy": "inadequate"}, "inadequate"),
        ({"gate": None, "comparison": None, "adequacy": None}, "undecided"),
    ],
)
def test_a_fall_comes_before_a_missed_bar(cell, state):
    """And a fall that was seen before one that could not be ruled out."""
    assert page.cell_state({"score": {}} | cell) == state


def test_a_document_that_lacks_a_part_is_refused():
    """An error now rather than a page with a hole."""
    document = _sample()
    del document["journal"]
    with pytest.raises(jinja2.UndefinedError, match="journal"):
        page.render(document)


def test_the_fragment_keeps_to_itself():
    """Its style names only its own class, and no colour but the notebook's."""
    text = page.fragment(_sample())
    style = re.search(r"<style>(.*?)</style>", text, re.S)
    assert style is not None
    for rule in style[1].strip().splitlines():
        selectors = rule.split("{")[0].split(",")
        assert all(one.strip().startswith(".escalera-report") for one in selectors)
    assert "#" not in style[1]
    assert len(text) < 12_000
    assert _sample()["verdict"]["sentence"] in text


# Private.


class _Parsed(HTMLParser):
    """Balance of tags, and what to look at."""

    VOID = frozenset({"meta", "link", "br", "img"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag


def _parse(text: str) -> _Parsed:
    parsed = _Parsed()
    parsed.feed(text)
    parsed.close()
    return parsed


def _sample() -> dict[str, Any]:
    return copy.deepcopy(json.loads(SAMPLE.read_text(encoding="utf-8")))


def _map(value: Any, change: Any, key: str = "") -> Any:
    """Change every string below *value*; names keep agreeing because equal stays equal."""
    if isinstance(value, dict):
        return {name: _map(one, change, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_map(one, change, key) for one in value]
    return change(key, value) if isinstance(value, str) else value


def _without_clocks(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_clocks(one) for key, one in value.items() if key != "clocks"}
    return [_without_clocks(one) for one in value] if isinstance(value, list) else value


def test_what_was_put_into_service_by_hand_stands_beside_the_verdict():
    """Whoever reads on is not told that nothing is served, nor shown its prompts for those."""
    document = _sample()
    (promotion, *_) = document["promotions"]
    document["promotions"] = [promotion | {"name": "large@prompt", "in_service": True}]
    text = page.render(document)
    assert "In service is <b>large@prompt</b>, put there by hand" in text
    document["verdict"] = document["verdict"] | {"served": None, "reason": "inadequate"}
    text = page.render(document)
    assert "Served, put into service by hand: large@prompt" in text
    assert "Nothing is served" not in text
    assert "What is the best prompting told?" in text
    assert "another system was put into service by hand" in text
