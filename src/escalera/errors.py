"""The whole error tree; nothing in Escalera raises anything else on purpose.

EscaleraError
├── InputError                 the user's files, arguments or data (exit code 2)
│   ├── ProjectError           a key of the project file
│   ├── BadOption              an option of a scorer; its key is within the scorer's table
│   ├── DataError              a row of a data file
│   ├── ScoresError            a file of scores that is read or written
│   ├── TemplateError          a prompt's template, or a value that it needs
│   ├── FileTooLarge           a file has more bytes than it or its owner may have
│   └── MissingExtra           an optional package is not installed
├── EvidenceMissing            a question was asked before its evidence exists
├── ProviderError              a model endpoint did not answer as agreed
│   ├── ProviderUnavailable    refused, timed out, broke down: worth another try
│   │   ├── Overloaded         it asks for fewer calls at a time
│   │   ├── CallFailed         it is there, and failed at this call
│   │   └── UpstreamFault      an exchange of bytes with it broke, and how
│   ├── AccessRefused          the endpoint refuses whatever is asked: key, right or model name
│   ├── AdapterUnusable        the adapter of a system is missing or does not fit the model
│   ├── RequestRejected        the endpoint says that this one request is wrong
│   └── BadReply               the endpoint answered something that is not its protocol
├── ScorerFailed               a scorer could not do its work: unscored, never wrong
├── GuardError                 the gateway's guards
│   ├── GuardBlocked           a guard forbids what was asked or answered
│   └── GuardFailed            a guard could not do its work: nothing goes on
├── TrainingError              a training could not start or did not stay finite
├── MergeError                 adapters that cannot be merged as asked
├── StoreUnavailable           a store of the gateway cannot be read or written now
├── LinesError                 a file to which lines are added cannot be written, or was changed
└── JournalError               the evidence store
    ├── JournalCorrupt         the hash chain does not hold
    └── JournalConflict        another process writes the same journal

Messages give the offending value, the rule and the remedy.
"""

from __future__ import annotations


class EscaleraError(Exception):
    """Root of every error that Escalera raises on purpose."""


class InputError(EscaleraError):
    """Something that the user gave cannot be used as it is."""


class ProjectError(InputError):
    """A key of the project file is missing, unknown or has an unusable value."""

    def __init__(self, *, file: str, key: str, problem: str, remedy: str) -> None:
        super().__init__(f"{file}: {key}: {problem}. {remedy}")
        self.file = file
        self.key = key
        self.problem = problem
        self.remedy = remedy


class BadOption(InputError):
    """An option of a scorer has a value that cannot be used."""

    def __init__(self, key: str, problem: str, remedy: str) -> None:
        super().__init__(f"{key}: {problem}. {remedy}")
        self.key = key
        self.problem = problem
        self.remedy = remedy


class DataError(InputError):
    """A row of a data file cannot be used; its place is a line, or whatever its file is made of."""

    def __init__(
        self, *, file: str, line: int | None = None, place: str = "", problem: str, remedy: str
    ) -> None:
        place = place if line is None else f"line {line}"
        where = f"{file}, {place}" if place else file
        super().__init__(f"{where}: {problem}. {remedy}")
        self.file = file
        self.line = line
        self.place = place
        self.problem = problem
        self.remedy = remedy


class ScoresError(InputError):
    """A file of scores, ours or another tool's, cannot be read or written as asked."""

    def __init__(self, *, file: str, place: str = "", problem: str, remedy: str) -> None:
        where = f"{file}, {place}" if place else file
        super().__init__(f"{where}: {problem}. {remedy}")
        self.file = file
        self.place = place
        self.problem = problem
        self.remedy = remedy


class TemplateError(InputError):
    """A prompt's template is none, or a value that it names is missing."""

    def __init__(self, template: str, problem: str) -> None:
        super().__init__(
            f"The template {template} {problem}. Templates are Jinja over `input` and the fields "
            "of an item; correct it, or add what it names"
        )


class FileTooLarge(InputError):
    """A file has more bytes than it may have, or than its owner has room for."""


class MissingExtra(InputError):
    """A feature needs an optional package that is not installed."""

    def __init__(self, *, feature: str, package: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the package {package!r}, which is not installed. "
            f"Install it with: pip install 'escalera[{extra}]'"
        )


class EvidenceMissing(EscaleraError):
    """The journal does not hold what the question needs yet."""


class ProviderError(EscaleraError):
    """A model endpoint did not answer as agreed."""

    retryable = False

    def __init__(
        self,
        problem: str,
        *,
        provider: str,
        hint: str = "",
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        parts = [f"{provider}: {problem}"]
        if request_id:
            parts.append(f"(request {request_id})")
        if hint:
            parts.append(hint)
        super().__init__(" ".join(parts))
        self.provider = provider
        self.hint = hint
        self.request_id = request_id
        self.retry_after = retry_after


class ProviderUnavailable(ProviderError):
    """The endpoint refused, timed out or is overloaded: the same call may work later."""

    retryable = True


class Overloaded(ProviderUnavailable):
    """The endpoint has too much to do: nothing is wrong with the call."""


class CallFailed(ProviderUnavailable):
    """The endpoint is there and failed at this call: others may do better."""


class UpstreamFault(ProviderUnavailable):
    """An exchange of bytes came to no whole response; `fault` is a `domain.traffic.Fault`."""

    def __init__(self, problem: str, *, provider: str, fault: str) -> None:
        super().__init__(problem, provider=provider)
        self.problem = problem
        self.fault = fault


class AccessRefused(ProviderError):
    """The endpoint refuses whatever is asked: the key, its rights or the model's name is wrong."""


class AdapterUnusable(ProviderError):
    """The adapter that a system names is missing or does not fit: no item of it can be asked."""


class RequestRejected(ProviderError):
    """The endpoint says that this one request is wrong: the same call will fail again."""


class BadReply(ProviderError):
    """The endpoint answered with something that is not its own protocol."""

    retryable = True


class ScorerFailed(EscaleraError):
    """A scorer could not do its work; the answer goes without a score, with this reason."""


class GuardError(EscaleraError):
    """A guard keeps something from going on."""


class GuardBlocked(GuardError):
    """A guard forbids a text; the message says which and for what, never what stood there."""

    def __init__(self, *, kind: str, guard: str, said: str = "") -> None:
        super().__init__(said or f"The guard {guard!r} blocks what is of the kind {kind!r}.")
        self.kind = kind
        self.guard = guard


class GuardFailed(GuardError):
    """A guard could not do its work, so that nobody knows what it would have said."""

    def __init__(self, problem: str, *, guard: str) -> None:
        super().__init__(f"The guard {guard!r} failed: {problem}.")
        self.guard = guard


class TrainingError(EscaleraError):
    """A training could not start, or its loss did not stay finite."""


class MergeError(EscaleraError):
    """The adapters cannot be merged as asked."""


class StoreUnavailable(EscaleraError):
    """A store of the gateway cannot be read or written now; what was asked of it was not done."""

    def __init__(self, *, store: str, problem: str, remedy: str) -> None:
        super().__init__(f"{store}: {problem}. {remedy}")
        self.store = store
        self.problem = problem
        self.remedy = remedy


class LinesError(EscaleraError):
    """A line could not be added to a file: it is not in it."""

    def __init__(self, *, file: str, problem: str, remedy: str) -> None:
        super().__init__(f"{file}: {problem}. {remedy}")
        self.file = file
        self.problem = problem
        self.remedy = remedy


class JournalError(EscaleraError):
    """The evidence store cannot be used."""


class JournalCorrupt(JournalError):
    """The hash chain of the journal does not hold: an event was changed or removed."""


class JournalConflict(JournalError):
    """Another process appended to the journal since it was read."""
