"""The report in headless Chromium: both themes, phone and desk, screen and paper.

The browser is driven over a pipe (--remote-debugging-pipe): no socket, no dependency, and the
page's own policy against scripts stays in force while it is measured.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from escalera.apps.report import page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SAMPLE = Path(__file__).parents[1] / "unit" / "apps" / "report" / "sample_document.json"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
WIDTHS = (380, 400, 768, 1200, 1400)
THEMES = ("light", "dark")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="chromium is missing, the report was NOT looked at: apt-get install chromium",
    ),
]

OVERFLOW = """(() => {
  const wide = [...document.querySelectorAll('body *')].filter(e => {
    if (e.closest('.unseen, .symbols, symbol, thead, .wide')) return false;
    if (getComputedStyle(e).clipPath !== 'none') return false;
    const box = e.getBoundingClientRect();
    return box.width > 0 && (box.right > innerWidth + 1 || box.left < -1);
  }).map(e => e.tagName + '.' + (e.className.baseVal ?? e.className) + ' ' + e.textContent.trim());
  return {page: document.documentElement.scrollWidth - innerWidth, wide: wide.slice(0, 8)};
})()"""

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

CONTRAST = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const parse = text => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  const poor = []; let seen = 0;
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    if (e.closest('style, title') || !e.getClientRects().length) continue;
    const style = getComputedStyle(e);
    const [a, b] = [light(parse(e.closest('svg') ? style.fill : style.color)), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    seen += 1;
    if (ratio < 4.5) poor.push(ratio.toFixed(2) + ' ' + e.textContent.trim().slice(0, 40));
  }
  return {seen, poor, ground: parse(getComputedStyle(document.body).backgroundColor)};
})()"""


class Browser:
    """One headless Chromium with one page, spoken to over two pipes."""

    def __init__(self, profile: Path) -> None:
        theirs_in, self._out = _pipe()
        self._in, theirs_out = _pipe()
        script = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
        command = ["bash", "-c", script, str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}"]
        self._process = subprocess.Popen(
            command,
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> Any:
        """Send one command and wait for its answer, keeping what happened meanwhile."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer)
                return answer["result"]

    def evaluate(self, expression: str) -> Any:
        """Evaluate an expression in the page and return its value."""
        result = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def show(self, file: Path, *, width: int, theme: str) -> None:
        """Load a file at a width in a theme and wait until it has been laid out."""
        scheme = [{"name": "prefers-color-scheme", "value": theme}]
        self.ask("Emulation.setEmulatedMedia", media="", features=scheme)
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        self.ask("Page.navigate", url=file.as_uri())
        for _ in range(1000):
            if self.evaluate("document.readyState + location.href") == f"complete{file.as_uri()}":
                return
        raise AssertionError(f"{file} did not load")

    def picture(self, target: Path) -> Path:
        """Write a picture of the whole page."""
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        target.write_bytes(base64.b64decode(shot["data"]))
        return target

    def close(self) -> None:
        """End the browser and reap it."""
        self._session = None
        os.write(self._out, json.dumps({"id": 0, "method": "Browser.close"}).encode() + b"\0")
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            self._buffer += (chunk := os.read(self._in, 1 << 20))
            assert chunk, "chromium closed the pipe"
        line, self._buffer = self._buffer.split(b"\0", 1)
        message: dict[str, Any] = json.loads(line)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        if message.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
            self.complaints.append(json.dumps(message["params"]))
        return message


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
    assert 3 <= data.count(b"/Type /Page\n") + data.count(b"/Type /Page/") <= 12


# Private.


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 100) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]


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
