"""The same job for every tool: n items, exact match, temperature 0, 100 calls in flight.

A tool makes a folder with two scripts: `run.sh` begins anew, `resume.sh` goes on after a kill in
the way that the tool documents. Each is what a user would run; anything else can time it too.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
FLYING = 100
INSTALLERS = ("pip", "setuptools", "pkg_resources", "_distutils_hack")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the tool says: its score, how many items are in it, and its exit status."""

    score: float | None
    scored: int
    exit: int | None


class Escalera:
    """Ours, from the environment that runs this benchmark."""

    name, package = "escalera", "escalera"

    def __init__(
        self, python: str = sys.executable, *, flying: int = FLYING, more: str = ""
    ) -> None:
        self.python = python
        self._flying, self._more = flying, more

    def prepare(self, folder: Path, items: int, url: str) -> None:
        """A project with one task."""
        _fresh(folder)
        splits = (("train", "t", 8), ("search", "s", 8), ("confirm", "w", items))
        rows = (
            {
                "id": f"{split}-{n}",
                "split": split,
                "input": f"say {word}{n}",
                "target": f"{word}{n}",
            }
            for split, word, many in splits
            for n in range(many)
        )
        _lines(folder / "items.jsonl", rows)
        text = (HERE / "project.toml").read_text()
        text = text.replace("URL", url).replace("FLYING", str(self._flying))
        (folder / "escalera.toml").write_text(text + self._more)
        state = shlex.quote(str(folder / ".escalera"))
        command = _line(self.python, "-m", "escalera", "eval", "remote", "-p", folder, "--json")
        _script(folder / "run.sh", f"rm -rf {state}", f"exec {command}")
        _script(folder / "resume.sh", f"exec {command}")

    def outcome(self, folder: Path, script: str, code: int | None) -> Outcome:
        """From the JSON that `eval` prints; nothing where it ended with an error."""
        text = (folder / f"{script}.out").read_text()
        if not text.startswith("{"):
            return Outcome(score=None, scored=0, exit=code)
        figure = json.loads(text)["systems"][0]["figure"] or {"value": None, "n": 0}
        return Outcome(score=figure["value"], scored=figure["n"], exit=code)


class Inspect:
    """inspect_ai; a set of one task is what it resumes."""

    name, package = "inspect_ai", "inspect_ai"

    def __init__(self, python: str) -> None:
        self.python = python

    def prepare(self, folder: Path, items: int, url: str) -> None:
        """The task lies in `peer_inspect.py`."""
        _fresh(folder)
        rows = ({"id": n, "question": f"say w{n}", "answer": f"w{n}"} for n in range(items))
        _lines(folder / "items.jsonl", rows)
        shutil.copy(HERE / "peer_inspect.py", folder)
        inspect = (self.python, "-m", "inspect_ai")
        options = ("--model", "openai/mock", "--model-base-url", url, "-M", "responses_api=false")
        options += ("--temperature", "0", "--max-connections", FLYING, "--max-samples", FLYING)
        options += ("--display", "none", "--log-dir", folder / "logs")
        logs = shlex.quote(str(folder / "logs"))
        head = (f"cd {shlex.quote(str(folder))}", "export OPENAI_API_KEY=mock", f"rm -rf {logs}")
        one = _line(*inspect, "eval", "peer_inspect.py", *options)
        many = _line(*inspect, "eval-set", "peer_inspect.py", *options)
        _script(folder / "run.sh", *head, f"exec {one}")
        _script(folder / "begin.sh", *head, f"exec {many}")
        _script(folder / "resume.sh", *head[:-1], f"exec {many}")
        _script(folder / "read.sh", *head[:-1], _line(self.python, "peer_inspect.py"))

    def outcome(self, folder: Path, script: str, code: int | None) -> Outcome:
        """From the log, read by the tool itself."""
        del script
        return _read(folder, code)


class Promptfoo:
    """promptfoo, by the path of its command."""

    name, package = "promptfoo", "promptfoo"

    def __init__(self, command: str) -> None:
        self.command = command

    def prepare(self, folder: Path, items: int, url: str) -> None:
        """One prompt, one provider, one assertion a test."""
        _fresh(folder)
        config = {"apiBaseUrl": url, "apiKey": "mock", "temperature": 0}
        rows = [
            {"vars": {"question": f"say w{n}"}, "assert": [{"type": "equals", "value": f"w{n}"}]}
            for n in range(items)
        ]
        project = {
            "prompts": ["{{question}}"],
            "providers": [{"id": "openai:chat:mock", "config": config}],
            "tests": rows,
        }
        (folder / "project.json").write_text(json.dumps(project))
        state = folder / "state"
        head = (
            "export PROMPTFOO_DISABLE_TELEMETRY=1 PROMPTFOO_DISABLE_UPDATE=1 "
            f"PROMPTFOO_CONFIG_DIR={shlex.quote(str(state))} PROMPTFOO_CACHE_PATH="
            f"{shlex.quote(str(state / 'cache'))}",
        )
        options = ("-c", folder / "project.json", "--no-table", "--no-progress-bar", "--no-share")
        options += ("-j", FLYING, "-o", folder / "found.json")
        run = _line(self.command, "eval", *options)
        _script(folder / "run.sh", *head, f"rm -rf {shlex.quote(str(state))}", f"exec {run}")
        resume = _line(self.command, "eval", "--resume", "--no-table", "--no-progress-bar")
        resume += " " + _line("--no-share", "-j", FLYING, "-o", folder / "found.json")
        _script(folder / "resume.sh", *head, f"exec {resume}")

    def outcome(self, folder: Path, script: str, code: int | None) -> Outcome:
        """Passed over all, as its summary says; errors are counted apart."""
        del script
        if not (folder / "found.json").exists():
            return Outcome(score=None, scored=0, exit=code)
        stats = json.loads((folder / "found.json").read_text())["results"]["stats"]
        scored = stats["successes"] + stats["failures"]
        every = scored + stats["errors"]
        return Outcome(score=stats["successes"] / every, scored=scored, exit=code)


class Harness:
    """lm-evaluation-harness against a chat endpoint, with its cache of answers."""

    name, package = "lm-eval", "lm_eval"

    def __init__(self, python: str) -> None:
        self.python = python

    def prepare(self, folder: Path, items: int, url: str) -> None:
        """A task in the tool's own form."""
        _fresh(folder)
        rows = ({"question": f"say w{n}", "answer": f"w{n}"} for n in range(items))
        _lines(folder / "items.jsonl", rows)
        task = (HERE / "peer_lm_eval.yaml").read_text()
        (folder / "words.yaml").write_text(task.replace("ITEMS", str(folder / "items.jsonl")))
        told = f"model=mock,base_url={url}/chat/completions,num_concurrent={FLYING}"
        options = ("--model", "local-chat-completions", "--tasks", "words")
        options += ("--model_args", f"{told},tokenized_requests=False", "--apply_chat_template")
        options += ("--include_path", folder, "--log_samples", "--output_path", folder / "found")
        options += ("--use_cache", folder / "cache")
        run = _line(self.python, "-m", "lm_eval", *options)
        quoted = shlex.quote(str(folder))
        head = (
            f"export OPENAI_API_KEY=mock HF_HOME={quoted}/hf",
            "export HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1",
            f"cd {quoted}",
        )
        _script(folder / "run.sh", *head, "rm -rf cache* found", f"exec {run}")
        _script(folder / "resume.sh", *head, f"exec {run}")

    def outcome(self, folder: Path, script: str, code: int | None) -> Outcome:
        """From the results file; there is none where a call failed for good."""
        del script
        for file in (folder / "found").rglob("results_*.json"):
            found = json.loads(file.read_text())
            score = found["results"]["words"]["exact_match,none"]
            return Outcome(score=score, scored=found["n-samples"]["words"]["effective"], exit=code)
        return Outcome(score=None, scored=0, exit=code)


class DSPy:
    """DSPy's Evaluate over one call of the language model, without an adapter."""

    name, package = "dspy", "dspy"

    def __init__(self, python: str) -> None:
        self.python = python

    def prepare(self, folder: Path, items: int, url: str) -> None:
        """The program lies in `peer_dspy.py`; its cache on disk is what it resumes from."""
        _fresh(folder)
        rows = ({"question": f"say w{n}", "answer": f"w{n}"} for n in range(items))
        _lines(folder / "items.jsonl", rows)
        cache = shlex.quote(str(folder / "cache"))
        head = (f"export DSPY_CACHEDIR={cache}",)
        run = _line(self.python, HERE / "peer_dspy.py", folder / "items.jsonl", url, FLYING)
        _script(folder / "run.sh", *head, f"rm -rf {cache}", f"exec {run}")
        _script(folder / "resume.sh", *head, f"exec {run}")

    def outcome(self, folder: Path, script: str, code: int | None) -> Outcome:
        """What the program prints in its last line."""
        lines = (folder / f"{script}.out").read_text().splitlines()
        if not lines or not lines[-1].startswith("{"):
            return Outcome(score=None, scored=0, exit=code)
        return Outcome(**json.loads(lines[-1]), exit=code)


def version(tool: Tool) -> str:
    """What the tool's own environment says."""
    if isinstance(tool, Promptfoo):
        command = [tool.command, "--version"]
    else:
        asked = f"import importlib.metadata as m; print(m.version({tool.package!r}))"
        command = [tool.python, "-c", asked]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]


def megabytes(tool: Tool) -> float:
    """The whole environment on disk, without the installer that came with it."""
    if isinstance(tool, Promptfoo):
        root = Path(tool.command).absolute().parents[1]
    else:
        root = Path(tool.python).absolute().parents[1]
    left_out = [f"--exclude={name}" for name in INSTALLERS]
    command = ["du", "-s", "--block-size=1000", *left_out, str(root)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return int(said.split()[0]) / 1000


Tool = Escalera | Inspect | Promptfoo | Harness | DSPy


# Below: private.


def _fresh(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _lines(file: Path, rows: Iterable[dict]) -> None:
    """One by one: the memory of a process counts as that of the processes it starts."""
    with file.open("w") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)


def _line(*words: object) -> str:
    return shlex.join(str(word) for word in words)


def _script(file: Path, *lines: str) -> None:
    file.write_text("\n".join([*lines, ""]))


def _read(folder: Path, code: int | None) -> Outcome:
    """What a tool's own reader prints."""
    script = ["sh", str(folder / "read.sh")]
    said = subprocess.run(script, check=True, capture_output=True, text=True).stdout
    return Outcome(**json.loads(said.splitlines()[-1]), exit=code)
