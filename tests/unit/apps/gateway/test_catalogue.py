"""Models as OpenAI's API tells them: listed, retrieved, deleted, and asked by whom they are for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from escalera.apps.gateway.admitting import ManyKeys
from escalera.apps.gateway.app import Setup, application
from escalera.apps.gateway.door import Door
from escalera.apps.gateway.shelving import Shelving
from escalera.core.serving import keys
from escalera.domain.access import Account, Key
from escalera.domain.job import Published
from escalera.domain.message import Request
from escalera.engine.serve import Desk, Served
from escalera.testing.gateway_stores import MemoryKeys, MemoryShelf
from escalera.testing.scripted import ScriptedProvider

MINE = Published(
    name="ft:small:polite:1",
    base="small",
    revision="r1",
    adapter="a" * 64,
    job="ftjob-1",
    created=7.5,
    owner="team",
    gate="failed",
)
ALL = replace(MINE, name="ft:small:for/all:2", adapter="b" * 64, owner="", gate="none")
HELLO = [{"role": "user", "content": "one less"}]


class World:
    """A gateway over one model and a shelf; with `keyed`, callers `mine`, `other` and `given`."""

    def __init__(self, *models: Published, keyed: bool = False) -> None:
        self.shelf = MemoryShelf(*models)
        self.audited: list[tuple[str, str]] = []
        self.asked: list[Request] = []
        self.told: list[str] = []
        desk = Desk(
            label="support",
            route=None,
            models={"small": Served(revision="r1", provider=ScriptedProvider(self._say))},
            infer=None,
        )
        shelving = Shelving(
            self.shelf, audit=lambda model, by: self.audited.append((model.name, by))
        )
        shelving.read()
        setup = Setup(shelving=shelving, entrance=_entrance() if keyed else None)
        self.app = application(desk, api_key=None, now=lambda: 1_000.5, setup=setup)

    def _say(self, request: Request) -> str:
        self.asked.append(request)
        return f"{request.adapter and request.adapter[0]}: {request.messages[-1].content}"

    def run(self, *calls: tuple[str, str, str]) -> list[httpx2.Response]:
        """Calls one after the other: who, method and path; a path without a slash is chatted
        with."""

        async def send() -> list[httpx2.Response]:
            transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
            async with (
                self.app._rest.router.lifespan_context(self.app._rest),
                httpx2.AsyncClient(transport=transport, base_url="http://x") as client,
            ):
                return [await self._one(client, *call) for call in calls]

        return asyncio.run(send())

    async def _one(
        self, client: httpx2.AsyncClient, who: str, method: str, path: str
    ) -> httpx2.Response:
        headers = {"authorization": f"Bearer sk-{who}"} if who else {}
        if method == "CHAT":
            body: Any = {"model": path, "messages": HELLO}
            return await client.post("/v1/chat/completions", json=body, headers=headers)
        return await client.request(method, path, headers=headers)


def _entrance() -> ManyKeys:
    store = MemoryKeys()
    store.put(Account(name="team"))
    blank = Key(id="", name="", digest=b"", created=0.0)
    for name, more in {
        "mine": {"account": "team"},
        "other": {},
        "given": {"models": (MINE.name,)},
        "small": {"account": "team", "models": ("small",)},
    }.items():
        store.put(
            replace(blank, id=f"key_{name}", name=name, digest=keys.digest(f"sk-{name}"), **more)
        )
    return ManyKeys(Door(store, store, now=lambda: 1.0), now=lambda: 1.0, cap=10)


def names(response: httpx2.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [one["id"] for one in response.json()["data"]]


def code(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def test_models_are_listed_and_retrieved_one_by_one() -> None:
    """A finetuned one says what it is made of; a name with a slash is a name."""
    listed, base, mine, slashed, gone = World(MINE, ALL).run(
        ("", "GET", "/v1/models"),
        ("", "GET", "/v1/models/small"),
        ("", "GET", f"/v1/models/{MINE.name}"),
        ("", "GET", f"/v1/models/{ALL.name.replace('/', '%2F')}"),
        ("", "GET", "/v1/models/ft:small:none:3"),
    )
    assert names(listed) == ["small", MINE.name, ALL.name]
    assert base.json() == {
        "id": "small",
        "object": "model",
        "created": 1000,
        "owned_by": "escalera",
    }
    assert mine.json() == {
        "id": MINE.name,
        "object": "model",
        "created": 7,
        "owned_by": "team",
        "parent": "small",
        "job": "ftjob-1",
        "gate": "failed",
    }
    assert slashed.json()["id"] == ALL.name
    assert code(gone) == (404, "model_not_found")


def test_a_finetuned_model_answers_with_its_adapter_and_the_base_without() -> None:
    """Over the same provider; the system that answers is the one that would be measured."""
    world = World(MINE)
    tuned, base = world.run(("", "CHAT", MINE.name), ("", "CHAT", "small"))
    assert tuned.json()["choices"][0]["message"]["content"] == "a: one less"
    assert tuned.json()["model"] == MINE.name
    assert base.json()["choices"][0]["message"]["content"] == "None: one less"
    assert [request.adapter for request in world.asked] == [MINE.adapter, None]
    assert tuned.headers["x-escalera-system"] != base.headers["x-escalera-system"]
    assert tuned.headers["x-escalera-deployment"] == "small"


def test_a_model_answers_from_its_publication_on_until_it_is_withdrawn() -> None:
    """The first request that names it finds it, whenever the shelf was looked at last."""
    world = World()
    app: Any = world.app

    async def run() -> list[int]:
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:

            async def chat() -> int:
                return (await world._one(client, "", "CHAT", MINE.name)).status_code

            found = [await chat()]
            world.shelf.publish(MINE)
            found.append(await chat())
            gone = await client.delete(f"/v1/models/{MINE.name}")
            assert gone.json() == {"id": MINE.name, "object": "model", "deleted": True}
            found.append(await chat())
            return found

    assert asyncio.run(run()) == [404, 200, 404]
    assert world.audited == [(MINE.name, "")]


def test_a_name_of_another_kind_is_not_looked_for_on_the_shelf() -> None:
    """Whoever misspells a base model costs the store nothing."""
    world = World(MINE)
    before = world.shelf.looks
    (found,) = world.run(("", "CHAT", "smal"))
    assert code(found) == (404, "model_not_found")
    assert world.shelf.looks == before


def test_a_model_is_its_owners() -> None:
    """Others neither see nor ask nor delete it; whom the operator names it for may ask, and is
    told of nothing else that it may not ask."""
    world = World(MINE, ALL, keyed=True)
    path = f"/v1/models/{MINE.name}"
    found = world.run(
        *((who, "GET", "/v1/models") for who in ("mine", "other", "given")),
        ("mine", "CHAT", MINE.name),
        ("given", "CHAT", MINE.name),
        ("other", "CHAT", ALL.name),
        ("mine", "GET", path),
        ("other", "CHAT", MINE.name),
        ("other", "GET", path),
        ("other", "DELETE", path),
        ("given", "DELETE", path),
        ("mine", "DELETE", f"/v1/models/{ALL.name}"),
        ("mine", "DELETE", "/v1/models/small"),
        ("nobody", "GET", path),
    )
    seen, answers, refused = found[:3], found[3:7], found[7:]
    assert [names(one) for one in seen] == [
        ["small", MINE.name, ALL.name],
        ["small", ALL.name],
        [MINE.name],
    ]
    assert [one.status_code for one in answers] == [200, 200, 200, 200]
    assert [code(one) for one in refused] == [
        (404, "model_not_found"),
        (404, "model_not_found"),
        (404, "model_not_found"),
        (403, "model_not_deletable"),
        (403, "model_not_deletable"),
        (403, "model_not_deletable"),
        (401, "invalid_api_key"),
    ]
    served = refused[0].json()["error"]["message"].partition("served are")[2]
    assert served.split() == ["'small'."]
    assert len(world.shelf.all()) == 2


def test_a_key_that_is_limited_to_models_is_so_for_finetuned_ones() -> None:
    """Its owner's models too: the key was given for what it names."""
    (found,) = World(MINE, keyed=True).run(("small", "CHAT", MINE.name))
    assert code(found) == (403, "model_not_allowed")


def test_an_owner_withdraws_and_the_record_says_who() -> None:
    """By the key's id."""
    world = World(MINE, keyed=True)
    path = f"/v1/models/{MINE.name}"
    done, again, listed = world.run(
        ("mine", "DELETE", path), ("mine", "DELETE", path), ("mine", "GET", "/v1/models")
    )
    assert done.json()["deleted"] is True
    assert code(again) == (404, "model_not_found")
    assert names(listed) == ["small"]
    assert world.audited == [(MINE.name, "key_mine")]


def test_without_the_store_known_models_answer_and_unknown_ones_are_not_denied() -> None:
    """That nobody can look is another answer than that there is none."""
    world = World(MINE)
    world.shelf.down = True
    known, listed, unknown, one = world.run(
        ("", "CHAT", MINE.name),
        ("", "GET", "/v1/models"),
        ("", "CHAT", "ft:small::9"),
        ("", "GET", "/v1/models/ft:small::9"),
    )
    assert known.status_code == 200
    assert names(listed) == ["small", MINE.name]
    assert code(unknown) == code(one) == (503, "store_unavailable")
    assert unknown.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("origin", "status"), [("http://localhost:3000", 200), ("http://x.y", 403)]
)
def test_a_page_of_another_origin_deletes_nothing(origin: str, status: int) -> None:
    """A browser would send it in the name of whoever looks at the page."""
    world = World(MINE)

    async def run() -> httpx2.Response:
        transport = httpx2.ASGITransport(world.app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.delete(f"/v1/models/{MINE.name}", headers={"origin": origin})

    assert asyncio.run(run()).status_code == status
    assert len(world.shelf.all()) == (0 if status == 200 else 1)
