"""`escalera compare`: a gate for pipelines, over systems of a project or files of scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from escalera.apps.cli import options

if TYPE_CHECKING:
    from escalera.domain.verdict import Mode


@click.command()
@click.argument("candidate")
@click.argument("incumbent")
@options.project
@options.as_json
@click.option(
    "--mode",
    type=click.Choice(["group-sequential", "anytime", "finite"]),
    default="group-sequential",
    show_default=True,
    help="When it may be read: at planned looks (without --buy once), or at any time; finite: at "
    "any time, and only about what the full set of these items would say.",
)
@click.option(
    "--buy", is_flag=True, help="Systems only: ask as many items as settle it, look by look."
)
@click.option("--junit", type=click.Path(path_type=Path), help="Also write a JUnit XML file.")
@click.option(
    "--margin",
    type=options.Between(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Files only: the fall that is accepted.",
)
@click.option(
    "--confidence",
    type=options.Between(0.5, 0.9999, min_open=True),
    default=0.95,
    show_default=True,
    help="Files only: how sure to be of all tasks together.",
)
@click.option(
    "--common",
    is_flag=True,
    help="Leave out what one of the two lacks. Without it, items (of files) and tasks that only "
    "INCUMBENT has can keep the gate open.",
)
@click.option("--format", "format_", help="Files only: their format, where it is not recognised.")
def command(  # noqa: PLR0913  one parameter per option
    candidate: str,
    incumbent: str,
    file: Path,
    json_: bool,  # noqa: FBT001
    mode: Mode,
    buy: bool,  # noqa: FBT001
    junit: Path | None,
    margin: float,
    confidence: float,
    common: bool,  # noqa: FBT001
    format_: str | None,
) -> int:
    """Is CANDIDATE as good as INCUMBENT, task by task, on the items that both have answered?

    Both are systems of a project (`lora`, `served`, `large@prompt`; see `eval`), or both are files
    of scores in any format that is known (Inspect, lm-evaluation-harness, promptfoo, OpenAI evals,
    CSV, JSONL, Parquet), as FILE or FILE::SYSTEM. Without --buy nothing is asked.

    Exit codes: 0 no task falls by its margin or more, 3 not enough evidence, 4 a fall is shown.
    """
    from escalera.apps import score_files, workspace
    from escalera.apps.cli.watching import watching
    from escalera.wiring import outputs

    if common and buy:
        raise click.UsageError("--common and --buy exclude each other: --buy asks what is lacking")

    files = [Path(name.partition("::")[0]) for name in (candidate, incumbent)]
    of_files = all(one.exists() for one in files)
    if not of_files and any(one.is_file() for one in files):
        absent, there = sorted(files, key=Path.exists)
        raise click.UsageError(
            f"there is no file '{absent}', and '{there}' is one: name two files, or two systems"
        )
    if junit is not None:
        outputs.require(junit, outputs.JUNIT, project=None if of_files else file)
    if of_files:
        found = score_files.compare_files(
            candidate,
            incumbent,
            mode=mode,
            margin=margin,
            confidence=confidence,
            format=format_,
            common=common,
        )
    else:
        opened = workspace.load(file)
        with watching(quiet=json_) as watcher:
            found = opened.compare(
                candidate,
                incumbent,
                mode=mode,
                buy=buy,
                common=common,
                progress=watcher.progressed,
            )
    if junit is not None:
        outputs.write(junit, found.junit(), outputs.JUNIT)
    click.echo(workspace.as_json(found.document()) if json_ else found)
    return found.exit_code
