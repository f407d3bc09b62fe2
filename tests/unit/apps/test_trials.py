"""Trials from outside: what they say, judging their pairs, promoting and rolling back."""

from __future__ import annotations

import itertools
import json
import threading
from contextlib import closing, suppress
from dataclasses import replace

import pytest

from escalera.apps import judged_pairs
from escalera.apps.cli.main import run
from escalera.apps.trials import Tried
from escalera.domain.trial import Paired, PairJudged, Switched, Taken
from escalera.errors import EvidenceMissing, InputError, JournalConflict

LARGE = """
[models.large]
base_url = "http://127.0.0.1:9/v1"
model = "l"
"""
SHADOW = """
[gateway.shadows.try]
of = "base"
to = "large"
share = 0.5
"""
CANARY = """
[gateway.canaries.few]
of = "base"
to = "large"
share = 0.1
"""
GOOD = Taken(failed=0.0, refused=0.0, seconds=1.0, micro_dollars=100.0)
CHEAP = replace(GOOD, seconds=0.9, micro_dollars=50.0)
FAILED = Taken(failed=1.0, refused=0.0, seconds=None, micro_dollars=None)


def pairs(count, *, candidate=CHEAP, agreement=1.0, trial="try", first=0):
    return [
        Paired(
            trial=trial,
            kind="shadow",
            request=f"r{n}",
            live=GOOD,
            candidate=candidate,
            agreement=agreement,
        )
        for n in range(first, first + count)
    ]


@pytest.fixture
def project(write):
    """A function that writes a project with a shadow, and pairs into its journal."""

    def project(events=(), extra=SHADOW, texts=()):
        folder = write(extra=LARGE + extra)
        kept = Tried(folder).stores
        with closing(kept.trials()) as journal:
            journal.append(list(events))
        with closing(kept.pairs()) as found:
            for one in texts:
                found.keep("try", one, most=100)
        return folder

    return project


def events(folder, kind):
    with closing(Tried(folder).stores.trials()) as journal:
        return [event for event in journal.events() if isinstance(event, kind)]


def test_status_says_a_word_and_every_limit(project, capsys) -> None:
    """Exit codes as everywhere: 0 fit, 3 open, 4 broken."""
    folder = project(pairs(10))
    arguments = ["shadow", "status", "try", "--project", str(folder)]
    assert run(arguments) == 3
    said = capsys.readouterr().out
    assert "large beside base, a shadow of 50%: not enough is known yet" in said
    assert "10 pairs, 10 with a quality" in said
    folder = project(pairs(600, first=10))
    assert run([*arguments, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["trials"]
    assert (found["word"], found["in_service"]) == ("fit", False)
    assert {guard["state"] for guard in found["guards"]} == {"kept"}
    other = project(pairs(60, candidate=FAILED, trial="few"), extra=CANARY)
    assert run(["shadow", "status", "few", "--project", str(other)]) == 4
    assert "it must not take over: failures" in capsys.readouterr().out


def test_no_failure_among_many_pairs_is_a_figure(project) -> None:
    """An interval about 0 is known from both sides; only before the first pairs it says nothing."""
    before = str(Tried(project()).standing("try"))
    assert "failures: open, limit 0.05, too few pairs" in before
    after = str(Tried(project(pairs(600))).standing("try"))
    assert "failures: kept, limit 0.05; +0.000 [-0.0" in after
    assert "too few" not in after


def test_what_is_fit_takes_over_and_is_rolled_back(project, capsys) -> None:
    """Both are events with their grounds, and acts in the audit log."""
    folder = project(pairs(600))
    arguments = ["--project", str(folder)]
    assert run(["promote", "try", *arguments]) == 0
    assert "large answers for base" in capsys.readouterr().out
    (event,) = events(folder, Switched)
    assert (event.name, event.to, event.trial, event.word) == ("base", "large", "try", "fit")
    assert event.reason is None
    assert Tried(folder).standing("try").switched
    assert run(["rollback", "try", *arguments, "--reason", "complaints"]) == 0
    assert "base answers by itself again" in capsys.readouterr().out
    assert events(folder, Switched)[-1].reason == "complaints"
    assert not Tried(folder).standing("try").switched
    log = (Tried(folder).stores.audit_file).read_text()
    assert '"promoted"' in log
    assert '"rolled-back"' in log
    assert "complaints" in log


def test_a_switch_is_made_while_a_gateway_writes_pairs(project) -> None:
    """What workers write meanwhile keeps no operator from promoting or rolling back."""
    folder = project(pairs(600))
    stop = threading.Event()

    def work() -> None:
        with closing(Tried(folder).stores.trials()) as journal:
            for n in itertools.count(600):
                if stop.wait(0.002):
                    return
                with suppress(JournalConflict):
                    for _ in journal.later():
                        pass
                    journal.append(pairs(1, first=n))

    worker = threading.Thread(target=work)
    worker.start()
    try:
        assert Tried(folder).promote("try").switched
        assert Tried(folder).roll_back("try", reason="complaints") == "base"
    finally:
        stop.set()
        worker.join()
    assert [event.to for event in events(folder, Switched)] == ["large", ""]


def test_what_is_not_fit_takes_over_only_with_a_reason(project) -> None:
    """The word that was passed over is recorded with it."""
    folder = project(pairs(10))
    tried = Tried(folder)
    with pytest.raises(EvidenceMissing, match="'try' is open: 'large' is not shown to be fit"):
        tried.promote("try")
    with pytest.raises(InputError, match="the reason is empty"):
        tried.promote("try", reason=" ")
    tried.promote("try", reason="the old one is switched off")
    (event,) = events(folder, Switched)
    assert (event.word, event.reason) == ("open", "the old one is switched off")


def test_what_was_not_promoted_cannot_be_rolled_back(project) -> None:
    """And an unknown trial is told with those that there are."""
    tried = Tried(project())
    with pytest.raises(InputError, match="nothing was promoted to answer for 'base'"):
        tried.roll_back("base", reason="x")
    with pytest.raises(InputError, match="there is 'try'"):
        tried.standing("other")


SCORED = SHADOW + 'quality = "scores"\ntask = "a"\n'


def test_pairs_with_a_known_target_are_scored_by_the_task(project, capsys) -> None:
    """`x` is the target of every item of the fixture; each pair is scored once, in order."""
    texts = [
        ("r0", "a confirm 1", "x", "y"),
        ("r1", "a confirm 2", "y", "x"),
        ("r2", "never seen", "x", "x"),
    ]
    folder = project(pairs(3), extra=SCORED, texts=texts)
    assert run(["shadow", "judge", "try", "--project", str(folder)]) == 0
    assert "2 pairs scored, 1 cannot be" in capsys.readouterr().out
    found = events(folder, PairJudged)
    assert [(one.live_score, one.candidate_score) for one in found] == [
        (1.0, 0.0),
        (0.0, 1.0),
        (None, None),
    ]
    assert found[2].reason == judged_pairs.NO_SCORER
    assert judged_pairs.run(folder, "try").scored == 0
    standing = Tried(folder).standing("try").verdict
    assert (standing.scored, standing.unscored) == (2, 1)


def test_a_shadow_that_is_told_by_agreement_is_not_judged(project) -> None:
    """What tells quality is fixed before the first pair."""
    with pytest.raises(InputError, match="is not told by scores"):
        judged_pairs.run(project(), "try")


def test_judging_needs_a_task(project) -> None:
    """Where there are several, one is named."""
    with pytest.raises(InputError, match="name the one of"):
        judged_pairs.run(project(extra=SHADOW + 'quality = "scores"\n'), "try")


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        (SHADOW.replace("large", "nobody"), "names 'nobody', which is none that can be asked"),
        (SHADOW.replace('to = "large"', 'to = "base"'), "is 'base', as `of` is"),
        (SHADOW + CANARY, "tries a second candidate on the calls of 'base'"),
        (SHADOW + CANARY.replace("few", "try"), "is the name of a shadow too"),
    ],
)
def test_wrong_tables_are_told(write, extra, problem) -> None:
    """Before anything is served."""
    with pytest.raises(InputError, match=problem):
        Tried(write(extra=LARGE + extra))
