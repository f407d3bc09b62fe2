"""`escalera label` as people run it: killed, resumed, over real connections, used by `judge`."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections import Counter
from pathlib import Path

import httpx2
import pytest
from tests.end_to_end.labelling import Opened, opened
from tests.end_to_end.test_judged import Shop, shop, worth
from tests.unit.apps.label import project

from escalera import wiring
from escalera.core.evaluation.labelling import key_of

__all__ = ["shop"]

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]
PEOPLE, KILLS = ("Ana", "Bo"), 6


class Person:
    """Someone who labels over plain forms, and remembers what was shown as saved."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.saved: dict[str, str] = {}
        self.unsure: dict[str, str] = {}

    def label(self, url: str) -> None:
        """Label until nothing is left, or the server is gone."""
        origin = "/".join(url.split("/")[:3])
        with httpx2.Client(headers={"Origin": origin}, follow_redirects=True, timeout=10) as client:
            try:
                shown = client.get(f"{url}as/{self.name}")
                while True:
                    unit = re.search(r'name="unit" value="(\w+)"', shown.text)
                    if unit is None:
                        return
                    grade = str(int(unit[1][:6], 16) % 5)
                    self.unsure = {unit[1]: grade}
                    form = {"unit": unit[1], "value": grade}
                    shown = client.post(f"{url}as/{self.name}/give", data=form)
                    assert shown.status_code == 200
                    self.saved |= self.unsure
            except httpx2.TransportError:
                return


def rows(file: Path) -> list[dict[str, object]]:
    """The lines of a file of labels."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_two_people_label_while_the_server_is_killed_at_random(tmp_path: Path) -> None:
    """Whatever was shown as saved is in the file once; besides, what was in flight at most."""
    project.write(tmp_path, items=100)
    draw, file = random.Random(7), tmp_path / "replies.labels.jsonl"
    people = [Person(name) for name in PEOPLE]
    arguments = ("-s", "small", "-n", "100", "--overlap", "30")
    in_flight: set[tuple[str, str]] = set()
    kills = 0
    while True:
        with opened(tmp_path, *arguments) as server:
            threads = [threading.Thread(target=one.label, args=(server.url,)) for one in people]
            for thread in threads:
                thread.start()
            if kills < KILLS:
                wanted = len(people[0].saved) + draw.randint(3, 9)
                while len(people[0].saved) < wanted and threads[0].is_alive():
                    time.sleep(0.0005)
                server.kill()
            for thread in threads:
                thread.join()
        in_flight |= {(one.name, unit) for one in people for unit in one.unsure}
        if kills == KILLS:
            break
        kills += 1
    found = {
        (str(line["by"]), key_of(f"replies/{line['item']}", str(line["reply"]))): line["label"]
        for line in rows(file)
    }
    assert len(found) == len(rows(file))
    saved = {(one.name, unit): int(said) for one in people for unit, said in one.saved.items()}
    assert saved.items() <= found.items()
    assert found.keys() - saved.keys() <= in_flight
    counts = Counter(unit for _, unit in found)
    assert len(counts) == 100
    assert sum(count == 2 for count in counts.values()) >= 30


def test_only_who_knows_the_address_gets_in(tmp_path: Path) -> None:
    """Over a real connection: token, host, origin, and nothing of it on another address."""
    project.write(tmp_path)
    with opened(tmp_path, "-s", "small") as server, httpx2.Client() as client:
        origin, token = server.url.rstrip("/").rsplit("/", 1)
        assert client.get(server.url).status_code == 200
        assert client.get(origin).status_code == 404
        assert client.get(f"{origin}/{token[:-1]}/").status_code == 404
        evil = {"Host": f"evil.example:{origin.rpartition(':')[2]}"}
        assert client.get(server.url, headers=evil).status_code == 421
        form = {"unit": "x", "value": "1"}
        posted = client.post(f"{server.url}as/Ana/give", data=form)
        assert posted.status_code == 403
        assert "name it in [tasks.replies] as labels" in server.told


def test_a_second_page_on_the_same_file_is_refused(tmp_path: Path) -> None:
    """It would not know of the first one's labels."""
    project.write(tmp_path)
    with (
        opened(tmp_path, "-s", "small"),
        pytest.raises(AssertionError, match="another process adds lines to it"),
    ):
        Opened("-p", str(tmp_path), "-s", "small")


def test_labels_of_the_page_are_what_the_judge_is_held_against(shop: Shop) -> None:
    """From an empty file that the project names to the judge's calibration and a correction."""
    assert shop.run("eval", "small").returncode == 0
    shop.write('labels = "people.jsonl"')
    with opened(shop.folder, "--as", "Ana", "-s", "small") as server:
        assert "name it in" not in server.told
        origin = "/".join(server.url.split("/")[:3])
        headers = {"Origin": origin}
        with httpx2.Client(headers=headers, follow_redirects=True) as client:
            shown = client.get(server.url)
            while unit := re.search(r'name="unit" value="(\w+)"', shown.text):
                word = re.findall(r"w(?:confirm)\d+", shown.text)[0]
                form = {"unit": unit[1], "value": str(worth(word))}
                shown = client.post(f"{server.url}as/Ana/give", data=form)
    assert len(rows(shop.folder / "people.jsonl")) == 40
    task = wiring.install(shop.folder / "escalera.toml").project.task("echo")
    assert len(task.labels) == 40
    found = json.loads(shop.run("judge", "kind", "--json").stdout)
    assert (found["overall"]["answers"], found["missing"]) == (40, 0)
    assert found["overall"]["bias"]["lower"] > 0
    evaluated = json.loads(shop.run("eval", "small", "--json").stdout)
    (system,) = evaluated["systems"]
    assert (system["basis"], system["labels"]) == ("corrected", 40)
    summary = json.loads(shop.run("label", "-s", "small", "--summary", "--json").stdout)
    assert summary["labels_needed"] == found["overall"]["labels_needed"]
