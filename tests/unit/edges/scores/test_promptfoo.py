"""Results of promptfoo: real ones, and what its format allows."""

from __future__ import annotations

import json

import pytest
from tests.unit.edges.scores.tables import DATA

from escalera.edges.scores import promptfoo
from escalera.errors import ScoresError

RESULTS = DATA / "promptfoo"


def test_real_results_with_variants_and_failed_calls():
    """Two prompts, two repeats, weighted scores, and a test that the endpoint never answered."""
    table = promptfoo.read(RESULTS / "variants.json")
    plain, polite = "openai:chat:mock-weak | plain", "openai:chat:mock-weak | polite"
    assert [(r.system, r.item, r.repeat, r.score) for r in table.rows] == [
        (plain, "sum-0", 0, 0.25),
        (plain, "sum-0", 1, 0.25),
        (plain, "sum-5", 0, None),
        (plain, "sum-5", 1, None),
        (polite, "sum-0", 0, 1.0),
        (polite, "sum-0", 1, 1.0),
        (polite, "sum-5", 0, None),
        (polite, "sum-5", 1, None),
    ]
    failed = [row for row in table.rows if row.score is None]
    assert all("Rate limit exceeded" in row.reason for row in failed)
    assert all(row.prompt_tokens is None and row.seconds is None for row in failed)
    first = table.rows[0]
    assert (first.cluster, first.prompt_tokens, first.completion_tokens) == ("customer-0", 10, 1)
    assert first.micro_dollars is None, "promptfoo writes 0 for an unknown price"
    assert 0 < first.seconds < 60
    assert table.source == "promptfoo 0.121.20 results variants.json"


def test_real_results_without_ids():
    """An item is known by its variables and assertions, however often and wherever it stands."""
    table = promptfoo.read(RESULTS / "strong.json")
    assert table.systems == ("strong",)
    assert [(row.repeat, row.score) for row in table.rows] == [(0, 1.0), (1, 1.0)] * 2
    assert len({row.item for row in table.rows}) == 2
    assert len(table.rows[0].item) == 16


def result(**given):
    plain = {"provider": {"id": "p"}, "prompt": {"label": "x"}, "promptIdx": 0, "testIdx": 0}
    return plain | {"score": 1, "failureReason": 0, "testCase": {"vars": {"q": "1"}}} | given


def results(folder, *listed, **more):
    file = folder / "results.json"
    prompts = {"results": {"version": 3, "prompts": [], "results": listed}}
    file.write_text(json.dumps({"evalId": "e"} | prompts | more))
    return file


def test_items_do_not_depend_on_their_position(tmp_path):
    """Nor on the order in which they ended; another assertion makes another item."""
    case = {"vars": {"q": "2"}, "assert": [{"type": "is-json"}]}
    one = promptfoo.read(results(tmp_path, result(), result(testIdx=1, testCase=case)))
    other = promptfoo.read(results(tmp_path, result(testIdx=1), result(testCase=case)))
    assert [row.item for row in one.rows] == [row.item for row in other.rows][::-1]
    changed = case | {"assert": [{"type": "contains"}]}
    third = promptfoo.read(results(tmp_path, result(testCase=changed)))
    assert third.rows[0].item not in {row.item for row in one.rows}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"failureReason": 2, "error": "HTTP 500\nat x"}, "error: HTTP 500"),
        ({"response": {"error": "refused"}}, "error: refused"),
        ({"score": None}, "the file gives no score"),
        (
            {"gradingResult": {"metadata": {"graderError": True}, "reason": "no judge"}},
            "grader error: no judge",
        ),
        (
            {"gradingResult": {"componentResults": [{"metadata": {"graderError": True}}]}},
            "grader error: unknown",
        ),
    ],
)
def test_what_failed_is_not_wrong(tmp_path, given, reason):
    """Neither the call nor the grader; a failed assertion is a score, though."""
    row = promptfoo.read(results(tmp_path, result(score=0) | given)).rows[0]
    assert (row.score, row.reason) == (None, reason)
    wrong = promptfoo.read(results(tmp_path, result(score=0, failureReason=1, error="no")))
    assert wrong.rows[0].score == 0.0


def test_costs_and_long_labels(tmp_path):
    """A known price is kept; a prompt that is its own label is cut, and stays apart."""
    labels = ["You are kind. " * 20 + end for end in ("a", "b")]
    listed = [
        result(promptIdx=n, prompt={"label": label}, cost=0.0015) for n, label in enumerate(labels)
    ]
    table = promptfoo.read(results(tmp_path, *listed))
    assert len(set(table.systems)) == 2
    assert all(len(system) < 100 for system in table.systems)
    assert table.rows[0].micro_dollars == 1500


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ([result(score=7)], "result 1: task 'promptfoo': the score 7.0 is outside of 0 to 1"),
        ([result(provider={})], "result 1: names no provider"),
        ([result(), result(promptIdx=None)], "result 2: names no provider, or no `promptIdx`"),
        (
            [result(), result(promptIdx=1)],
            "two providers or prompts are both called 'p'. Give each its own `label`",
        ),
        ([result(), result(testIdx=1)], "stands there more than 1 times for 'p'. Give every test"),
        ([], "holds no scores"),
    ],
)
def test_what_is_no_table_is_named(tmp_path, listed, said):
    """With the result, the value and what to do."""
    with pytest.raises(ScoresError) as caught:
        promptfoo.read(results(tmp_path, *listed, runtimeOptions={"repeat": 1}))
    assert said in str(caught.value)


def test_another_document_is_named(tmp_path):
    """Not every JSON file is one of results."""
    file = tmp_path / "other.json"
    file.write_text('{"results": {}}')
    with pytest.raises(ScoresError, match=r"holds no list `results\.results`"):
        promptfoo.read(file)
    assert not promptfoo.recognises(file)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("similar", "API call error: Error: Request failed after 4 retries: TypeError: fetch"),
        ("not-similar", "API error: 429 Too Many Requests"),
        ("webhook", "Webhook error: Request failed after 4 retries"),
        ("select-best", "No output"),
        ("factuality", "API call error: Error: Request timed out after 300000 ms"),
        ("model-graded-closedqa", "Request timed out after 300000 ms"),
        ("classifier", "Unknown error fetching classification"),
    ],
)
def test_a_judge_that_did_not_answer_is_known_by_its_words(tmp_path, kind, reason):
    """These assertions of promptfoo 0.121.20 write a 0 and leave no mark of a grader's error."""
    part = {"pass": False, "score": 0, "reason": reason, "assertion": {"type": kind}}
    given = {"score": 0, "failureReason": 1, "gradingResult": {"componentResults": [part]}}
    row = promptfoo.read(results(tmp_path, result(**given))).rows[0]
    assert (row.score, row.reason) == (None, f"grader error: {reason}")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("similar", "Similarity 0.31 is less than threshold 0.5"),
        ("factuality", "API calls are described wrongly"),
        ("equals", 'Expected output "API call error: x" to equal "16"'),
        ("contains", "API call error: said the answer"),
    ],
)
def test_what_was_judged_wrong_stays_wrong(tmp_path, kind, reason):
    """Words of another kind, or an assertion that asks nobody."""
    part = {"pass": False, "score": 0, "reason": reason, "assertion": {"type": kind}}
    given = {"score": 0, "failureReason": 1, "gradingResult": {"componentResults": [part]}}
    assert promptfoo.read(results(tmp_path, result(**given))).rows[0].score == 0.0


def test_assertions_whose_own_code_failed_are_told(tmp_path):
    """Their 0 stands, for the answer may be what the code could not read."""
    part = {"pass": False, "score": 0, "reason": "Python code execution failed: ZeroDivisionError"}
    given = {"score": 0, "failureReason": 1, "gradingResult": {"componentResults": [part]}}
    table = promptfoo.read(results(tmp_path, result(**given), result(testIdx=1)))
    assert [row.score for row in table.rows] == [0.0, 1.0]
    assert table.notes[0].startswith("the code of an assertion failed on 1 answers")
