"""The command line: a thin layer over `escalera.apps.workspace`.

Command groups are imported when they are called, so that `--help` loads nothing heavy.
"""

from __future__ import annotations

import errno
import importlib
import sys
from collections.abc import Mapping

import click

EXIT_ERROR, EXIT_INPUT, EXIT_INTERRUPTED = 1, 2, 130
_FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk is full",
    errno.EFBIG: "a file grows beyond what it may be here",
}

COMMANDS: Mapping[str, str] = {
    "init": "Write a commented project file.",
    "doctor": "Check data, models and packages, and say what the climb will cost.",
    "data": "Check, count, clean and convert files of items.",
    "demo": "Run the running example: a shop's assistant with three kinds of query.",
    "climb": "Climb from the base model to a decision; continues where it stopped.",
    "combine": "One model, separate models or a merge? The alternatives side by side.",
    "eval": "Measure systems: score, interval, what is missing, price and time.",
    "gate": "Does a system break what works today? Words, exit codes, and into service.",
    "route": "A cheap system where it is enough, a better one elsewhere: learned and tested.",
    "compare": "Is one system as good as another? Exit codes for pipelines, JUnit.",
    "try": "Try a changed prompt on a few items: the paired change, and what flipped.",
    "prompts": "List the versions of every prompt, show one, or what changed.",
    "judge": "Hold a judge against people's labels: can it be trusted?",
    "data-need": "Would more training examples help, how many, at what price?",
    "pilots": "Which base is worth finetuning, or is it none?",
    "sweep": "Which levers of a training do best, by trials that are cut short?",
    "label": "Open a page on which people label: by keyboard, nothing lost.",
    "diagnose": "Say what went wrong in a training, with figures, remedy and command.",
    "curves": "Show the curves of trainings, also live: a page, TensorBoard, MLflow.",
    "model": "List, withdraw and export finetuned models: PEFT, safetensors, GGUF.",
    "merge": "Merge models or adapters as a recipe says (TOML, or mergekit's YAML).",
    "placebo": "Show the gain that is claimed among copies of one system.",
    "export": "Write every answer's score as JSONL, CSV, Parquet or an MLflow run.",
    "report": "Write the decision report (HTML, or JSON).",
    "explain": "Say why the decision is what it is, and what would reverse it.",
    "chat": "Talk with the decided system in the terminal.",
    "keys": "Make, list, rotate and revoke the keys of the gateway.",
    "log": "List, show, export and replay what the gateway served.",
    "gateway": "Look at a gateway that runs; reload or roll back its configuration.",
    "shadow": "Say what candidates that are tried on live calls are worth; judge their pairs.",
    "promote": "Let a candidate that was tried on live calls take over.",
    "rollback": "Let what answered before a promotion answer again.",
    "sla": "Hold what was served against what providers promise.",
    "audit": "Check and list the record of administrative acts.",
    "work": "Work off the finetuning jobs of the gateway.",
    "serve": "Serve the decided system behind an OpenAI-compatible endpoint.",
}
"""Every command with its line of help: one file in this folder, and one line here."""


MODULES: Mapping[str, str] = {"data-need": "data_need", "try": "trying"}
"""Commands that cannot be the name of a module."""


class LazyGroup(click.Group):
    """Finds a command by its name, in the module of that name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        room = MODULES.get(cmd_name, cmd_name)
        module = importlib.import_module(f"escalera.apps.cli.{room}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


EPILOG = (
    "Exit codes: 0 decided, 1 error, 2 bad input, 3 not enough evidence, 4 a regression was shown, "
    "130 interrupted."
)


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="escalera")
def cli() -> None:
    """Decide, by evidence, how a foundation model should be adapted to a task."""


def main() -> None:
    """Run the command line and turn errors into messages and exit codes."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; the exit code."""
    from escalera.errors import EscaleraError, EvidenceMissing, InputError

    try:
        code = cli.main(args=arguments, standalone_mode=False)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        error.show()
        return EXIT_INPUT
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted: run the same command again to continue", err=True)
        return EXIT_INTERRUPTED
    except (InputError, EvidenceMissing) as error:
        click.echo(f"escalera: {error}", err=True)
        return EXIT_INPUT
    except EscaleraError as error:
        click.echo(f"escalera: {error}", err=True)
        return EXIT_ERROR
    except OSError as error:
        if error.errno not in _FULL:
            raise
        where = "" if error.filename is None else f" ({error.filename})"
        said = f"{_FULL[error.errno]}{where}: make room and run the same command again"
        click.echo(f"escalera: {said}; what was recorded is kept and used", err=True)
        code = EXIT_ERROR
    return code if isinstance(code, int) else 0
