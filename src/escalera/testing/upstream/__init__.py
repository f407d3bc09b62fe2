"""A mock of an upstream that speaks OpenAI's API, fast, and fails in every known way.

    with serving(Mock(fault="cut-mid")) as upstream:
        ...  # upstream.url is its base URL

From a shell: `python -m escalera.testing.upstream --port 9001 --fault cut-mid`.
"""

from escalera.testing.upstream.faults import FAULTS, Fault
from escalera.testing.upstream.server import Mock, Pace, serving

__all__ = ["FAULTS", "Fault", "Mock", "Pace", "serving"]
