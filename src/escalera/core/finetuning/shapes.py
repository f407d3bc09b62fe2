"""Shapes of learning curves: what share of the learnable error is left after n examples.

Three families with a scale n0 and an exponent b, all 1 at n = 0 and falling to 0:

power       (1 + n/n0)^-b        the shifted power law ("pow4")
stretched   exp(-(n/n0)^b)       Weibull ("wbl4"); b = 1 is the exponential
hill        1 / (1 + (n/n0)^b)   Morgan-Mercer-Flodin ("mmf4"), a sigmoid in log n

With an asymptote they have four parameters; these three extrapolated best of sixteen on 4,000
curves in Mohr, Viering, Loog and van Rijn (2022, "LCDB 1.0"), and Viering and Loog (2023, "The
Shape of Learning Curves") review them. A logarithmic curve is what `power` and `hill` look like
at small b.

An error curve relative to its value at a reference size N is

    h(n) = k + (1 - k) g(n) / g(N),    k = asymptotic error / error at N,

so that one number alone, the error at N, is left to be scaled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Family = Literal["power", "stretched", "hill"]

FAMILIES: tuple[Family, ...] = get_args(Family)

EXPONENTS: tuple[float, ...] = tuple(0.125 * 2.0 ** (0.5 * i) for i in range(11))
"""0.125 to 4, in steps of sqrt(2)."""

SCALES: tuple[float, ...] = tuple(10.0 ** (0.5 * i - 3.0) for i in range(11))
"""n0 as a multiple of the reference size: 0.001 to 100."""

FLOORS: tuple[float, ...] = (0.0, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 1.0)
"""Asymptotic error as a share of the error at the reference size; 1 is a flat curve."""

_LARGEST_LOG = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """Many curves at once, relative to the error at `reference` examples.

    `family` indexes `FAMILIES`; `scale` is in multiples of `reference`. All of one length.
    """

    reference: float
    family: NDArray[np.int_]
    exponent: Floats
    scale: Floats
    floor: Floats

    def relative_error(self, examples: Floats) -> Floats:
        """Return h(n), one row per curve and one column per size; 1 at the reference."""
        at = np.asarray(examples, dtype=np.float64) / self.reference
        logs = log_remaining(self.family, self.exponent, self.scale, at)
        one = log_remaining(self.family, self.exponent, self.scale, np.ones(1))
        ratio: Floats = np.exp(np.minimum(logs - one, _LARGEST_LOG))
        return self.floor[:, None] + (1.0 - self.floor[:, None]) * ratio

    def take(self, which: NDArray[np.int_]) -> Shapes:
        """Return the curves at these positions."""
        return Shapes(
            reference=self.reference,
            family=self.family[which],
            exponent=self.exponent[which],
            scale=self.scale[which],
            floor=self.floor[which],
        )


def log_remaining(
    family: NDArray[np.int_], exponent: Floats, scale: Floats, examples: Floats
) -> Floats:
    """Return log g(n), one row per curve, one column per size; scale and n in the same unit."""
    ratio = np.asarray(examples, dtype=np.float64)[None, :] / scale[:, None]
    powered = ratio ** exponent[:, None]
    of_family = np.stack(
        [-exponent[:, None] * np.log1p(ratio), -powered, -np.log1p(powered)],
    )
    chosen: Floats = np.take_along_axis(of_family, family[None, :, None], axis=0)[0]
    return chosen


def grid(reference: float) -> Shapes:
    """Return every combination of family, exponent, scale and floor, for a reference size."""
    axes = np.meshgrid(np.arange(len(FAMILIES)), EXPONENTS, SCALES, FLOORS[:-1], indexing="ij")
    family, exponent, scale, floor = (axis.ravel() for axis in axes)
    # A flat curve is one curve, whatever its family.
    return Shapes(
        reference=reference,
        family=np.append(family, 0).astype(np.int_),
        exponent=np.append(exponent, 1.0),
        scale=np.append(scale, 1.0),
        floor=np.append(floor, FLOORS[-1]),
    )
