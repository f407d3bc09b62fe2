"""NumPy, loaded late."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from escalera import arrays

LOADED = """
import sys
from escalera.apps.gateway import worker
from escalera.core.serving.guarding import kinds
from escalera.wiring import guards
found = guards.matching(kinds.patterns(kinds.GROUPS)).hits("¿É? 4111 1111 1111 1111")
from escalera.arrays import np
before = "numpy" in sys.modules
print(bool(found), before, int(np.arange(3).sum()), "numpy" in sys.modules)
"""


def test_what_is_asked_for_is_numpys():
    """Its very functions, and its own error for what it has not."""
    assert arrays.np.zeros is np.zeros
    assert arrays.np.random is np.random
    with pytest.raises(AttributeError, match="no attribute 'zeroes'"):
        _ = arrays.np.zeroes  # type: ignore[attr-defined]


def test_a_gateway_with_guards_does_without():
    """It takes 16 MB of every worker. The first use of it loads it."""
    told = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["True", "False", "3", "True"]
