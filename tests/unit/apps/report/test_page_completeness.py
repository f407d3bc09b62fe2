"""Nothing of the document is left out of the report."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

from escalera.apps.report import numerals, page

SAMPLE = Path(__file__).parent / "sample_document.json"


def test_every_number_and_every_sentence_of_the_document_is_shown():
    """Written as the page writes numbers of that kind."""
    document = json.loads(SAMPLE.read_text(encoding="utf-8"))
    text = _words(page.render(document))
    missing = [one for one in _expected(document) if _squeeze(one) not in text]
    assert missing == []


# Private.


def _squeeze(text: str) -> str:
    return " ".join(text.split())


def _words(text: str) -> str:
    """What can be read on the page, with the names of its pictures."""
    body = re.sub(r"<style>.*?</style>", "", text, flags=re.S)
    titles = " ".join(re.findall(r'(?:title|aria-label)="([^"]*)"', body))
    return _squeeze(html.unescape(re.sub(r"<[^>]+>", "", body) + " " + titles))


def _expected(document: dict[str, Any]) -> list[str]:
    verdict, spent, journal = document["verdict"], document["spent"], document["journal"]
    told = [verdict["sentence"], *verdict["reasons"], *verdict["reversal"], *document["reproduce"]]
    told += [str(verdict["exit_code"]), journal["project_digest"], journal["clocks"]["head"]]
    told += [numerals.count(journal["clocks"]["events"]), document["version"], document["project"]]
    told += [numerals.count(value) for key, value in spent.items() if key.endswith(("ls", "ns"))]
    told.append(numerals.plain(spent["clocks"]["minutes"]))
    account = document["account"]
    told += [f"{account['questions']} questions were asked", numerals.percent(account["at_risk"])]
    for wear in account["items"]:
        told += [f"{wear['questions']} questions to {wear['items']} items"]
        told += [f"up to {wear['most_uses']} times", numerals.plain(wear["widening"])]
    for task in document["tasks"]:
        told += [f"Bar {numerals.score(task['bar'])}, margin {numerals.score(task['margin'])}"]
        told += [f"scored by {task['scorer']}", f"worth {task['value_per_point']} a month"]
        told += [f"{count} {purpose}" for purpose, count in task["items"].items()]
        told += [f"{numerals.percent(task['share'])} of queries", task["title"]]
    for rung in document["ladder"]:
        told += [rung["title"], *rung["words"], f"{rung['price']['clocks']['minutes']} min"]
        told += [f"{numerals.count(rung['price']['calls'])} calls"]
    for one in document["trainings"]:
        told += [one["label"], one["adapter"], f"{numerals.count(one['examples'])} examples"]
        told += [numerals.count(one["tokens"]), numerals.count(one["parameters"])]
        told += [numerals.plain(one["curve"][0][1]), numerals.plain(one["curve"][-1][1])]
        told.append(numerals.duration(one["clocks"]["seconds"]))
        told += [one["diagnosis"]["unknown"] or "", *one["distilled"]]
        told += [text for found in one["diagnosis"]["findings"] for text in found.values()]
    chosen = [one for prompt in document["prompts"] for one in prompt.get("chosen", [])]
    told += [f"{one['count']} {one['kind']} by {one['method']}" for one in chosen]
    told += [str(one[key]) for one in chosen for key in ("items", "leaks", "dropped", "tokens")]
    for prompt in document["prompts"]:
        told += [prompt["system"], prompt["template"], prompt["operator"]]
        told += prompt["lineage"]["changes"]
    told.append(document["merge_search"])
    for merge in document["merges"]:
        told += [merge["method"], *(one["adapter"] for one in merge["inputs"])]
        if prompt["output"]:
            told += [prompt["output"]["schema"], f"mode {prompt['output']['mode']}"]
    for one in document["promotions"]:
        told += [one["name"], one["route"], one["incumbent"], one["override"] or "passed."]
        for row in one["tasks"]:
            told += [row["word"], numerals.signed(row["difference"]["value"])]
            told += [
                numerals.signed_interval(row["difference"]),
                numerals.percent(row["lost"]["value"]),
            ]
    told += _expected_of_replay(document)
    told += _expected_of_races(document) + _expected_of_candidates(document)
    return told + _expected_of_contracts(document)


def _expected_of_replay(document: dict[str, Any]) -> list[str]:
    told = []
    for one in document["replay"]:
        told += [numerals.plain(one["ratio"]), f"room {numerals.signed(one['room'])}"]
        told.append(f"{numerals.count(one['tokens'])} tokens")
        told.append(numerals.duration(one["clocks"]["seconds"]))
    return told


def _expected_of_races(document: dict[str, Any]) -> list[str]:
    told = []
    for screening in document["screenings"]:
        for one in screening["effects"]:
            told += [one["operator"], numerals.signed(one["effect"]["value"])]
            told.append(numerals.signed_interval(one["effect"]))
    for race in document["races"]:
        for one in race["rounds"]:
            for entrant in one["entrants"]:
                told.append(entrant["operator"])
                mean = numerals.score(entrant["mean"])
                told.append(f"{mean} after {numerals.counted(one['items'], 'item', 'items')}")
    return told


def _expected_of_contracts(document: dict[str, Any]) -> list[str]:
    told = []
    for way in document["contracts"]:
        told += [way["operator"], f"{way['items']} items, mode {way['mode']}"]
        told += [numerals.percent(way["valid"]), numerals.percent(way["valid_without"])]
        told += [numerals.plain(way["repairs"]), numerals.plain(way["tokens"]["value"])]
        told += [numerals.plain(way["tokens"]["lower"]), numerals.plain(way["tokens"]["upper"])]
        seconds = way["clocks"]["seconds"]
        told += [f"{numerals.plain(1000 * seconds[end])}" for end in ("value", "lower", "upper")]
        if way["score"] is not None:
            told += [numerals.signed(way["score"]["value"])]
            told += [numerals.signed_interval(way["score"])]
        money = way["micro_dollars"]
        told.append(numerals.money(None if money is None else money["value"]))
    return told


def _expected_of_candidates(document: dict[str, Any]) -> list[str]:
    tasks = {task["name"]: task for task in document["tasks"]}
    told = []
    for candidate in document["candidates"]:
        told += [candidate["label"], candidate["route"]]
        for cell in candidate["cells"]:
            bar, margin = tasks[cell["task"]]["bar"], tasks[cell["task"]]["margin"]
            told += [numerals.score(cell["score"]["value"], bar)]
            told += [numerals.interval(cell["score"], bar), f"{cell['score']['n']} items"]
            told += [f"{numerals.count(cell['tokens_per_call'])} tokens"]
            told += [numerals.duration(cell["clocks"]["seconds_per_call"])]
            if cell["unscored"]:
                told.append(f"{cell['unscored']} unscored")
            if cell["difference"] is not None:
                change = numerals.signed(cell["difference"]["value"], -margin)
                told.append(f"{change} {cell['comparison']}")
                told.append(numerals.signed_interval(cell["difference"], -margin))
    return told
