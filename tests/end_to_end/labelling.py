"""A labelling page in a process of its own: opened, spoken to, and killed."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Opened:
    """One running `escalera label`; `url` is the address that it told, `told` all that it said."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "escalera", "label", *arguments, "--port", "0"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self._stream = self.process.stderr
        self.url = self._address()
        # Whatever it says later must not fill the pipe.
        self._rest = threading.Thread(target=self._stream.read, daemon=True)
        self._rest.start()

    def kill(self) -> None:
        """End it without a word (SIGKILL)."""
        self.process.kill()
        self.process.wait()
        self._rest.join()
        self._stream.close()

    def _address(self) -> str:
        self.told = ""
        for line in self._stream:
            self.told += line
            if found := re.match(r"open (http://\S+/)", line):
                return found[1]
        self.process.wait()
        self._stream.close()
        raise AssertionError(f"no page was opened: {self.told}")


@contextmanager
def opened(project: Path, *arguments: str) -> Iterator[Opened]:
    """A page over *project*, killed in the end."""
    found = Opened("-p", str(project), *arguments)
    try:
        yield found
    finally:
        found.kill()
