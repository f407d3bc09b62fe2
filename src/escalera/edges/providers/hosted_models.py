"""Models that an endpoint finetuned: the artifact that stands for each, and its name there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from escalera.domain.hosting import HostedModel
from escalera.domain.left_files import HOSTED_FILE
from escalera.domain.project import ModelPrice
from escalera.edges.providers.endpoint import Endpoint
from escalera.errors import AdapterUnusable, EvidenceMissing


class HostedModels:
    """The finetuned models of one endpoint, asked at `price`; None where that is unknown.

    *folder* gives the artifact of a digest, and raises `EvidenceMissing` where there is none.
    """

    def __init__(
        self, endpoint: Endpoint, folder: Callable[[str], Path], *, price: ModelPrice | None
    ) -> None:
        self._endpoint = endpoint
        self._folder = folder
        self._names: dict[str, str] = {}
        self.price = price

    def name(self, digest: str) -> str:
        """What the endpoint calls the model. Raises `AdapterUnusable` for what is none of its."""
        if digest not in self._names:
            self._names[digest] = self._read(digest)
        return self._names[digest]

    def _read(self, digest: str) -> str:
        try:
            found = read(self._folder(digest))
        except EvidenceMissing as error:
            raise AdapterUnusable(str(error), provider=self._endpoint.name) from error
        if found is None:
            raise AdapterUnusable(
                f"the adapter {digest[:12]!r} is made of weights, which an endpoint cannot load: "
                "it runs on the local model that it was trained for",
                provider=self._endpoint.name,
            )
        if not same(found.endpoint, self._endpoint.base_url):
            raise AdapterUnusable(
                f"the model {found.model!r} was finetuned at {found.endpoint!r} and answers there; "
                f"base_url is {self._endpoint.base_url!r}. Name that endpoint, or climb again",
                provider=self._endpoint.name,
            )
        return found.model


def read(folder: Path) -> HostedModel | None:
    """The model that an artifact stands for, None for an artifact of another kind.

    Raises `EvidenceMissing` where its file cannot be read.
    """
    file = folder / HOSTED_FILE
    if not file.is_file():
        return None
    try:
        return msgspec.json.decode(file.read_bytes(), type=HostedModel)
    except (OSError, msgspec.MsgspecError) as error:
        raise EvidenceMissing(
            f"{str(file)!r} cannot be read: {error}. Restore the artifacts of the project"
        ) from error


def same(one: str, other: str) -> bool:
    """Whether two base URLs are one, but for a slash at the end."""
    return one.rstrip("/") == other.rstrip("/")
