"""Which engine answers for a local model when it is served, and when it is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from tests.unit.wiring import echo_project
from tests.unit.wiring.echo_project import EXAMPLE

from escalera.edges.providers.continuous_engine import ContinuousEngine
from escalera.edges.providers.transformers_engine import TransformersEngine
from escalera.errors import ProjectError
from escalera.wiring import Installation, serving

pytestmark = pytest.mark.local


def installed(folder: Path, table: str = "") -> Installation:
    """A project whose model is the example's."""
    return echo_project.installed(
        folder, f"[models.base]\npath = {json.dumps(str(EXAMPLE))}\n{table}"
    )


def test_how_much_of_prompts_a_step_runs_is_given_or_measured(tmp_path: Path) -> None:
    """By the project file; else what the machine does in a short time, more on an accelerator."""
    found = []
    for keys in ("prompt_tokens = 7", "", 'device = "cuda"'):
        made = installed(tmp_path, f"[models.base.serving]\n{keys}")
        found.append(serving.served(made, ())["base"].provider._asked._serving.room.stretch)
    given, usual, fast = found
    assert (given.least, given.pause) == (7, None)
    assert usual.pause is not None
    assert usual.pause == fast.pause
    assert usual.least < fast.least


def test_what_is_served_is_batched_and_what_is_measured_is_not(tmp_path: Path) -> None:
    """A climb records static units, whose replay is byte for byte; callers join a running batch."""
    table = "[models.base.serving]\nrows = 5\nqueue = 7\ncache_tokens = 999\ncontext = 128"
    made = installed(tmp_path, table)
    found = serving.served(made, ())["base"].provider._asked
    assert isinstance(found, ContinuousEngine)
    assert (found.concurrency, found.unit) == (5, 1)
    given = found._serving
    assert (given.queue, given.room.tokens, given.max_context) == (7, 999, 128)
    assert isinstance(made.provider("base")._asked, TransformersEngine)


def test_an_endpoint_is_asked_in_the_gateway_s_times(tmp_path: Path) -> None:
    """Failover and limits are the gateway's; a measurement has a patience of its own."""
    table = '[models.far]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n'
    made = installed(tmp_path, f"{table}[gateway.timeouts]\nfirst_byte = 3.0\nidle = 4.0")
    served = serving.served(made, ())["far"].provider._asked
    assert (served._attempts, served._timeouts.first, served._timeouts.read) == (1, 3.0, 4.0)
    measured = made.provider("far")._asked
    assert (measured._attempts, measured._timeouts.first) == (5, None)


def test_a_model_is_kept_until_its_settings_change(tmp_path: Path) -> None:
    """Another configuration goes on with what is loaded, unless it gives the model other room."""
    before = serving.served(installed(tmp_path), ())
    again = serving.served(installed(tmp_path), (), before)
    assert again["base"].provider is before["base"].provider
    other = serving.served(installed(tmp_path, "[models.base.serving]\nrows = 5"), (), before)
    assert other["base"].provider is not before["base"].provider


def test_room_is_for_models_of_this_process(tmp_path: Path) -> None:
    """With another engine the table would say nothing, and is refused."""
    with pytest.raises(ProjectError, match=r"models\.base\.serving: is given, and the model does"):
        installed(tmp_path, 'engine = "vllm"\n[models.base.serving]\nrows = 5')
