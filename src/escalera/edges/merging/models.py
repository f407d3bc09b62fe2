"""Folders with a model: its weights over all shards, its configuration and its tokenizer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from escalera.core.merging.fitting import Header, ModelHeader
from escalera.core.merging.numbers import Raw
from escalera.edges.merging.weights import Entry, Mapped, WeightsFile
from escalera.errors import MergeError

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
CONFIG = "config.json"
_UNREAD = ("tokenizer.model", "spiece.model", "vocab.txt")
"""Files of tokens that are only told apart."""


@dataclass(slots=True, kw_only=True)
class Model:
    """A model whose files are mapped. `name` is what the recipe calls it."""

    name: str
    folder: Path
    files: Sequence[WeightsFile]
    config: Mapping[str, Any]
    vocabulary: Mapping[str, int] | None
    tokenizer: tuple[str, str] | None = None
    _where: dict[str, WeightsFile] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for file in self.files:
            for name in file.entries:
                if name in self._where:
                    raise MergeError(
                        f"the model {self.name!r} holds {name!r} in "
                        f"{self._where[name].path.name!r} and in {file.path.name!r}. "
                        "Remove the file that does not belong to it."
                    )
                self._where[name] = file

    @property
    def header(self) -> ModelHeader:
        """What a plan needs to know."""
        return ModelHeader(
            name=self.name,
            tensors={
                name: Header(kind=entry.kind, shape=entry.shape)
                for name, entry in self.entries().items()
            },
            config=self.config,
            vocabulary=self.vocabulary,
            tokenizer=self.tokenizer,
        )

    def entry(self, tensor: str) -> Entry:
        """Kind, shape and place of a tensor."""
        return self._where[tensor].entries[tensor]

    def entries(self) -> dict[str, Entry]:
        """All tensors."""
        return {name: file.entries[name] for name, file in self._where.items()}

    def numbers(self, tensor: str) -> Raw:
        """The numbers of a tensor, as they lie in its file."""
        return self._where[tensor].numbers(tensor)

    def tensor(self, tensor: str) -> Mapped:
        """A tensor that is read part by part."""
        return self._where[tensor].tensor(tensor)

    def forget(self, tensor: str) -> None:
        """Let the system drop the pages of a tensor."""
        self._where[tensor].forget(tensor)

    def close(self) -> None:
        """Unmap all files."""
        for file in self.files:
            file.close()


@contextmanager
def opened(folders: Mapping[str, Path]) -> Iterator[dict[str, Model]]:
    """Models by the name that a recipe gives them, mapped as long as the context holds.

    A search that tries many recipes on the same models opens them once.
    """
    models: dict[str, Model] = {}
    try:
        for name, folder in folders.items():
            models[name] = _model(name, folder)
        yield models
    finally:
        for model in models.values():
            model.close()


def vocabulary(folder: Path) -> dict[str, int] | None:
    """Numbers of all tokens, from `tokenizer.json`, or `vocab.json` of older models.

    None where there is neither. Raises `MergeError` for a file that holds no tokens.
    """
    path = folder / "tokenizer.json"
    if (found := document(path)) is not None:
        return _tokens(path, lambda: _of_tokenizer(found))
    path = folder / "vocab.json"
    if (listed := document(path)) is not None:
        more = document(folder / "added_tokens.json") or {}
        described = (document(folder / "tokenizer_config.json") or {}).get("added_tokens_decoder")
        return _tokens(path, lambda: _of_list(listed | more, described or {}))
    return None


def unread_tokenizer(folder: Path) -> tuple[str, str] | None:
    """Name and digest of the first file of tokens that is not read here, as SentencePiece's is."""
    for name in _UNREAD:
        if (folder / name).is_file():
            return name, hashlib.sha256((folder / name).read_bytes()).hexdigest()
    return None


def document(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where there is no such file. Raises `MergeError` for another thing."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise MergeError(f"{str(path)!r} cannot be read: {error}. Fetch the file again.") from error
    if not isinstance(found, dict):
        raise MergeError(f"{str(path)!r} holds no JSON object. Fetch the file again.")
    return found


# Below: private.


def _tokens(path: Path, read: Callable[[], dict[str, int]]) -> dict[str, int]:
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise MergeError(
            f"the tokens of {str(path)!r} are not understood: {error!r}. Fetch the file again."
        ) from error


def _of_tokenizer(found: Mapping[str, Any]) -> dict[str, int]:
    model = found.get("model") or {}
    listed = model.get("vocab") or {}
    if isinstance(listed, list):  # unigram: pieces with their scores, in order
        listed = {piece[0]: number for number, piece in enumerate(listed)}
    tokens = {str(token): int(number) for token, number in listed.items()}
    tokens.update({str(t["content"]): int(t["id"]) for t in found.get("added_tokens") or ()})
    return tokens


def _of_list(listed: Mapping[str, Any], described: Mapping[str, Any]) -> dict[str, int]:
    tokens = {str(token): int(number) for token, number in listed.items()}
    tokens.update({str(token["content"]): int(number) for number, token in described.items()})
    return tokens


def _listed(folder: Path) -> dict[str, str] | None:
    """The file of every tensor, by the index; None where there is none."""
    index = document(folder / INDEX)
    if index is None:
        return None
    where = index.get("weight_map")
    if not isinstance(where, dict) or not all(isinstance(file, str) for file in where.values()):
        raise MergeError(
            f"{str(folder / INDEX)!r} does not say under 'weight_map' which file holds which "
            "tensor. Fetch the file again."
        )
    return where


def _model(name: str, folder: Path) -> Model:
    if not folder.is_dir():
        raise MergeError(
            f"the model {name!r} is no folder ({str(folder)!r}). Models are folders with {CONFIG} "
            "and weights as safetensors: fetch a model of a hub first."
        )
    config = document(folder / CONFIG)
    if config is None:
        raise MergeError(f"the model {name!r} has no {CONFIG}. Name a folder with a whole model.")
    files: list[WeightsFile] = []
    try:
        for path in _shards(name, folder):
            files.append(WeightsFile(path))  # noqa: PERF401  closed below when one of them fails
        tokens = vocabulary(folder)
        model = Model(
            name=name,
            folder=folder,
            files=files,
            config=config,
            vocabulary=tokens,
            tokenizer=unread_tokenizer(folder) if tokens is None else None,
        )
        _require_listed(model)
    except MergeError:
        for file in files:
            file.close()
        raise
    return model


def _shards(name: str, folder: Path) -> list[Path]:
    where = _listed(folder)
    if where is not None:
        return [folder / shard for shard in sorted(set(where.values()))]
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    found = sorted(folder.glob("*.safetensors"))
    if len(found) != 1:
        held = f"{len(found)} safetensors files and no {INDEX}" if found else "no safetensors file"
        raise MergeError(
            f"the model {name!r} has {held}. Save it as safetensors, with the index that belongs "
            "to the shards."
        )
    return found


def _require_listed(model: Model) -> None:
    listed = set(_listed(model.folder) or ())
    if missing := sorted(listed - set(model.entries())):
        raise MergeError(
            f"the index of the model {model.name!r} lists {missing[0]!r}, which is in none of its "
            "files. Fetch the model again."
        )
