"""The rules of `[gateway]`."""

from __future__ import annotations

import msgspec
import pytest

from escalera.settings.gateway_table import GatewayTable, problems

NAMES = frozenset({"support", "support/orders", "small", "large"})


def table(**values: object) -> GatewayTable:
    return msgspec.convert(values, GatewayTable)


def test_a_good_table_has_no_problem() -> None:
    """Routes over names, with weights, fallbacks and a second call."""
    found = table(
        default="fast",
        fallbacks={"support": ["large"]},
        routes={
            "fast": {
                "models": ["small", "large"],
                "weights": [0.9, 0.1],
                "fallbacks": ["support"],
                "hedge": {"after": 0.5},
            }
        },
    )
    assert list(problems(found, NAMES)) == []


@pytest.mark.parametrize(
    ("values", "key", "told"),
    [
        ({"default": "gone"}, "gateway.default", "'gone'"),
        ({"fallbacks": {"gone": ["small"]}}, "gateway.fallbacks", "'gone'"),
        ({"fallbacks": {"small": ["gone"]}}, "gateway.fallbacks", "'gone'"),
        ({"routes": {"small": {"models": ["large"]}}}, "gateway.routes.small", "already"),
        ({"routes": {"r": {"models": []}}}, "gateway.routes.r.models", "empty"),
        ({"routes": {"r": {"models": ["gone"]}}}, "gateway.routes.r", "'gone'"),
        (
            {"routes": {"r": {"models": ["small"], "weights": [1, 2]}}},
            "gateway.routes.r.weights",
            "2 values for 1",
        ),
        (
            {"routes": {"r": {"models": ["small"], "weights": [0]}}},
            "gateway.routes.r.weights",
            "all 0",
        ),
        (
            {"routes": {"r": {"models": ["small"], "hedge": {"after": 1}}}},
            "gateway.routes.r.hedge",
            "second",
        ),
    ],
)
def test_each_rule(values: dict[str, object], key: str, told: str) -> None:
    """Key and problem name what is wrong."""
    ((found, problem, remedy),) = problems(table(**values), NAMES)
    assert found == key
    assert told in problem
    assert remedy
