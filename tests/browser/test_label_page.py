"""The labelling page in headless Chromium: by keyboard alone, killed and resumed, nothing lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.browser import chromium
from tests.browser.chromium import CONTRAST, OVERFLOW, Browser
from tests.end_to_end.labelling import Opened, opened
from tests.unit.apps.label import project

from escalera.core.stats import agreement

pytestmark = [
    pytest.mark.browser,
    pytest.mark.network,
    chromium.NEEDED,
]

KILLED_AFTER = (11, 37, 38, 74)
"""So many labels are saved when the server is killed: at rest, or with a label under way."""

UNIT = "document.querySelector('input[name=unit]')?.value ?? ''"
STATUS = "document.getElementById('status').textContent"
LEFT = "document.querySelector('.count label')?.textContent ?? ''"
FOCUS = "document.activeElement.tagName + (document.activeElement.value ?? '')"
ANCHORS = 'anchors = ["useless", "poor", "usable", "good", "could be sent as it is"]'
LONG = "unbreakable" * 12


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(tmp_path_factory.mktemp("chromium"))
    yield made
    made.close()


def rows(file: Path) -> list[dict[str, Any]]:
    """The lines of a file of labels."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def grade(browser: Browser, by: str) -> str:
    """What *by* thinks of the answer on the page: Bo is one kinder to every third."""
    asked = browser.evaluate("document.querySelector('.asked .text').textContent")
    number = int(asked.rpartition(" ")[2])
    return str(min(4, number * 7 % 5 + (by == "Bo" and number % 3 == 0)))


def press_and_wait(browser: Browser, key: str) -> None:
    """Press a key and wait until another unit, or none, is on the page."""
    before = browser.evaluate(UNIT)
    browser.press(key)
    browser.until(f"({UNIT}) !== {json.dumps(before)}")


def test_a_hundred_labels_by_keyboard_while_the_server_is_killed(
    browser: Browser, tmp_path: Path
) -> None:
    """All hundred are in the file, each once and as it was pressed; then a second person agrees."""
    project.write(tmp_path, items=100)
    file, arguments = tmp_path / "replies.labels.jsonl", ("-s", "small", "-n", "100")
    pressed: dict[str, int] = {}

    def sit(server: Opened, until: int) -> None:
        browser.show(f"{server.url}as/Ana")
        for done in range(len(pressed), until):
            assert browser.evaluate(LEFT) == f"{done} by you, {100 - done} left"
            key = grade(browser, "Ana")
            pressed[browser.evaluate(UNIT)] = int(key)
            press_and_wait(browser, key)
            assert len(rows(file)) == done + 1

    for number, killed in enumerate(KILLED_AFTER):
        with opened(tmp_path, *arguments) as server:
            sit(server, killed)
            unit, key = browser.evaluate(UNIT), grade(browser, "Ana")
            if number % 2:
                browser.press(key)
                server.kill()
                browser.until(f"({STATUS}).startsWith('NOT saved') || ({UNIT}) !== '{unit}'")
            else:
                server.kill()
                browser.press(key)
                browser.until(f"({STATUS}).startsWith('NOT saved')")
                assert browser.evaluate(UNIT) == unit
        if len(rows(file)) > len(pressed):
            pressed[unit] = int(key)
        assert len(rows(file)) == len(pressed)
    with opened(tmp_path, *arguments) as server:
        sit(server, 100)
        assert "Nothing is left for you to label" in browser.evaluate("document.body.textContent")
        written = rows(file)
        assert [line["label"] for line in written] == [*pressed.values()]
        assert len({(line["by"], line["item"]) for line in written}) == 100
        _second_person(browser, server, file)


def _second_person(browser: Browser, server: Opened, file: Path) -> None:
    """Bo labels what everybody does; the agreement on the page is that of the statistics."""
    browser.show(f"{server.url}as/Bo")
    for done in range(20):
        assert browser.evaluate(LEFT) == f"{done} by you, {20 - done} left"
        press_and_wait(browser, grade(browser, "Bo"))
    written = rows(file)
    assert (len(written), {line["by"] for line in written[100:]}) == (120, {"Bo"})
    by_item: dict[str, dict[str, int]] = {}
    for line in written:
        by_item.setdefault(line["item"], {})[line["by"]] = line["label"]
    both = {item: given for item, given in by_item.items() if len(given) == 2}
    assert len(both) == 20
    clusters = [f"replies customer {int(item.rpartition('-')[2]) // 2}" for item in both]
    table = [[given["Ana"], given["Bo"]] for given in both.values()]
    alpha = agreement.krippendorff_alpha(table, clusters, metric="ordinal", alpha=0.05)
    shown = browser.evaluate("document.querySelector('.agreement').textContent")
    assert re.findall(r"-?\d\.\d\d", shown) == [
        f"{value:.2f}" for value in (alpha.estimate, alpha.lower, alpha.upper)
    ]
    assert "of 20 labelled by two or more" in shown


def test_every_key_does_what_it_says(browser: Browser, tmp_path: Path) -> None:
    """Arrows and Enter, undo, later, help, progress and back, and none of them by mouse."""
    project.write(tmp_path, judge=ANCHORS)
    file = tmp_path / "replies.labels.jsonl"
    with opened(tmp_path, "-s", "small", "-n", "6") as server:
        browser.show(f"{server.url}?who=")
        browser.until("document.activeElement.id", "name")  # focus comes with the first frame
        for letter in "Ana":
            browser.press(letter)
        browser.press("Enter", code=13, text="\r")
        browser.until(LEFT, "0 by you, 6 left")
        first = browser.evaluate(UNIT)
        browser.press("?")
        browser.until("document.getElementById('help').open")
        browser.press("?")
        browser.until("!document.getElementById('help').open")
        for key, code, at in (("ArrowRight", 39, 0), ("ArrowRight", 39, 1), ("ArrowRight", 39, 2)):
            browser.press(key, code=code)
            browser.until(FOCUS, f"BUTTON{at}")
        browser.press("ArrowLeft", code=37)
        browser.until(FOCUS, "BUTTON1")
        press = {"key": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        browser.ask("Input.dispatchKeyEvent", type="keyDown", **press)
        browser.until(LEFT, "1 by you, 5 left")
        assert browser.evaluate(FOCUS) == "MAIN"
        for _ in range(3):  # a key that is held down gives one label
            browser.ask("Input.dispatchKeyEvent", type="keyDown", autoRepeat=True, **press)
        browser.ask("Input.dispatchKeyEvent", type="keyUp", key="Enter")
        second = browser.evaluate(UNIT)
        browser.press("u")
        browser.until(UNIT, first)
        assert browser.evaluate(STATUS) == "Taken back: label it again."
        browser.press("s")
        browser.until(UNIT, second)
        for _ in range(5):
            press_and_wait(browser, "4")
        assert browser.evaluate(UNIT) == first
        browser.press("9")
        browser.press("p")
        browser.until("document.querySelector('h1').textContent", "Progress")
        browser.press("Enter", code=13, text="\r")
        browser.until(UNIT, first)
        press_and_wait(browser, "0")
        browser.until(
            "document.querySelector('h1')?.textContent", "Nothing is left for you to label"
        )
    assert [line["label"] for line in rows(file)] == [1, None, 4, 4, 4, 4, 4, 0]


def test_targets_are_written_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    """Letters are letters in the field; what the task cannot use stays in it, with the reason."""
    project.write(tmp_path)
    inputs = tmp_path / "new.jsonl"
    inputs.write_text("".join(f'{{"id": "{n}", "input": "in {n}"}}\n' for n in range(2)))
    (tmp_path / "form.json").write_text('{"type": "number"}')
    file = tmp_path / "escalera.toml"
    file.write_text(file.read_text().replace('"numeric"', '"numeric"\nschema = "form.json"'))
    with opened(tmp_path, "-t", "routing", "--targets", str(inputs)) as server:
        browser.show(f"{server.url}as/Ana")
        browser.until(FOCUS, "TEXTAREA")
        for letter in "us1":
            browser.press(letter)
        browser.press("Enter", code=13, text="\r", control=True)
        browser.until("document.querySelector('.problem') !== null")
        browser.until(FOCUS, "TEXTAREAus1")
        assert "schema" in browser.evaluate(STATUS)
        browser.evaluate("document.activeElement.value = ''")
        browser.press("7")
        browser.press("Enter", code=13, text="\r", control=True)
        browser.until(LEFT, "1 by you, 1 left")
        browser.press("Escape", code=27)
        browser.press("u")
        browser.until(LEFT, "0 by you, 2 left")
    assert [line["target"] for line in rows(tmp_path / "new.targets.jsonl")] == ["7", None]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_fits_the_screen_and_can_be_read(browser: Browser, tmp_path: Path, theme: str) -> None:
    """Phone and desk, words without a break, enough contrast; only the page's own files."""
    project.write(tmp_path, judge=ANCHORS.replace("usable", LONG))
    pairs = ("-t", "replies", "--pairs", "small", "large", "--overlap", "30")
    for arguments in (("-s", "small", "--overlap", "30"), pairs):
        with opened(tmp_path, *arguments) as server:
            for by in ("Ana", LONG[:40]):
                browser.show(f"{server.url}as/{by}")
                for _ in range(3):
                    press_and_wait(browser, "1" if by == "Ana" else "2")
            browser.requests.clear()
            browser.complaints.clear()
            for path in ("", "as/Ana", f"as/{LONG[:40]}/progress"):
                for width in (380, 768, 1200):
                    browser.show(f"{server.url}{path}", width=width, theme=theme)
                    browser.evaluate(
                        "document.querySelectorAll('details').forEach(d => d.open = true)"
                    )
                    assert browser.evaluate(OVERFLOW) == {"page": 0, "wide": []}, (path, width)
                found = browser.evaluate(CONTRAST)
                assert found["poor"] == []
                assert (sum(found["ground"][:3]) > 600) is (theme == "light")
            asked = {url for url in browser.requests if not url.startswith("data:")}
            assert {url.startswith(server.url) for url in asked} == {True}
            assert browser.complaints == []


def test_a_smuggled_script_does_not_run(browser: Browser, tmp_path: Path) -> None:
    """Answers with scripts are shown as text; one that got in would be stopped by the policy."""
    project.write(tmp_path)
    with opened(tmp_path, "-s", "small", "-n", "30") as server:
        browser.show(f"{server.url}as/Ana")
        seen = 0
        for _ in range(30):
            seen += project.EVIL in browser.evaluate(
                "document.querySelector('.answer').textContent"
            )
            press_and_wait(browser, "2")
        assert seen > 2
        browser.evaluate(
            "document.body.insertAdjacentHTML('beforeend', "
            "'<img src=x onerror=\"document.title = `owned`\">')"
        )
        script = "document.createElement('script')"
        browser.evaluate(
            f"document.body.append(Object.assign({script}, {{text: 'document.title = `owned`'}}))"
        )
        browser.until("document.readyState", "complete")
        assert "owned" not in browser.evaluate("document.title")
