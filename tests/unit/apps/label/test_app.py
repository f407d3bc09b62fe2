"""The labelling page as an ASGI application, called in this process, without its script."""

from __future__ import annotations

import asyncio
import html
import json
import re
from urllib.parse import urlencode

import httpx2
import pytest
from tests.unit.apps.label import project

from escalera.apps.label import matter
from escalera.apps.label.app import MAX_BODY, application
from escalera.apps.label.matter import Wanted
from escalera.apps.label.sitting import Sitting
from escalera.errors import LinesError
from escalera.testing.memory import MemoryLines

BASE = "http://127.0.0.1:8010"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Page:
    """The page over a sitting, spoken to as a browser without scripts does."""

    def __init__(self, folder, wanted=None, *, by=None, lines=None, shared=0):
        file = project.write(folder)
        wanted = wanted or Wanted(answers=("small",), sample=6)
        place = matter.place_of(file, wanted)
        self.lines = MemoryLines() if lines is None else lines
        found = matter.load(file, place, wanted, self.lines.read())
        self.sitting = Sitting(found, self.lines, shared=shared, now=lambda: 1.0)
        self.app = application(self.sitting, token="t", hosts=("127.0.0.1:8010",), by=by)

    def __call__(self, method, path, *, form=None, headers=None, content=None, follow=True):
        sent = {"Origin": BASE, **(headers or {})}
        if form is not None:
            content, sent = urlencode(form), {**FORM, **sent}

        async def send():
            transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(
                transport=transport, base_url=BASE, follow_redirects=follow
            ) as client:
                return await client.request(method, f"/t{path}", content=content, headers=sent)

        return asyncio.run(send())

    def written(self):
        return [json.loads(line) for line in self.lines.read()]


@pytest.fixture
def page(tmp_path):
    return Page(tmp_path)


def unit_of(response):
    return re.search(r'name="unit" value="(\w+)"', response.text)[1]


def status_of(response):
    return html.unescape(re.search(r'id="status"[^>]*>(.*?)</p>', response.text)[1])


def test_a_name_is_asked_for_and_stands_in_the_address(page):
    """Or it is known from the command line, and can be changed."""
    assert "Your name" in page("GET", "/").text
    named = page("GET", "/?name=++Li%CC%81a%20B ")
    assert str(named.url) == f"{BASE}/t/as/L%C3%ADa%20B"
    assert "Lía B" in named.text


def test_a_known_name_is_not_asked_for(tmp_path):
    """`--as`; another one can be given all the same."""
    page = Page(tmp_path, by="Ana")
    assert page("GET", "/").url.path == "/t/as/Ana"
    assert "Your name" in page("GET", "/?who=").text
    assert page("GET", "/?name=Bo").url.path == "/t/as/Bo"


def test_those_who_labelled_are_offered_by_name(page):
    """A second sitting is a click away."""
    page("POST", "/as/Ana/give", form={"unit": unit_of(page("GET", "/as/Ana")), "value": "1"})
    assert '<a href="/t/as/Ana">Ana</a>' in page("GET", "/").text


def test_a_label_is_kept_and_the_next_unit_comes(page):
    """The form is sent, the line is there, and the page that follows is another."""
    first = page("GET", "/as/Ana")
    response = page("POST", "/as/Ana/give", form={"unit": unit_of(first), "value": "3"})
    assert [len(response.history), response.history[0].status_code] == [1, 303]
    assert (status_of(response), unit_of(response) == unit_of(first)) == ("Saved.", False)
    assert [(line["by"], line["label"]) for line in page.written()] == [("Ana", 3)]
    assert "1 by you, 5 left" in response.text


def test_all_can_be_labelled_without_a_script(page):
    """Until nothing is left; then it says where the labels are."""
    shown = page("GET", "/as/Ana")
    for n in range(6):
        form = {"unit": unit_of(shown), "value": str(n % 5)}
        shown = page("POST", "/as/Ana/give", form=form)
    assert "Nothing is left for you to label" in shown.text
    assert "replies.labels.jsonl" in shown.text
    assert [line["label"] for line in page.written()] == [0, 1, 2, 3, 4, 0]


def test_undo_and_later_are_forms_too(page):
    """What is taken back is shown again; what is put off comes last."""
    first = page("GET", "/as/Ana")
    assert status_of(page("POST", "/as/Ana/undo")) == "There is no label of yours to take back."
    page("POST", "/as/Ana/give", form={"unit": unit_of(first), "value": "3"})
    back = page("POST", "/as/Ana/undo")
    assert (unit_of(back), status_of(back)) == (unit_of(first), "Taken back: label it again.")
    later = page("POST", "/as/Ana/later", form={"unit": unit_of(first)})
    assert unit_of(later) != unit_of(first)
    assert "comes again at the end" in status_of(later)
    assert [line["label"] for line in page.written()] == [3, None]


def test_a_label_can_be_corrected(page):
    """Its address is on the page of progress; the button that was pressed is marked."""
    first = page("GET", "/as/Ana")
    page("POST", "/as/Ana/give", form={"unit": unit_of(first), "value": "3"})
    listed = page("GET", "/as/Ana/progress").text
    assert f"/t/as/Ana?at={unit_of(first)}" in listed
    shown = page("GET", f"/as/Ana?at={unit_of(first)}")
    (pressed,) = re.findall(r'value="(\d)"[^>]*aria-pressed="true"', shown.text)
    assert pressed == "3"
    page("POST", "/as/Ana/give", form={"unit": unit_of(first), "value": "0"})
    assert [line["label"] for line in page.written()] == [3, 0]


def test_what_is_no_label_comes_back_with_the_reason(page):
    """The same page, the status of a form that cannot be taken, and nothing written."""
    first = page("GET", "/as/Ana")
    response = page("POST", "/as/Ana/give", form={"unit": unit_of(first), "value": "9"})
    assert (response.status_code, unit_of(response)) == (422, unit_of(first))
    assert "'9' is no grade: give 0 to 4" in html.unescape(response.text)
    assert page.written() == []


def test_a_refused_target_is_not_lost(tmp_path):
    """What was written stands in the field, as it was written."""
    inputs = tmp_path / "new.jsonl"
    inputs.write_text('{"id": "1", "input": "?", "target": "old"}')
    (tmp_path / "form.json").write_text('{"type": "object"}')
    page = Page(tmp_path, Wanted(task="replies", targets=inputs))
    first = page("GET", "/as/Ana")
    assert ">\nold</textarea>" in first.text
    form = {"unit": unit_of(first), "value": "</textarea>" + "x" * 200_001}
    response = page("POST", "/as/Ana/give", form=form)
    assert response.status_code == 422
    assert "&lt;/textarea&gt;xxx" in response.text
    assert response.text.count("</textarea>") == 1
    page("POST", "/as/Ana/give", form={"unit": unit_of(first), "value": "new"})
    assert [line["target"] for line in page.written()] == ["new"]


def test_nothing_says_whose_an_answer_is(tmp_path):
    """Nor does the page of progress, when answers of two systems are compared."""
    page = Page(tmp_path, Wanted(task="replies", pairs=("small", "large")))
    shown = page("GET", "/as/Ana")
    shown = page("POST", "/as/Ana/give", form={"unit": unit_of(shown), "value": "first"})
    for text in (shown.text, page("GET", "/as/Ana/progress").text):
        assert not re.search(r"\b(small|large)\b(?! says)", text)


def test_a_label_that_cannot_be_written_is_said_to_be_lost(tmp_path):
    """Status, words, and no next unit."""

    class Full(MemoryLines):
        def append(self, line):
            raise LinesError(file="f", problem="the line was NOT written", remedy="Make room")

    page = Page(tmp_path, lines=Full())
    first = page("GET", "/as/Ana")
    response = page("POST", "/as/Ana/give", form={"unit": unit_of(first), "value": "1"})
    assert response.status_code == 500
    assert "NOT saved: f: the line was NOT written. Make room" in response.text
    assert unit_of(page("GET", "/as/Ana")) == unit_of(first)


@pytest.mark.parametrize(
    ("path", "more", "status"),
    [
        ("/as/Ana/give", {"content": b"unit=1", "headers": {"Content-Type": "text/plain"}}, 415),
        ("/as/Ana/give", {"content": b"x" * (MAX_BODY + 1), "headers": FORM}, 413),
        ("/as/Ana/give", {"content": b"unit=%ff", "headers": FORM}, 400),
        ("/as/Ana/give", {"content": b"unit", "headers": FORM}, 400),
        ("/as/Ana/give", {"content": "unit=é".encode(), "headers": FORM}, 400),
        ("/as/Ana/give", {"content": b"&".join([b"a=1"] * 9), "headers": FORM}, 400),
        ("/as/Ana/give", {"content": b"", "headers": FORM}, 422),
        ("/as/%3Cb%3E/give", {"form": {"unit": "1"}}, 400),
        ("/as/Ana/more", {"form": {}}, 404),
        ("/as/Ana", {"form": {}}, 405),
        ("/as/Ana/give", {"form": {}, "headers": {"Origin": "http://evil.example"}}, 403),
    ],
)
def test_what_no_form_of_ours_sends_is_refused(page, path, more, status):
    """With a status, in bounds, and without a trace in the file."""
    response = page("POST", path, **more)
    assert response.status_code == status
    assert "Traceback" not in response.text
    assert page.written() == []


def test_what_was_not_foreseen_says_nothing_of_itself(page, monkeypatch):
    """But that nothing was saved."""

    def broken(*_):
        raise RuntimeError("inner secret")

    monkeypatch.setattr(page.sitting, "give", broken)
    response = page("POST", "/as/Ana/give", form={"unit": "1", "value": "1"})
    assert response.status_code == 500
    assert "NOT saved: internal error" in response.text
    assert "secret" not in response.text


@pytest.mark.parametrize(
    ("name", "kind"), [("label.css", "text/css"), ("label.js", "text/javascript")]
)
def test_style_and_script_come_from_here(page, name, kind):
    """The only other files that a page asks for."""
    response = page("GET", f"/{name}")
    assert response.headers["content-type"].startswith(kind)
    assert len(response.content) > 1000
    linked = re.findall(r'(?:src|href)="([^"#]+)"', page("GET", "/as/Ana").text)
    outside = [link for link in linked if not link.startswith(("/t/", "data:"))]
    assert outside == []
