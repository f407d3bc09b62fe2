"""Headless Chromium, driven over a pipe (--remote-debugging-pipe): no socket, no dependency.

A page's own policy stays in force while it is measured.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
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

NEEDED = pytest.mark.skipif(
    CHROMIUM is None,
    reason="chromium is missing, pages were NOT looked at: apt-get install chromium",
)

OVERFLOW = """(() => {
  const wide = [...document.querySelectorAll('body *')].filter(e => {
    if (e.closest('.unseen, .symbols, symbol, thead, .wide')) return false;
    if (getComputedStyle(e).clipPath !== 'none') return false;
    const box = e.getBoundingClientRect();
    return box.width > 0 && (box.right > innerWidth + 1 || box.left < -1);
  }).map(e => e.tagName + '.' + (e.className.baseVal ?? e.className) + ' ' + e.textContent.trim());
  return {page: document.documentElement.scrollWidth - innerWidth, wide: wide.slice(0, 8)};
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

    def show(self, page: Path | str, *, width: int = 1200, theme: str = "light") -> None:
        """Load a file or an address at a width in a theme; wait until it has been laid out."""
        address = page if isinstance(page, str) else page.as_uri()
        scheme = [{"name": "prefers-color-scheme", "value": theme}]
        self.ask("Emulation.setEmulatedMedia", media="", features=scheme)
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        self.ask("Page.navigate", url=address)
        for _ in range(1000):
            if self.evaluate("document.readyState + location.href") == f"complete{address}":
                return
        raise AssertionError(f"{address} did not load")

    def press(
        self, key: str, *, code: int = 0, text: str | None = None, control: bool = False
    ) -> None:
        """Press and release a key in the page, as a keyboard does."""
        more = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 2 if control else 0}
        said = key if text is None and len(key) == 1 else text or ""
        self.ask("Input.dispatchKeyEvent", type="keyDown", text=said, **more)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **more)

    def until(self, expression: str, value: object = 1) -> None:
        """Wait until an expression has a value in a loaded page; by default, until it is true."""
        expression = f"document.readyState === 'complete' ? ({expression}) : 'loading'"
        found = None
        for _ in range(2000):
            found = self.evaluate(expression)
            if found == value:
                return
            time.sleep(0.005)
        raise AssertionError(f"{expression} is {found!r} and never {value!r}")

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


# Private.


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 100) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]
