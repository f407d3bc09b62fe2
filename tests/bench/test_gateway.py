"""The benches of the gateway: what is called right, who looks, what is counted and told."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from array import array

import pytest
from bench.gateway import callers, client_cost, fault_table, load, speed_table, stalling
from bench.gateway.callers import Question
from bench.gateway.oracle import Outcome, verdict, worst
from bench.gateway.processes import MockUpstream, Running, free_port
from bench.gateway.systems import BareForwarder, Nginx, Place

from escalera.testing.upstream import FAULTS, Mock, Pace, serving


@pytest.mark.parametrize(
    ("fault", "form", "outcome", "expected"),
    [
        ("status-500", "whole", Outcome(seen="B"), "right"),
        ("status-500", "whole", Outcome(seen="error", status=502), "unserved"),
        ("status-404", "whole", Outcome(seen="error", status=404), "right"),
        ("status-400", "whole", Outcome(seen="B"), "hidden"),
        ("status-400", "whole", Outcome(seen="error", status=400), "right"),
        ("status-400", "whole", Outcome(seen="error", status=502), "hidden"),
        ("body-cut", "whole", Outcome(seen="silent"), "silent"),
        ("body-stalls", "whole", Outcome(seen="hang"), "hang"),
        ("cut-mid", "stream", Outcome(seen="broken"), "untyped"),
        ("cut-mid", "stream", Outcome(seen="error"), "right"),
        ("error-first", "stream", Outcome(seen="error"), "unserved"),
        ("no-done", "stream", Outcome(seen="A"), "right"),
        ("html", "whole", Outcome(seen="B", met=False), "untested"),
    ],
)
def test_what_is_right(fault, form, outcome, expected):
    """By what the fault was, when it came, and what a caller could make of the answer."""
    assert verdict(fault, form, outcome) == expected


def test_the_worst_look_counts():
    """A cell that one caller misreads is wrong."""
    assert worst(["right", "hidden", "silent"]) == "silent"
    assert worst(["right", "right"]) == "right"


@pytest.mark.network
@pytest.mark.parametrize("look", [callers.official, callers.raw])
@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("", "A"),
        ("status-503", "error"),
        ("reset-before-head", "broken"),
        ("hang-before-head", "hang"),
        ("empty-object", "silent"),
        ("error-mid", "error"),
        ("unfinished", "silent"),
        ("cut-mid", "broken"),
        ("no-done", "A"),
    ],
)
def test_callers_tell_what_they_saw(look, fault, seen):
    """Straight before the upstream, so that nothing but the caller itself can be mistaken."""
    patience = 0.6 if seen == "hang" else 10.0
    with serving(Mock(name="A", fault=fault, pace=Pace(tokens=callers.TOKENS))) as mock:
        forms = FAULTS[fault].forms if fault else ("whole", "stream")
        for operation in ("chat", "responses"):
            for form in forms:
                asked = Question(
                    operation=operation, form=form, url=mock.url, model="m", patience=patience
                )
                assert look(asked).seen == seen, (operation, form)


@pytest.mark.network
@pytest.mark.parametrize("look", [callers.official, callers.raw])
def test_embeddings_are_looked_at(look):
    """Whole vectors pass; none are a silent failure."""
    for fault, seen in (("", "B"), ("empty-object", "silent"), ("status-500", "error")):
        with serving(Mock(fault=fault)) as mock:
            asked = Question(
                operation="embeddings", form="whole", url=mock.url, model="m", patience=5.0
            )
            assert look(asked).seen == seen


def test_the_matrix_as_a_table(tmp_path):
    """A row for each fault, the worst marked, every kind counted."""
    cells = [
        {
            "fault": fault,
            "operation": "chat",
            "form": "whole",
            "verdict": found,
            "official": {"seen": seen, "status": status, "seconds": 0.5, "said": ""},
            "raw": {"seen": seen, "status": status, "seconds": 1.25, "said": ""},
        }
        for fault, found, seen, status in (
            ("status-500", "right", "B", 200),
            ("status-400", "right", "error", 400),
            ("html", "silent", "silent", 200),
            ("garbage", "unserved", "error", 502),
        )
    ]
    found = {"system": "escalera", "version": "", "workers": 1, "cells": cells}
    (tmp_path / "faults-escalera-1.json").write_text(json.dumps(found))
    fault_table.write(tmp_path, tmp_path / "table.md")
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert "| status 500 | B |  |  |  |  |" in lines
    assert "| status 400 | error 400 |  |  |  |  |" in lines
    assert "| 200, a page | **silent** |  |  |  |  |" in lines
    assert "| not HTTP | *unserved* |  |  |  |  |" in lines
    assert "| silent success | 1 |" in lines
    assert "| slowest answer, s | 1.2 |" in lines
    assert fault_table.violations(tmp_path, "escalera") == 2
    assert fault_table.violations(tmp_path, "litellm") == 0


def loaded(url, *options):
    command = [sys.executable, "-m", "bench.gateway.load", url, "--seconds", "0.5", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.network
def test_a_load_is_counted():
    """In a closed loop and at a rate, whole and streamed; failures are none of the answers."""
    with serving(Mock(pace=Pace(tokens=10))) as mock:
        closed = loaded(mock.url, "--connections", "3")
        assert (closed["failures"], mock.counts["connections"]) == (0, 3)
        assert 0 < closed["requests"] <= mock.counts["chat"]
        assert 0 < closed["whole_p50"] <= closed["whole_p99"]
        streamed = loaded(mock.url, "--rate", "40", "--stream")
        assert (streamed["requests"], streamed["failures"]) == (20, 0)
        assert streamed["events"] == 20 * (10 + 4)  # role, words, reason, usage, [DONE]
        assert len(mock.requests[-1][1]) in range(1000, 1200)
        mock.fault = "status-500"
        failed = loaded(mock.url, "--rate", "20")
        assert (failed["requests"], failed["failures"]) == (10, 10)
        mock.fault = "unfinished"
        assert loaded(mock.url, "--rate", "10", "--stream")["failures"] == 5


@pytest.mark.network
def test_the_cost_of_the_client_is_counted(monkeypatch):
    """For the client and for the floor below it, over as many requests as are said."""
    monkeypatch.setattr(client_cost, "REQUESTS", 200)
    with serving(Mock()) as mock:
        for kind, asked in (("client", 200 + 2 * 20), ("floor", 200 + 2 * 20 + 1)):
            mock.counts.clear()
            micros, rate = asyncio.run(client_cost.cost(kind, mock.url, 2))
            assert (mock.counts["chat"], micros > 0, rate > 0) == (asked, True, True)


def test_quantiles():
    """Of none it is 0."""
    assert load.quantile(array("d"), 0.5) == 0.0
    assert load.quantile(array("d", [3, 1, 2]), 0.5) == 2
    assert load.quantile(array("d", [3, 1, 2]), 0.99) == 3


@pytest.mark.network
def test_processes_are_measured_and_ended(tmp_path):
    """Processor time and memory are those of the whole family; nothing is left running."""
    with MockUpstream("A") as mock:
        before = mock.seconds
        loaded(mock.url, "--connections", "4")
        assert mock.seconds > before
        assert mock.megabytes > 5
        assert mock.started > 0
        mock.tell(fault="html")
        assert mock.counts()["chat"] > 0
        pid = mock._process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    port = free_port()
    broken = Running(
        command=[sys.executable, "-c", "raise SystemExit('no such thing')"],
        ready=f"http://127.0.0.1:{port}/",
        log=tmp_path / "log",
    )
    with pytest.raises(RuntimeError, match="no such thing"), broken:
        pass


@pytest.mark.network
def test_readers_that_stall_are_left_unread():
    """A process that buffers for them grows by the 23 MB of an answer, one that waits does not."""
    with MockUpstream("A", "--tokens", "100000") as mock:
        stalling.grown(mock, readers=1)  # writes the answer once, for all
        assert stalling.grown(mock, readers=4) < 8


@pytest.mark.network
@pytest.mark.parametrize("streamed", [False, True])
def test_the_bare_forwarder_passes_answers_on(tmp_path, streamed):
    """What ours is held against answers like the upstream itself, over kept connections too."""
    how = "stream" if streamed else "whole"
    with (
        serving(Mock(name="A", pace=Pace(tokens=callers.TOKENS))) as mock,
        BareForwarder(Place(folder=tmp_path), mock.url, "") as bare,
    ):
        asked = Question(operation="chat", form=how, url=bare.url, model="m", patience=10.0)
        assert [callers.official(asked).seen for _ in range(3)] == ["A"] * 3


def test_the_configuration_of_nginx(tmp_path):
    """It stands before the upstream as a plain proxy with connections that are kept."""
    nginx = Nginx(Place(folder=tmp_path), "http://127.0.0.1:9/v1", "")
    text = (tmp_path / "nginx.conf").read_text()
    assert "server 127.0.0.1:9; keepalive 512;" in text
    assert nginx.url.rpartition(":")[2].removesuffix("/v1") in text


def test_figures_as_tables(tmp_path):
    """Ranges over rounds, ratios by requests a second and processor time, a slope of memory."""
    run = {"rate": 10.0, "whole_p50": 1.0, "whole_p99": 2.0, "others": 0.1, "failures": 0}
    figures = {
        "machine": "m",
        "systems": {
            "direct": {"version": "", "points": {"json-1": [run | {"cpu_request": 0.0}]}},
            "nginx": {
                "version": "1", "started": 0.1, "rss": 9.0,
                "points": {"json-1": [run | {"cpu_request": 10.0, "whole_p50": 1.5}]},
            },
            "ours": {
                "version": "", "started": 0.5, "rss": 50.0,
                "lost": 3,
                "points": {"json-1": [run | {"cpu_request": cpu, "rate": cpu} for cpu in (20, 30)]},
            },
            "litellm": {
                "version": "2", "started": 5.0, "rss": 300.0,
                "points": {"json-1": [run | {"cpu_request": 4000.0}]},
            },
        },
    }  # fmt: skip
    (tmp_path / "speed.json").write_text(json.dumps(figures))
    samples = [
        {"at": 3600.0 * n, "rss": 50.0 + n, "cpu": 1.0, "requests": 5, "failures": 0}
        for n in range(8)
    ]
    (tmp_path / "soak.json").write_text(json.dumps({"samples": samples}))
    told = "\n".join(speed_table.lines(tmp_path))
    assert "| ours |  | 0.50 | 50.00 | 0.00 | 0.00 | 3 |" in told
    ours = "| ours | 20-30 | 2.50 | 2 | 20.0-30.0 | 0.50 | 200 | 1.000 | 0.000 | 2.00 | 10 % | 0 |"
    assert ours in told
    assert "each quarter: 50.0, 51.0, 53.0, 55.0, 57.0 MB" in told
    assert "+1.0 MB an hour (least squares)" in told
    assert "40 requests" in told
