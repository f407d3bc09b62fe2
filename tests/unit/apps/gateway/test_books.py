"""One record of every request that has ended."""

from __future__ import annotations

import pytest
from tests.unit.apps.gateway.upstreams import PRICE, asked, good, line, plan

from escalera.apps.gateway import books
from escalera.apps.gateway.answers import Used
from escalera.apps.gateway.asked import Opened, Problem, Provenance
from escalera.apps.gateway.hot import Ended
from escalera.apps.gateway.metrics import Metrics
from escalera.domain.traffic import Attempt, ServedCall

FAILED = Attempt(
    deployment="b", purpose="first", started=1_000.0, seconds=0.5, status=500, fault="status"
)


def ended(*, problem: Problem | None = None, code: str = "", answered: bool = True) -> Ended:
    """A request that was answered by its second deployment."""
    request = asked(model="m")
    request.attempts.append(FAILED)
    request.waited = 0.75
    request.findings.append("email")
    found = Opened(
        exchange=good(),
        provenance=Provenance(deployment="a", price=PRICE, system="s", task="t"),
        purpose="fallback",
        headers=[],
        body=b"",
        started=1_000.5,
        began=0.5,
        first_byte=0.25,
        usage=Used(prompt_tokens=3, completion_tokens=4),
    )
    return Ended(
        asked=request,
        plan=plan(line("a", None)),
        key="k",
        status=200 if answered else 502,
        code=code,
        found=found if answered else None,
        problem=problem,
        seconds=1.0,
        relayed=0.125,
    )


def test_a_record_holds_every_attempt_and_the_gateways_own_time() -> None:
    """Tokens, money and times of the answer; 1 s less what was waited for and passed on."""
    call = books.record(ended())
    assert [(one.deployment, one.purpose, one.fault) for one in call.attempts] == [
        ("b", "first", "status"),
        ("a", "fallback", ""),
    ]
    last = call.attempts[-1]
    assert (last.prompt_tokens, last.completion_tokens, last.cost) == (3, 4, 11)
    assert (last.first_byte, last.seconds, last.started) == (0.25, 0.375, 1_000.5)
    assert call.overhead == pytest.approx(0.125)
    assert (call.key, call.model, call.system, call.task) == ("k", "m", "s", "t")
    assert call.findings == ("email",)
    assert call.cost == 11


@pytest.mark.parametrize(
    ("problem", "code", "fault", "blame"),
    [
        (None, "caller_left", "cancelled", "nobody"),
        (Problem(deployment="a", blame="server", fault="cut"), "upstream_cut", "cut", "server"),
    ],
)
def test_an_answer_that_was_not_whole_is_no_success(
    problem: Problem | None, code: str, fault: str, blame: str
) -> None:
    """A caller who left, and a stream that broke."""
    last = books.record(ended(problem=problem, code=code)).attempts[-1]
    assert (last.fault, last.blame) == (fault, blame)


def test_without_an_answer_there_are_only_the_attempts() -> None:
    """Nothing is made up."""
    call = books.record(ended(answered=False, code="upstream_unavailable"))
    assert call.attempts == (FAILED,)
    assert (call.status, call.error, call.system) == (502, "upstream_unavailable", "")


def test_counts_and_records_agree_and_a_full_log_is_told() -> None:
    """A record that finds no room is counted, and the request is counted all the same."""
    kept: list[ServedCall] = []

    def sink(call: ServedCall) -> bool:
        kept.append(call)
        return len(kept) < 2

    metrics = Metrics()
    keeping = books.Keeping(metrics, sink)
    keeping.finished(ended())
    keeping.finished(ended())
    keeping.refused("/v1/embeddings", 401)
    text = metrics.text()
    assert 'escalera_requests_total{operation="chat",name="m",status="200"} 2' in text
    assert 'escalera_requests_total{operation="embeddings",name="",status="401"} 1' in text
    assert 'attempts_total{deployment="b",purpose="first",fault="status"} 2' in text
    assert 'tokens_total{deployment="a",kind="completion"} 8' in text
    assert 'micro_dollars_total{deployment="a"} 22' in text
    assert 'findings_total{kind="email"} 2' in text
    assert "escalera_records_dropped_total 1" in text
