"""The command line: exit codes, messages, and what it does not load."""

from __future__ import annotations

import errno
import io
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from escalera.apps.cli import main
from escalera.apps.cli.main import COMMANDS, run

HEAVY = ("torch", "transformers", "peft", "numpy", "uvicorn", "httpx2", "rich", "starlette")


def loaded(program):
    """Which heavy packages a fresh process has loaded after *program*."""
    program += f"\nimport sys; print('LOADED', [m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.rsplit("LOADED ", 1)[1].strip()


def test_help_and_import_load_nothing_heavy():
    """The list of commands and the package itself come from the base install, at once."""
    assert loaded("from escalera.apps.cli.main import run; run(['--help'])") == "[]"
    assert loaded("import escalera") == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_loads_no_model_library(name):
    """Each command is a module of its own, found by its name."""
    program = f"from escalera.apps.cli.main import run; assert run(['{name}', '--help']) == 0"
    assert loaded(program) == "[]"


def test_the_installed_library_loads_no_torch():
    """Reading and reporting need none; only running a local model does."""
    found = loaded("import escalera; escalera.load")
    assert "torch" not in found
    assert "transformers" not in found


def test_a_gateway_does_not_load_what_makes_things():
    """Each of its workers would start later and be larger: it only reads what was made."""
    program = """
import sys
from escalera.apps.gateway import starting
makers = [f"escalera.engine.{name}" for name in ("climb", "making", "proving", "measuring")]
print([name for name in makers if name in sys.modules])
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_lists_every_command_and_the_exit_codes(capsys):
    """What can be typed, with a line each."""
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    for name, line in COMMANDS.items():
        assert f"  {name} " in shown
        assert line.split()[0] in shown
    assert "3 not enough evidence, 4 a regression was shown" in " ".join(shown.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["magic"], "No such command 'magic'"),
        (["climb", "--magic"], "No such option"),
        (["report", "--no-clocks"], "--no-clocks needs --json"),
        (["climb", "--project", "nowhere.toml"], "escalera init"),
        (["explain", "--project", "nowhere.toml"], "nowhere.toml: the file: cannot be read"),
        (["serve", "--port", "99999"], "99999"),
        (["serve", "--host", "0.0.0.0"], "--api-key-env"),
        (["label", "--host", "0.0.0.0"], "--expose"),
        (["label", "--pairs", "a", "b", "--answers", "a"], "exclude each other"),
        (["label", "--json"], "--json needs --summary"),
        (["label", "--rows", "x.jsonl"], "--rows needs --targets or --pairs"),
        (["label", "--project", "nowhere.toml"], "escalera init"),
    ],
)
def test_bad_input_is_code_2_with_a_message(arguments, said, capsys):
    """One line for people, no traceback."""
    assert run(arguments) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("rates", "tuned", "code"),
    [
        ((0.97, 0.97), None, 0),
        ((0.72, 0.97), None, 3),
        ((0.3, 0.97), {"a": 0.97, "b": 0.8}, 4),
    ],
)
@pytest.mark.parametrize("command", ["climb", "report"])
def test_a_decision_ends_with_its_code(write, climb, capsys, rates, tuned, code, command):
    """0 decided, 3 not enough evidence, 4 a regression was shown; also when it is only read."""
    folder = write(local=True)
    file = folder / "escalera.toml"
    file.write_text(
        file.read_text().replace("[climb]", '[climb]\nrungs = ["prompt", "examples", "lora"]')
    )
    climb(folder, *rates, tuned=tuned)
    assert run([command, "-p", str(folder)]) == code
    shown = capsys.readouterr().out
    assert "report.html" in shown
    assert (folder / "report.html").exists()


def test_a_broken_journal_is_code_1(write, climb, capsys):
    """An error that is not the user's input."""
    folder = write()
    climb(folder)
    with closing(sqlite3.connect(folder / ".escalera" / "journal.sqlite")) as connection:
        connection.execute("drop trigger journal_is_append_only_delete")
        connection.execute("delete from journal where position = 5")
        connection.commit()
    assert run(["report", "-p", str(folder)]) == 1
    assert "event 5 is missing or was changed" in capsys.readouterr().err


def test_a_damaged_journal_is_code_1(write, climb, capsys):
    """Pages that SQLite cannot read are no traceback."""
    folder = write()
    climb(folder)
    file = folder / ".escalera" / "journal.sqlite"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] + b"\xa5" * (len(whole) // 2))
    assert run(["report", "-p", str(folder)]) == 1
    shown = capsys.readouterr().err
    assert "journal.sqlite is damaged" in shown
    assert "from a copy" in shown


@pytest.mark.parametrize("output", ["missing/x.html", "."])
def test_a_report_that_cannot_be_written_is_code_2(write, climb, capsys, output):
    """A folder that is missing, or one where the file should be."""
    folder = write()
    climb(folder)
    assert run(["report", "-p", str(folder), "-o", str(folder / output)]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["climb", "report", "explain", "chat", "serve", "doctor"])
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('state = "a.jsonl"', "project.state"),
        ("confidence = 0.9999999999999", "at most 0.9999"),
        ("seed = -1", "project.seed: -1 is out of range"),
    ],
)
def test_a_project_that_cannot_be_climbed_is_code_2(write, capsys, command, line, said):
    """Whatever is asked, and before anything is done."""
    folder = write()
    file = folder / "escalera.toml"
    file.write_text(file.read_text().replace("[project]", f"[project]\n{line}", 1))
    assert run([command, "-p", str(folder)]) == 2
    assert said in capsys.readouterr().err


def test_no_decision_yet_is_code_2(write, capsys):
    """With the command that makes one."""
    assert run(["report", "-p", str(write())]) == 2
    assert "run `escalera climb`" in capsys.readouterr().err


def test_a_full_disk_is_told_with_the_remedy(monkeypatch, capsys):
    """Wherever it becomes full; what else goes wrong with files is no message."""

    def fails(number):
        def call(**_):
            raise OSError(number, os.strerror(number), "journal")

        monkeypatch.setattr(main.cli, "main", call)

    fails(errno.ENOSPC)
    assert run(["climb"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("escalera: the disk is full (journal): make room and run the same")
    fails(errno.EFBIG)
    assert run(["climb"]) == 1
    assert "a file grows beyond what it may be here (journal): make room" in capsys.readouterr().err
    fails(errno.EIO)
    with pytest.raises(OSError, match="journal"):
        run(["climb"])


def test_an_interruption_is_code_130(write, climb, monkeypatch, capsys):
    """The end of the input in a conversation, say; and the way to go on is told."""
    folder = write()
    climb(folder)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert run(["chat", "-p", str(folder)]) == 130
    assert "run the same command again" in capsys.readouterr().err


def test_the_console_script_ends_with_the_code(tmp_path):
    """As a process: message on stderr, nothing on stdout, code 2."""
    done = subprocess.run(
        [sys.executable, "-m", "escalera", "climb"],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("escalera: escalera.toml: the file:")


def test_json_goes_to_stdout_alone(write, climb, capsys):
    """What a script reads is not mixed with what people read."""
    folder = write()
    climb(folder)
    for command in ("climb", "report"):
        assert run([command, "-p", str(folder), "--json"]) == 0
        shown = capsys.readouterr()
        assert json.loads(shown.out)["verdict"]["reason"] == "adequate"
        assert shown.err == ""
    assert run(["report", "-p", str(folder), "--json", "--no-clocks"]) == 0
    assert '"clocks"' not in capsys.readouterr().out


def test_every_command_is_a_module_with_a_command():
    """One file in the folder, and one line in the table."""
    group = main.cli
    for name in COMMANDS:
        found = group.get_command(None, name)
        assert found is not None
        assert found.help
    assert group.get_command(None, "magic") is None
