"""A breaker for one deployment: after too many failures it is left alone, then probed.

Time comes in as an argument. States: closed (asked freely), open (not asked until `until`),
half-open (one probe at a time; its success closes, its failure opens for twice as long).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["closed", "open", "half-open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When a deployment is left alone, and for how long; all times in seconds.

    It opens after `streak` failures in a row, or when of at least `least` calls within about
    `window` the share `share` failed. It stays open for `hold`, doubled with every failed probe up
    to `longest`; where the provider refuses our key, for `longest` at once. A probe that says
    nothing within `probe` is forgotten, so that another may be made.
    """

    streak: int = 5
    least: int = 20
    share: float = 0.5
    window: float = 30.0
    hold: float = 5.0
    longest: float = 60.0
    probe: float = 60.0


class Breaker:
    """The failures of one deployment, over two windows of which the older one fades."""

    __slots__ = (
        "_bad",
        "_begun",
        "_good",
        "_hold",
        "_old",
        "_policy",
        "_probed",
        "_streak",
        "until",
    )

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self._good = self._bad = self._streak = 0
        self._old = (0, 0)
        self._begun = float("-inf")
        self._hold = policy.hold
        self._probed: float | None = None
        self.until: float | None = None

    def state(self, now: float) -> State:
        """What the deployment may be asked."""
        if self.until is None:
            return "closed"
        return "open" if now < self.until else "half-open"

    def admits(self, now: float) -> bool:
        """Whether a call may go there now; where it is half-open, this call is the probe."""
        if self.until is None:
            return True
        if now < self.until:
            return False
        if self._probed is not None and now - self._probed < self._policy.probe:
            return False
        self._probed = now
        return True

    def succeeded(self, now: float) -> None:
        """A call was answered, or its failure was not the deployment's."""
        self._turn(now)
        self._good += 1
        self._streak = 0
        if self.until is not None and now >= self.until:
            self._close()

    def failed(self, now: float) -> None:
        """A call failed by the server's fault."""
        self._turn(now)
        self._bad += 1
        self._streak += 1
        if self.until is not None:
            if self._probed is not None:
                self._hold = min(self._policy.longest, 2 * self._hold)
                self._open(now, self._hold)
            return
        if self._streak >= self._policy.streak or self._share() >= self._policy.share:
            self._open(now, self._hold)

    def refused(self, now: float) -> None:
        """The provider refuses our key or our configuration: nothing will mend by itself soon."""
        self._open(now, self._policy.longest)

    def asked_to_wait(self, now: float, seconds: float) -> None:
        """The provider said when to come back; it is believed up to `longest`."""
        self._open(now, max(0.0, min(seconds, self._policy.longest)))

    def forget(self) -> None:
        """A call came to nothing that says anything: if it was the probe, another may be made."""
        self._probed = None

    def _open(self, now: float, seconds: float) -> None:
        self.until = now + seconds
        self._probed = None

    def _close(self) -> None:
        self.until = self._probed = None
        self._hold = self._policy.hold
        self._good = self._bad = 0
        self._old = (0, 0)

    def _turn(self, now: float) -> None:
        """Begin a new window when the present one is over."""
        passed = now - self._begun
        if passed < self._policy.window:
            return
        fresh = passed < 2 * self._policy.window
        self._old = (self._good, self._bad) if fresh else (0, 0)
        self._good = self._bad = 0
        self._begun = now

    def _share(self) -> float:
        good, bad = self._good + self._old[0], self._bad + self._old[1]
        return bad / (good + bad) if good + bad >= self._policy.least else 0.0
