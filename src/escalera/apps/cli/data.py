"""`escalera data`: check, count, clean and convert files of items."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from escalera.apps.cli import generating, options

if TYPE_CHECKING:
    from escalera.core.data.splitting import Shares
    from escalera.settings.data_file import Source

Command = TypeVar("Command", bound=Callable[..., Any])
PATHS = click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
AGAINST = click.option(
    "--against",
    "others",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file whose questions must not be taught, such as a benchmark; may be repeated.",
)
NEAR = click.option(
    "--near",
    type=options.Between(0, 1),
    default=0.7,
    show_default=True,
    help="Share of common shingles from which two texts are near (0.6 or more); 0 looks for none.",
)


def said_of_rows(command: Command) -> Command:
    """Options that say of a whole file what its rows do not say."""
    for option in (
        click.option("--source", help="Where the rows come from, where they do not say so."),
        click.option("--licence", help="Under which licence the rows are, where they do not say."),
        click.option(
            "--column",
            "columns",
            multiple=True,
            help="MEANING=NAME, such as input=question: which column is which; may be repeated.",
        ),
    ):
        command = option(command)
    return command


@click.group()
def command() -> None:
    """Check, count, clean and convert files of items.

    Items stand in JSON lines (our own form, prompt and completion, OpenAI chats, chosen and
    rejected answers), CSV, Parquet, or a data set folder. PATHS are such files, or a project: then
    the files of its tasks. Without any, the project in this folder.
    """


@command.command()
@PATHS
@said_of_rows
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Complaints that are told; all are counted.",
)
@click.option(
    "--longest",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    help="Characters that a question or an answer may have.",
)
@options.as_json
def check(  # noqa: PLR0913  one parameter per option
    paths: tuple[Path, ...],
    columns: tuple[str, ...],
    licence: str | None,
    source: str | None,
    limit: int,
    longest: int,
    json_: bool,  # noqa: FBT001
) -> int:
    """Tell everything that is wrong with PATHS: file, line, value, rule and remedy.

    Exit codes: 0 nothing is wrong, 2 something is.
    """
    from escalera.apps import workspace
    from escalera.apps.data import checked

    groups = _groups(paths, columns, licence, source)
    found = checked.check(groups, most=limit, longest=longest)
    click.echo(workspace.as_json(found.document) if json_ else found)
    return 2 if found.total else 0


@command.command()
@PATHS
@said_of_rows
@AGAINST
@NEAR
@click.option(
    "--tokenizer",
    type=click.Path(path_type=Path),
    help="The folder of a model: lengths in its tokens, too.",
)
@click.option(
    "--rephrasings",
    type=options.Between(0, 1, min_open=True),
    help="A project only: also tell taught questions whose embedding has this cosine, such as 0.9, "
    "to a tested one. Buys embeddings by climb.embedding, under the caps.",
)
@options.as_json
def stats(  # noqa: PLR0913  one parameter per option
    paths: tuple[Path, ...],
    columns: tuple[str, ...],
    licence: str | None,
    source: str | None,
    others: tuple[Path, ...],
    near: float,
    tokenizer: Path | None,
    rephrasings: float | None,
    json_: bool,  # noqa: FBT001
) -> int:
    """Count what PATHS hold, and find the rows that say the same.

    Rows, splits, lengths, languages, answers, licences and sources per query type; exact and near
    duplicates, the same question with different answers, and leaks: questions of one split, or of a
    file named with --against, that stand in another, too.
    """
    from escalera.apps import workspace
    from escalera.apps.cli.watching import watching
    from escalera.apps.data import described, rephrased
    from escalera.wiring import data_sets

    groups = _groups(paths, columns, licence, source)
    project = None if rephrasings is None else _project(paths)
    with watching(quiet=json_) as watcher:
        found = described.describe(
            groups,
            others=[data_sets.source(other) for other in others],
            near=near or None,
            tokens=None if tokenizer is None else data_sets.tokens(tokenizer),
            rephrased=None
            if project is None or rephrasings is None
            else rephrased.suspected(project, least=rephrasings, progress=watcher.progressed),
            progress=watcher.progressed,
        )
    click.echo(workspace.as_json(found.document) if json_ else found)
    return 0


@command.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("into", type=click.Path(path_type=Path))
@said_of_rows
@AGAINST
@NEAR
@click.option(
    "--removed",
    type=click.Path(path_type=Path),
    help="Where the rows that are left out are told; INTO with .removed.jsonl when not given.",
)
@click.option("--conflicts", is_flag=True, help="Leave out questions with several answers, too.")
@options.as_json
def clean(  # noqa: PLR0913  one parameter per option
    path: Path,
    into: Path,
    columns: tuple[str, ...],
    licence: str | None,
    source: str | None,
    others: tuple[Path, ...],
    near: float,
    removed: Path | None,
    conflicts: bool,  # noqa: FBT001
    json_: bool,  # noqa: FBT001
) -> int:
    """Write the rows of PATH to INTO (JSON lines) without duplicates and leaks.

    Of two rows that say the same, the one for verdicts stays before the one that teaches, and the
    first one before the second. PATH is only read. Each row left out is told in a file of its own,
    with the row that it is like, how, and how much.
    """
    from escalera.apps import workspace
    from escalera.apps.cli.watching import watching
    from escalera.apps.data import cleaned
    from escalera.wiring import data_sets

    with watching(quiet=json_) as watcher:
        found = cleaned.clean(
            _source(path, columns, licence, source),
            into,
            removed=removed or into.with_name(f"{into.name}.removed.jsonl"),
            others=[data_sets.source(other) for other in others],
            rules=cleaned.Rules(near=near or None, conflicts=conflicts),
            progress=watcher.progressed,
        )
    click.echo(workspace.as_json(found.document) if json_ else found)
    return 0


@command.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("into", type=click.Path(path_type=Path))
@said_of_rows
@click.option(
    "--from",
    "tool",
    type=click.Choice(["rows", "label-studio", "argilla"]),
    default="rows",
    show_default=True,
    help="Rows of any form that is read, or a JSON export of a tool for labelling.",
)
@click.option("--control", help="Labelling: the control or question that holds the answer.")
@click.option("--suggested", is_flag=True, help="Argilla: take suggestions nobody has confirmed.")
@click.option(
    "--split",
    "shares",
    help="For rows without a split: one (train), or shares (train=0.6,search=0.2,confirm=0.2).",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Which rows go to which split.")
@options.as_json
def import_(  # noqa: PLR0913  one parameter per option
    path: Path,
    into: Path,
    columns: tuple[str, ...],
    licence: str | None,
    source: str | None,
    tool: Any,
    control: str | None,
    suggested: bool,  # noqa: FBT001
    shares: str | None,
    seed: int,
    json_: bool,  # noqa: FBT001
) -> int:
    """Write PATH to INTO as items in our own form, one JSON object per line.

    From CSV, Parquet, chats, data set folders, and the JSON exports of Label Studio and Argilla.
    Of labelled data, what has no answer, or no majority for one, is left out and told.
    """
    from escalera.apps import workspace
    from escalera.apps.data import converted

    if (control is not None and tool == "rows") or (suggested and tool != "argilla"):
        option = "--suggested" if suggested else "--control"
        raise click.UsageError(f"{option} says nothing of --from {tool}: leave it out")
    found = converted.bring(
        _source(path, columns, licence, source),
        into,
        tool=tool,
        asked=converted.Asked(control=control, suggested=suggested),
        shares=None if shares is None else _shares(shares, seed),
    )
    click.echo(workspace.as_json(found.document) if json_ else found)
    return 0


@command.command("export")
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("into", type=click.Path(path_type=Path))
@said_of_rows
@click.option(
    "--to",
    "output",
    type=click.Choice(["items", "chat", "pairs", "preference", "label-studio", "argilla"]),
    required=True,
    help="Our own form, what finetuning services take, or what a tool for labelling imports.",
)
@options.as_json
def export(  # noqa: PLR0913  one parameter per option
    path: Path,
    into: Path,
    columns: tuple[str, ...],
    licence: str | None,
    source: str | None,
    output: Any,
    json_: bool,  # noqa: FBT001
) -> int:
    """Write the items of PATH to INTO in the form of another tool."""
    from escalera.apps import workspace
    from escalera.apps.data import converted

    found = converted.send(_source(path, columns, licence, source), into, output=output)
    click.echo(workspace.as_json(found.document) if json_ else found)
    return 0


command.add_command(generating.generate)
command.add_command(generating.answer)
command.add_command(generating.effect)


# Below: private.

PROJECT = "escalera.toml"


def _groups(
    paths: tuple[Path, ...], columns: tuple[str, ...], licence: str | None, source: str | None
) -> dict[str, list[Source]]:
    """The files by query type: the tasks of a project, or each file by its name."""
    from escalera.wiring import data_sets

    groups: dict[str, list[Source]] = {}
    for path in paths or (Path(PROJECT),):
        file = _file(path)
        if file.suffix == ".toml":
            if columns or licence or source:
                raise click.UsageError(
                    f"--column, --licence and --source say nothing of a project: {file} says it of "
                    "the data of its tasks"
                )
            for task, sources in data_sets.of_project(file).items():
                groups.setdefault(task, []).extend(sources)
        else:
            groups.setdefault(str(path), []).append(_source(path, columns, licence, source))
    return groups


def _file(path: Path) -> Path:
    """A path, or the project file of a folder that has one."""
    return path / PROJECT if (path / PROJECT).is_file() else path


def _project(paths: tuple[Path, ...]) -> Path:
    """The one project that is meant."""
    file = _file(paths[0]) if paths else Path(PROJECT)
    if len(paths) > 1 or file.suffix != ".toml":
        raise click.UsageError("--rephrasings needs one project, whose model makes the embeddings")
    return file


def _source(
    path: Path, columns: tuple[str, ...], licence: str | None, source: str | None
) -> Source:
    from escalera.core.data.rows import MEANINGS
    from escalera.settings.tables import RowsTable
    from escalera.wiring import data_sets

    named: dict[str, str] = {}
    for column in columns:
        meaning, sign, name = column.partition("=")
        if not (sign and name) or meaning not in MEANINGS:
            known = ", ".join(MEANINGS)
            raise click.UsageError(f"--column {column!r} is no MEANING=NAME; known are {known}")
        if meaning in named:
            twice = f"{meaning}={named[meaning]} and {meaning}={name}"
            raise click.UsageError(f"--column names the {meaning} twice, {twice}: name one column")
        named[meaning] = name
    said = RowsTable(licence=licence or "", source=source or "", columns=named)
    return data_sets.source(path, said)


def _shares(said: str, seed: int) -> Shares:
    from escalera.core.data.splitting import Shares
    from escalera.domain.dataset import SPLITS

    found = {}
    for part in said.split(","):
        name, _, share = part.partition("=")
        split = next((known for known in SPLITS if known == name.strip()), None)
        try:
            found[split] = float(share or 1)
        except ValueError:
            split = None
        if split is None:
            raise click.UsageError(f"--split {said!r}: {part!r} is no share of {', '.join(SPLITS)}")
    try:
        return Shares(shares={name: share for name, share in found.items() if name}, seed=seed)
    except ValueError as error:
        raise click.UsageError(f"--split {said!r}: {error}") from error
