"""A provider that finetunes, behind the `Tuner` port: one job for a recipe, whatever breaks.

Before a job is created the provider's own list is asked for one of the same recipe: by the digest
in the job's metadata, or by the file that its examples lie in. So neither a lost answer nor a lost
process leads to a second one. A job that failed or was cancelled does not count.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from escalera.domain.hosting import HostedRun
from escalera.domain.recipe import TrainingPair, TrainingRecipe
from escalera.edges.providers import jobs_wire as wire
from escalera.edges.providers.endpoint import Endpoint
from escalera.edges.providers.jobs_http import JobsClient
from escalera.errors import (
    AccessRefused,
    BadReply,
    InputError,
    ProviderError,
    ProviderUnavailable,
    RequestRejected,
)
from escalera.ports import Clock, Progress

JOBS = "/fine_tuning/jobs"
FIRST_LOOK, LONGEST_LOOK, SLOWER = 1.0, 60.0, 1.5
"""Seconds between two looks at a job: the first, the longest, and how the one follows from the
other."""
CANCELLING = 60.0
"""Seconds until a job that was cancelled has ended."""
MOST_BYTES = 512 * 1024 * 1024
"""Of the examples: what OpenAI takes in a file."""
MOST_EVENTS = 10_000
"""Events of a job that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """`suffix` is put into the names of models; a job may take `hours` while one waits for it, and
    has at least `fewest` examples."""

    suffix: str = ""
    hours: float = 24.0
    fewest: int = 1


class ProviderTuner:
    """Has the models of one endpoint finetuned there."""

    def __init__(self, endpoint: Endpoint, *, clock: Clock, terms: Terms | None = None) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._terms = terms or Terms()
        self._client = JobsClient(endpoint, clock=clock)

    def __repr__(self) -> str:
        return f"ProviderTuner({self._endpoint!r})"

    @property
    def endpoint(self) -> str:
        """The base URL at which the models answer."""
        return self._endpoint.base_url.rstrip("/")

    async def begin(self, recipe: TrainingRecipe, pairs: Sequence[TrainingPair]) -> str:
        """The id of the job for *recipe*: of the one that is there and did not fail, or a new one.

        Raises `InputError` for examples that the provider does not take, before any is sent.
        """
        content = self._examples(recipe, pairs)
        patience = self._client.patience(recipe.digest)
        while True:
            try:
                files = await self._files(recipe)
                job = await self._found(recipe, files)
                if job is None:
                    job = await self._created(recipe, content, files)
            except ProviderError as error:
                if not await self._client.again(patience, error):
                    raise
            else:
                return _checked(job.id, self._endpoint.name)

    async def wait(self, job: str, *, progress: Progress) -> HostedRun:
        """How the job ended. Raises `ProviderUnavailable` where it takes too long: ask again."""
        return await self._watched(job, progress, seconds=self._terms.hours * 3600)

    async def cancel(self, job: str) -> HostedRun:
        """Cancel the job, and say how it ended: it may have come to its end before."""
        path, patience = f"{_path(job)}/cancel", self._client.patience(job)
        while True:
            try:
                await self._client.write(path, None, wire.Job)
            except (RequestRejected, AccessRefused):
                break  # it ended before, which the job itself says
            except ProviderError as error:
                if not await self._client.again(patience, error):
                    raise
            else:
                break
        return await self._watched(job, _silent, seconds=CANCELLING)

    async def close(self) -> None:
        """Drop every connection."""
        await self._client.close()

    # Private

    async def _watched(self, job: str, progress: Progress, *, seconds: float) -> HostedRun:
        """Look at a job until it ended."""
        began, pause, told = self._clock.seconds(), FIRST_LOOK, _Told(progress)
        while True:
            said = bytes(await self._client.read(_path(job), msgspec.Raw))
            found = wire.parsed(said, wire.Job, provider=self._endpoint.name)
            told.add(await self._events(job, known=told.ids))
            if found.ended:
                return await self._ended(found, said, told)
            waited = self._clock.seconds() - began
            if waited > seconds:
                raise ProviderUnavailable(
                    f"the job {job!r} is {found.status!r} after {waited / 3600:.1f} hours of "
                    "waiting, and goes on there. Climb again to wait for it",
                    provider=self._endpoint.name,
                )
            progress(f"{job} is {found.status}", told.step, told.steps)
            await self._clock.sleep(pause)
            pause = min(pause * SLOWER, LONGEST_LOOK)

    def _examples(self, recipe: TrainingRecipe, pairs: Sequence[TrainingPair]) -> bytes:
        fewest = self._terms.fewest
        if len(pairs) < fewest:
            raise InputError(
                f"{self._endpoint.name} takes jobs of {fewest} examples or more, and there are "
                f"{len(pairs)}. Add `train` items."
            )
        content = wire.examples(recipe, pairs)
        if len(content) > MOST_BYTES:
            raise InputError(
                f"the examples are {len(content):,} bytes, and a file may have {MOST_BYTES:,}. "
                "Train on fewer or shorter items."
            )
        return content

    async def _files(self, recipe: TrainingRecipe) -> list[str]:
        """Files with the examples of *recipe* that are there already, newest first."""
        name, found = wire.filename(recipe), []
        async for entry in self._client.every("/files", purpose="fine-tune"):
            file = wire.parsed(bytes(entry), wire.File, provider=self._endpoint.name)
            if file.filename == name:
                found.append(file.id)
        return found

    async def _found(self, recipe: TrainingRecipe, files: Sequence[str]) -> wire.Job | None:
        async for entry in self._client.every(JOBS):
            job = wire.parsed(bytes(entry), wire.Job, provider=self._endpoint.name)
            ours = (job.metadata or {}).get(wire.RECIPE_KEY) == recipe.digest
            if (ours or job.training_file in files) and job.status not in ("failed", "cancelled"):
                return job
        return None

    async def _created(
        self, recipe: TrainingRecipe, content: bytes, files: Sequence[str]
    ) -> wire.Job:
        if files:
            file = files[0]
        else:
            boundary = f"escalera-{hashlib.sha256(content).hexdigest()}"
            sent = await self._client.upload(wire.filename(recipe), content, boundary=boundary)
            file = sent.id
        body = wire.job_body(
            recipe, model=self._endpoint.model, file=file, suffix=self._terms.suffix
        )
        return await self._client.write(JOBS, body, wire.Job)

    async def _events(self, job: str, *, known: set[str]) -> list[bytes]:
        """Events that are not known yet, oldest first."""
        found: list[bytes] = []
        async for entry in self._client.every(f"{_path(job)}/events"):
            event = wire.parsed(bytes(entry), wire.JobEvent, provider=self._endpoint.name)
            if event.id in known or len(found) >= MOST_EVENTS:
                break
            found.append(bytes(entry))
        return found[::-1]

    async def _ended(self, job: wire.Job, said: bytes, told: _Told) -> HostedRun:
        succeeded = job.status == "succeeded"
        logs = {"events.jsonl": b"".join(line + b"\n" for line in told.lines)}
        logs["job.json"] = said + b"\n"
        if succeeded:
            logs["checkpoints.jsonl"] = await self._checkpoints(job.id)
        if succeeded and not job.fine_tuned_model:
            raise BadReply(
                f"the job {job.id!r} succeeded and names no model that could be asked",
                provider=self._endpoint.name,
            )
        losses = wire.losses(told.events)
        seconds = 0.0
        if job.created_at is not None and job.finished_at is not None:
            seconds = max(0.0, job.finished_at - job.created_at)
        return HostedRun(
            job=job.id,
            base=self._endpoint.model,
            model=job.fine_tuned_model if succeeded else None,
            words=job.words,
            cancelled=job.status == "cancelled",
            tokens=job.trained_tokens,
            steps=losses[-1].step if losses else 0,
            losses=losses,
            logs=logs,
            seconds=seconds,
        )

    async def _checkpoints(self, job: str) -> bytes:
        """The checkpoints, word for word; nothing where the provider has no list of them."""
        found = self._client.every(f"{_path(job)}/checkpoints")
        try:
            return b"".join([bytes(entry) + b"\n" async for entry in found])
        except AccessRefused:
            return b""


# Below: private.


class _Told:
    """The events of a job so far, and what was said of them."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.lines: list[bytes] = []
        self.events: list[wire.JobEvent] = []
        self.ids: set[str] = set()
        self.step = self.steps = 0

    def add(self, lines: Sequence[bytes]) -> None:
        """Take new events up, oldest first, and tell them."""
        for line in lines:
            event = msgspec.json.decode(line, type=wire.JobEvent)
            self.lines.append(line)
            self.events.append(event)
            self.ids.add(event.id)
            data = event.data if isinstance(event.data, dict) else {}
            self.step = _count(data.get("step"), self.step)
            self.steps = max(self.step, _count(data.get("total_steps"), self.steps))
            self._progress(event.message, self.step, self.steps)


def _count(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


def _silent(what: str, done: int, total: int) -> None:
    del what, done, total


def _checked(job: str, provider: str) -> str:
    if not _ID.fullmatch(job):
        raise BadReply(f"the id of a job is {job!r}, which is none", provider=provider)
    return job


_ID = re.compile(r"[!-~]{1,128}")


def _path(job: str) -> str:
    return f"{JOBS}/{quote(job, safe='')}"
