"""The report in headless Chromium: both themes, phone and desk, screen and paper."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.browser import chromium
from tests.browser.chromium import CONTRAST, OVERFLOW, Browser

from escalera.apps.report import page

SAMPLE = Path(__file__).parents[1] / "unit" / "apps" / "report" / "sample_document.json"
WIDTHS = (380, 400, 768, 1200, 1400)
THEMES = ("light", "dark")

pytestmark = [
    pytest.mark.browser,
    chromium.NEEDED,
]

OVERLAPS = """(() => {
  const found = [];
  for (const svg of document.querySelectorAll('body svg')) {
    const boxes = [...svg.querySelectorAll('text')].map(t => [t, t.getBoundingClientRect()]);
    boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {
      if (p.left < q.right && q.left < p.right && p.top + 2 < q.bottom && q.top + 2 < p.bottom)
        found.push(a.textContent + ' on ' + b.textContent);
    }));
  }
  return found;
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(tmp_path_factory.mktemp("chromium"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(page.render(json.loads(SAMPLE.read_text())), encoding="utf-8")
    return file


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_fits_the_screen(
    browser: Browser, report: Path, tmp_path: Path, width: int, theme: str
) -> None:
    """Nothing is wider than the screen, no label covers another, and something is there."""
    browser.show(report, width=width, theme=theme)
    assert browser.evaluate("innerWidth") == width
    assert browser.evaluate(OVERFLOW) == {"page": 0, "wide": []}
    assert browser.evaluate(OVERLAPS) == []
    shot = browser.picture(tmp_path / f"report-{width}-{theme}.png")
    assert _distinct_bytes(shot) > 100


@pytest.mark.parametrize("width", [380, 768, 1200])
def test_long_words_and_many_tasks_fit_too(browser: Browser, tmp_path: Path, width: int) -> None:
    """Names come from people: one of eighty letters without a break pushes nothing off."""
    document = json.loads(SAMPLE.read_text())
    document["verdict"]["sentence"] = document["project"] = "unbreakable" * 8
    for named in (*document["tasks"], *document["ladder"]):
        named["title"] += " " + "title" * 16
    for candidate in document["candidates"]:
        candidate["label"] += "_" + "label" * 16
    for at in range(4):
        document["tasks"].append({**document["tasks"][0], "name": f"task {at}", "bar": at / 3})
        for candidate in document["candidates"]:
            candidate["cells"].append({**candidate["cells"][0], "task": f"task {at}"})
    file = tmp_path / "long.html"
    file.write_text(page.render(document), encoding="utf-8")
    browser.show(file, width=width, theme="light")
    assert browser.evaluate(OVERFLOW) == {"page": 0, "wide": []}


@pytest.mark.parametrize("theme", THEMES)
def test_every_word_has_enough_contrast(browser: Browser, report: Path, theme: str) -> None:
    """WCAG AA, 4.5 to 1 for every text, on the ground it stands on."""
    browser.show(report, width=1200, theme=theme)
    browser.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    found = browser.evaluate(CONTRAST)
    assert found["seen"] > 200
    assert found["poor"] == []
    assert (sum(found["ground"][:3]) > 600) is (theme == "light")


def test_asks_for_nothing_and_breaks_no_policy(browser: Browser, report: Path) -> None:
    """The only request is for the file itself, and the browser has nothing to complain about."""
    browser.requests.clear()
    browser.complaints.clear()
    browser.show(report, width=1200, theme="light")
    assert {url for url in browser.requests if not url.startswith("data:")} == {report.as_uri()}
    assert browser.complaints == []


def test_a_smuggled_script_does_not_run(browser: Browser, report: Path, tmp_path: Path) -> None:
    """Should escaping ever fail, the page's policy still stops scripts and pictures."""
    evil = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    file = tmp_path / "evil.html"
    file.write_text(report.read_text(encoding="utf-8").replace("<main>", "<main>" + evil))
    browser.show(file, width=1200, theme="light")
    assert "owned" not in browser.evaluate("document.title")


def test_prints_on_several_sheets(browser: Browser, report: Path) -> None:
    """On paper the prompts are unfolded and nothing is lost to the right."""
    browser.show(report, width=1200, theme="dark")
    browser.ask("Emulation.setEmulatedMedia", media="print", features=[])
    unfolded = "[...document.querySelectorAll('details pre')].every(one => one.checkVisibility())"
    assert browser.evaluate(unfolded)
    printed = browser.ask("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
    data = base64.b64decode(printed["data"])
    assert data.startswith(b"%PDF")
    assert 3 <= data.count(b"/Type /Page\n") + data.count(b"/Type /Page/") <= 13


# Private.


def _distinct_bytes(png: Path) -> int:
    """Count the different bytes in a picture's filtered rows; a blank one has a handful."""
    data, at, packed = png.read_bytes(), 8, b""
    assert data.startswith(b"\x89PNG")
    while at < len(data):
        size, kind = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if kind == b"IDAT":
            packed += data[at + 8 : at + 8 + size]
        at += 12 + size
    return len(set(zlib.decompress(packed)))
