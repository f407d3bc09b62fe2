"""Models of the Hugging Face Hub as folders: from the local cache, or downloaded once.

Only the files that a model needs to answer are fetched, never code and never pickled weights. What
is in the cache is used as it is: a project that says `main` keeps the `main` of its first download
until the cache or the project names another revision.
"""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

from escalera.edges.providers.model_files import ANSWERING
from escalera.errors import InputError


def folder(repository: str, revision: str) -> Path:
    """Where the model lies. Raises `InputError` when it can neither be found nor downloaded.

    A key for models that are not public is read by the library from `HF_TOKEN`.
    """
    try:
        return _snapshot(repository, revision, cached=True)
    except HFValidationError as error:
        raise InputError(
            f"{repository!r} is no name of a model on the Hub: {error}. "
            "Write it as owner/name, for example 'HuggingFaceTB/SmolLM2-135M-Instruct'."
        ) from error
    except LocalEntryNotFoundError:
        pass
    try:
        return _snapshot(repository, revision, cached=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"the model {repository!r} at revision {revision!r} is not in the local cache and "
            f"cannot be downloaded: {error}. Check name, revision, network and HF_TOKEN, or give "
            "the folder of a copy as `path`."
        ) from error


# Below: private.


def _snapshot(repository: str, revision: str, *, cached: bool) -> Path:
    found = snapshot_download(
        repository, revision=revision, allow_patterns=list(ANSWERING), local_files_only=cached
    )
    return Path(str(found))
