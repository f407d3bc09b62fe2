"""What Prometheus is told."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.apps.gateway.metrics import BOUNDS, GAUGES, HELP, Metrics, Snapshot

NOTHING = {"escalera_records_dropped_total": "0", "escalera_turned_away_total": "0"}
TIMES = st.lists(st.floats(0, 1000), max_size=30)


def lines(metrics: Metrics) -> dict[str, str]:
    """Each series with its value."""
    told = [line for line in metrics.text().splitlines() if not line.startswith("#")]
    return dict(line.rsplit(" ", 1) for line in told)


def test_counts_are_told_with_their_labels() -> None:
    """Quotes, line breaks and backslashes in a label do not end it."""
    metrics = Metrics()
    metrics.count("requests_total", ("chat", 'a"b\\c\n', "200"))
    metrics.count("requests_total", ("chat", 'a"b\\c\n', "200"), 2)
    metrics.set("in_flight", (), 7)
    found = lines(metrics)
    name = r'escalera_requests_total{operation="chat",name="a\"b\\c\n",status="200"}'
    assert found[name] == "3"
    assert found["escalera_in_flight"] == "7"


@given(TIMES)
def test_a_histogram_counts_each_time_once(times: list[float]) -> None:
    """Buckets grow, the last one holds all, and the sum is the sum."""
    metrics = Metrics()
    for seconds in times:
        metrics.observe("overhead_seconds", ("chat",), seconds)
    found = lines(metrics)
    if not times:
        assert not any("overhead" in name for name in found)
        return
    buckets = [int(value) for name, value in found.items() if "overhead_seconds_bucket" in name]
    assert buckets == sorted(buckets)
    assert len(buckets) == len(BOUNDS["overhead_seconds"]) + 1
    for bound, count in zip(BOUNDS["overhead_seconds"], buckets, strict=False):
        assert count == sum(seconds <= bound for seconds in times)
    assert int(found['escalera_overhead_seconds_count{operation="chat"}']) == len(times)
    total = float(found['escalera_overhead_seconds_sum{operation="chat"}'])
    assert total == pytest.approx(sum(times))


def test_workers_of_one_configuration_do_not_make_it_another() -> None:
    """The version is told, the least of all workers; amounts are added up."""
    together = Metrics()
    for version, flying in ((3, 5), (2, 1), (3, 0)):
        worker = Metrics()
        worker.set("configuration_version", (), version)
        worker.set("in_flight", (), flying)
        together.add(worker.snapshot())
    found = lines(together)
    assert found["escalera_configuration_version"] == "2"
    assert found["escalera_in_flight"] == "6"


@given(TIMES, TIMES)
def test_workers_together_are_one(first: list[float], second: list[float]) -> None:
    """Two workers' snapshots, through JSON, tell what one worker with all of it would."""
    alone, parts = Metrics(), [Metrics(), Metrics()]
    for metrics, times in zip(parts, (first, second), strict=True):
        for seconds in times:
            for one in (alone, metrics):
                one.observe("request_seconds", ("chat", "m"), seconds)
                one.count("tokens_total", ("a", "prompt"), 3)
    together = Metrics()
    for metrics in parts:
        text = msgspec.json.encode(metrics.snapshot())
        together.add(msgspec.json.decode(text, type=Snapshot))
    assert lines(together).keys() == lines(alone).keys()
    for name, value in lines(together).items():
        assert float(value) == pytest.approx(float(lines(alone)[name]))


def test_a_worker_goes_on_from_the_one_before_but_for_gauges() -> None:
    """Counters never fall; what is in flight is not inherited."""
    before = Metrics()
    before.count("micro_dollars_total", ("a",), 5)
    before.set("in_flight", (), 9)
    after = Metrics(before.snapshot())
    after.count("micro_dollars_total", ("a",), 1)
    assert lines(after) == {**NOTHING, 'escalera_micro_dollars_total{deployment="a"}': "6"}


def test_what_another_version_counted_is_left_out() -> None:
    """A metric that is not known here, and buckets that are not ours, do not break the page."""
    metrics = Metrics()
    metrics.observe("overhead_seconds", ("chat",), 0.1)
    other = metrics.snapshot()
    other.counts["gone_total"] = [(("x",), 1.0)]
    other.histograms["overhead_seconds"][0][1].bounds = (1.0,)
    found = Metrics()
    found.add(other)
    assert lines(found) == NOTHING


def test_every_metric_is_explained() -> None:
    """Help and type come before the series of each."""
    text = Metrics().text()
    for name in HELP:
        assert f"# HELP escalera_{name} " in text
        assert f"# TYPE escalera_{name} " in text


def test_no_two_metrics_have_one_name_to_readers_of_openmetrics() -> None:
    """They leave `_total` away, which all counters end in, and nothing else does."""
    families = [name.removesuffix("_total") for name in HELP]
    assert len(set(families)) == len(families)
    for name in HELP:
        assert name.endswith("_total") != (name in BOUNDS or name in GAUGES), name


def test_a_counter_without_labels_begins_at_0() -> None:
    """Or its first count would not be seen as an increase."""
    metrics = Metrics()
    assert lines(metrics) == NOTHING
    metrics.add(metrics.snapshot())
    metrics.count("records_dropped_total", ())
    assert lines(metrics) == NOTHING | {"escalera_records_dropped_total": "1"}
