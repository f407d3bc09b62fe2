"""Where a model answers, and how long it may take: checked once, then trusted."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from escalera.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds to connect, between two pieces of an answer, and for one try as a whole.

    `first` is for what comes before the first piece, where that is not to be `read`.
    """

    connect: float = 10.0
    read: float = 60.0
    total: float = 300.0
    first: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """`name` is what messages call it, `model` what the endpoint calls its model.

    `base_url` ends where `/chat/completions` begins (`https://host/v1`). Plain http is for the
    loopback address only, unless `allow_insecure`: a key and people's messages travel on it. An
    https host is verified by the certificates in `ca_file`, or by the system's.
    """

    name: str
    base_url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    allow_insecure: bool = False
    ca_file: Path | None = None

    def __post_init__(self) -> None:
        self._check_url()
        key = self.api_key
        if key is not None and not (key.isascii() and key.isprintable() and key.split() == [key]):
            raise InputError(
                f"{self.name}: the API key is empty or has white space or signs that no key has. "
                "Check how it is read: often a line break is left at its end."
            )

    @property
    def fields(self) -> dict[str, str]:
        """What every request to it says beside its body: its form, and the key."""
        key = {} if self.api_key is None else {"Authorization": f"Bearer {self.api_key}"}
        return {"Content-Type": "application/json", **key}

    @property
    def url(self) -> SplitResult:
        """The base URL in its parts."""
        return urlsplit(self.base_url)

    def _check_url(self) -> None:
        if not _PRINTABLE.fullmatch(self.base_url):
            raise InputError(
                f"{self.name}: base_url has signs that no URL has, such as spaces or accents. "
                "Write it in ASCII: hosts as xn--…, other letters as %XX."
            )
        try:
            url = self.url
            _ = url.port
        except ValueError as error:
            raise InputError(f"{self.name}: base_url is no URL: {error}") from error
        if url.username is not None or url.password is not None:
            raise InputError(
                f"{self.name}: base_url holds a user name or password. "
                "Leave it out and give the key as api_key."
            )
        if url.scheme not in {"http", "https"} or not url.hostname or url.query or url.fragment:
            raise InputError(
                f"{self.name}: base_url is {self.base_url!r}; it must be http(s)://host[/path] "
                "without query, for example 'https://api.openai.com/v1'."
            )
        if url.scheme == "http" and not _is_loopback(url.hostname) and not self.allow_insecure:
            raise InputError(
                f"{self.name}: base_url {self.base_url!r} is plain http to another machine: "
                "anyone between could read the key and the messages. "
                "Use https, or set allow_insecure = true for a network that you trust."
            )


_PRINTABLE = re.compile(r"[!-~]+")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
