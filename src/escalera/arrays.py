"""NumPy as `np`, loaded once something of it is asked for.

It takes 16 MB and a tenth of a second, and a gateway that neither routes nor tries candidates needs
nothing of it. Modules that such a gateway loads import it from here; others import it as they like.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
else:

    class _Later:
        """Asks NumPy once for each name."""

        def __getattr__(self, name: str) -> Any:
            found = getattr(import_module("numpy"), name)
            setattr(self, name, found)
            return found

    np = _Later()

__all__ = ["np"]
