"""`/v1/files` over real connections, and what callers may try against it."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from tests.unit.apps.gateway.sockets import Quick, asked, post, served

from escalera.apps.gateway import files
from escalera.apps.gateway.admitting import ManyKeys, OneKey
from escalera.apps.gateway.app import Setup, application
from escalera.apps.gateway.door import Door
from escalera.apps.gateway.wire import Refusal
from escalera.core.serving import keys
from escalera.domain.access import Key
from escalera.edges.gateway_store.files import SQLiteFiles
from escalera.engine.serve import Desk
from escalera.settings.gateway_table import FilesTable
from escalera.testing.gateway_stores import MemoryKeys

pytestmark = pytest.mark.network

NOW = 1_800_000_000.0
LINE = b'{"custom_id":"1"}\n'
SECRETS = {
    name: keys.secret(name.encode().ljust(32)) for name in ("anna", "bert", "team1", "team2")
}


def keyed() -> MemoryKeys:
    """Two keys of nobody, and two of one account."""
    store = MemoryKeys()
    for name, secret in SECRETS.items():
        account = "team" if name.startswith("team") else ""
        digest = keys.digest(secret)
        store.put(Key(id=f"key_{name}", name=name, digest=digest, created=NOW, account=account))
    return store


class Site:
    """A gateway that serves files."""

    def __init__(self, port: int, folder: Path, clock: dict[str, float]) -> None:
        self.port, self.folder, self.clock = port, folder, clock

    def ask(self, method: str, path: str = "", who: str = "anna", **more: Any) -> httpx2.Response:
        url = f"http://127.0.0.1:{self.port}/v1/files{path}"
        headers = {"Authorization": f"Bearer {SECRETS.get(who, who)}", **more.pop("headers", {})}
        return httpx2.request(method, url, headers=headers, trust_env=False, timeout=20, **more)

    def upload(self, data: bytes = LINE, who: str = "anna", **fields: str) -> httpx2.Response:
        fields = {"purpose": "batch", **fields}
        return self.ask("POST", who=who, files={"file": ("a.jsonl", data)}, data=fields)

    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("file-*"))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    clock = {"now": NOW}
    names = (f"file-{number:032x}" for number in itertools.count(1))
    folder = tmp_path / "files"
    table = FilesTable(megabytes=1, total_megabytes=2)
    store = SQLiteFiles(folder, now=lambda: clock["now"], name=names.__next__)
    door = keyed()
    entrance = ManyKeys(Door(door, door, now=lambda: clock["now"]), now=lambda: NOW, cap=10)
    desk = Desk(label="x", route=None, infer=None, models={})
    room = files.room(store, lambda: table, lambda: clock["now"])
    setup = Setup(entrance=entrance, rooms=[room])
    app = application(desk, api_key=None, now=lambda: NOW, setup=setup)
    with closing(store), served(app, protocol=Quick) as port:
        yield Site(port, folder, clock)


def error(response: httpx2.Response, status: int) -> dict[str, Any]:
    """The error of a response, which has OpenAI's shape."""
    assert response.status_code == status, response.text
    found = response.json()["error"]
    assert set(found) == {"message", "type", "param", "code"}
    return found


def test_a_file_from_upload_to_deletion(site):
    """What comes back is what was sent."""
    made = site.upload().json()
    assert made == {
        "id": made["id"],
        "object": "file",
        "bytes": len(LINE),
        "created_at": int(NOW),
        "expires_at": int(NOW) + 30 * 86_400,
        "filename": "a.jsonl",
        "purpose": "batch",
        "status": "processed",
        "status_details": None,
        "escalera": {"sha256": hashlib.sha256(LINE).hexdigest()},
    }
    assert site.ask("GET", f"/{made['id']}").json() == made
    assert site.ask("GET", f"/{made['id']}/content").content == LINE
    part = site.ask("GET", f"/{made['id']}/content", headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, LINE[1:4])
    assert site.ask("DELETE", f"/{made['id']}").json() == {
        "id": made["id"],
        "object": "file",
        "deleted": True,
    }
    assert error(site.ask("GET", f"/{made['id']}"), 404)["code"] == "not_found"
    error(site.ask("GET", f"/{made['id']}/content"), 404)
    error(site.ask("DELETE", f"/{made['id']}"), 404)
    assert site.left() == []


def test_somebody_elses_file_is_not_there(site):
    """For no act; keys of one account share theirs."""
    made = site.upload().json()["id"]
    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        error(site.ask(method, f"/{made}{path}", who="bert"), 404)
    assert site.ask("GET", who="bert").json()["data"] == []
    error(site.ask("GET", f"?after={made}", who="bert"), 400)
    shared = site.upload(who="team1").json()["id"]
    assert site.ask("GET", f"/{shared}", who="team2").status_code == 200
    for path in ("", f"/{made}", f"/{made}/content"):
        error(site.ask("GET", path, who="nobody"), 401)
    error(site.ask("POST", who="nobody", files={"file": LINE}), 401)


def test_lists(site):
    """By purpose and order, in pages."""
    ids = [site.upload().json()["id"] for _ in range(3)]
    tuned = site.upload(purpose="fine-tune").json()
    assert tuned["expires_at"] is None
    ids.append(tuned["id"])

    def listed(query: str) -> list[str]:
        return [one["id"] for one in site.ask("GET", f"?{query}").json()["data"]]

    assert listed("") == ids[::-1]
    assert listed("order=asc&limit=2") == ids[:2]
    assert listed(f"after={ids[2]}") == [ids[1], ids[0]]
    assert listed("purpose=fine-tune") == [tuned["id"]]
    assert site.ask("GET", "?limit=2").json()["has_more"] is True
    assert site.ask("GET", "?limit=4").json()["has_more"] is False
    for query, param in (
        ("limit=0", "limit"), ("limit=10001", "limit"), ("limit=x", "limit"),
        ("order=up", "order"), ("purpose=vision", "purpose"), ("after=file-x", "after"),
    ):  # fmt: skip
        assert error(site.ask("GET", f"?{query}"), 400)["param"] == param


@pytest.mark.parametrize("purpose", ["assistants", "vision", "user_data", "batch_output", ""])
def test_other_purposes_are_refused_with_what_is_offered(site, purpose):
    """And what was sent with them does not stay."""
    found = error(site.upload(purpose=purpose), 400)
    assert found["param"] == "purpose"
    assert "'fine-tune', 'batch', 'evals'" in found["message"]
    assert site.left() == []


def test_a_file_lives_as_long_as_its_owner_says(site):
    """Within OpenAI's bounds; then it is not there any more."""
    said = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    made = site.upload(**said).json()
    assert made["expires_at"] == int(NOW) + 3600
    site.clock["now"] = NOW + 3600
    error(site.ask("GET", f"/{made['id']}"), 404)
    for wrong in (
        {"expires_after[seconds]": "3599"}, {"expires_after[seconds]": "2592001"},
        {"expires_after[seconds]": "x"}, {"expires_after[anchor]": "now"},
    ):  # fmt: skip
        assert error(site.upload(**{**said, **wrong}), 400)["param"].startswith("expires_after.")
    error(site.upload(**{"expires_after[seconds]": "3600"}), 400)
    error(site.upload(**{"expires_after[anchor]": "created_at"}), 400)
    assert error(site.upload(expires="1"), 400)["param"] == "expires"


def test_too_much_is_refused(site):
    """By the length that is said, by what comes, and by what is there already."""
    limit = 1_000_000
    assert error(site.upload(LINE + b" " * limit), 413)["code"] == "file_too_large"
    assert error(site.upload(b"x" * 2 * limit), 413)["code"] == "body_too_large"
    for _ in range(2):
        assert site.upload(LINE.ljust(900_000)).status_code == 200
    assert "are allowed" in error(site.upload(LINE.ljust(900_000)), 413)["message"]
    assert site.upload(LINE.ljust(900_000), who="bert").status_code == 200
    assert len(site.left()) == 3


FORM = b"Content-Type: multipart/form-data; boundary=b"
ABOUT = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'


def raw(site: Site, body: bytes | float, *more: bytes | float, fields: tuple[bytes, ...] = (FORM,)):
    """The answers to an upload whose bytes are a test's."""
    fields = (b"Authorization: Bearer " + SECRETS["anna"].encode(), *fields)
    return asked(site.port, post(body, *fields, path=b"/v1/files"), *more)


@pytest.mark.parametrize(
    ("body", "fields", "status"),
    [
        (b"", (), 415),
        (b"{}", (b"Content-Type: application/json",), 415),
        (b"x", (b"Content-Type: multipart/form-data",), 400),
        (b"", (FORM,), 400),
        (b"--b--", (FORM,), 400),
        (ABOUT + LINE, (FORM,), 400),
        (b"--b\r\nX: " + b"y" * 1_000_000, (FORM,), 413),
        (b"--b\r\n" + b"X: y\r\n" * 10_000, (FORM,), 413),
        (ABOUT.replace(b'"a"', b'"' + b"../" * 5000 + b'"'), (FORM,), 413),
        (b"\r\n" * 100_000, (FORM,), 400),
        (ABOUT + LINE + b"\r\n--b--", (FORM, b"Content-Encoding: gzip"), 415),
    ],
)
def test_forms_that_are_none(site, body, fields, status):
    """Each is refused in OpenAI's shape, and nothing stays."""
    (found,) = raw(site, body, fields=fields)
    assert found.status == status, found.body
    assert json.loads(found.body)["error"]["message"]
    assert site.left() == []


def test_names_are_never_paths(site):
    """Whatever they look like, the bytes lie under our own id."""
    for name in (
        b"../../../tmp/x",
        b"/etc/passwd",
        b"..",
        b"files.sqlite",
        b"a\\..\\b",
        b"%2e%2e%2f",
    ):
        body = ABOUT.replace(b'"a"', b'"' + name + b'"') + LINE
        purpose = (
            b'\r\n--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b--\r\n'
        )
        (found,) = raw(site, body + purpose)
        assert found.status == 200, found.body
        assert "/" not in json.loads(found.body)["filename"]
    assert len(site.left()) == 6
    others = {path.name for path in site.folder.parent.rglob("*") if path.is_file()}
    assert others - {*site.left()} <= {"files.sqlite", "files.sqlite-shm", "files.sqlite-wal"}


@pytest.mark.parametrize(
    "path", ["/..%2ffiles.sqlite", "/%2e%2e/keys.sqlite", "/files.sqlite", "/"]
)
def test_ids_are_never_paths(site, path):
    """Neither to look at nor to delete."""
    for method in ("GET", "DELETE"):
        (found,) = asked(
            site.port,
            f"{method} /v1/files{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            f"Authorization: Bearer {SECRETS['anna']}\r\n\r\n".encode(),
        )
        assert found.status in {404, 405}
    assert (site.folder / "files.sqlite").exists()


def test_an_upload_that_breaks_off_or_stalls_leaves_nothing(site):
    """One that is cut, and one that is too slow."""
    length = b"Content-Length: 100000"
    raw(site, ABOUT + LINE, fields=(FORM, length))  # the protocol waits, then gives up
    assert site.left() == []
    (late,) = raw(site, ABOUT + LINE, 0.6, b"more", fields=(FORM, length))
    assert late.status == 408
    assert site.left() == []


def test_a_page_of_another_origin_may_not_upload(tmp_path):
    """Where no key is asked for, a form is what any page can send."""
    store = SQLiteFiles(tmp_path, now=lambda: NOW, name=lambda: "file-" + "0" * 32)
    desk = Desk(label="x", route=None, infer=None, models={})
    setup = Setup(rooms=[files.room(store, FilesTable, lambda: NOW)])
    app = application(desk, api_key=None, now=lambda: NOW, setup=setup)
    with closing(store), served(app) as port:
        url = f"http://127.0.0.1:{port}/v1/files"
        sent: dict[str, Any] = {"files": {"file": LINE}, "data": {"purpose": "batch"}}
        far = {"Origin": "https://evil.example"}
        assert httpx2.post(url, headers=far, trust_env=False, **sent).status_code == 403
        assert httpx2.post(url, trust_env=False, **sent).status_code == 200
        assert httpx2.delete(f"{url}/x", headers=far, trust_env=False).status_code == 403


def test_an_upload_has_an_end(tmp_path):
    """However quickly its bytes come."""

    first = [ABOUT]

    async def told() -> dict[str, Any]:
        await asyncio.sleep(0.01)
        body = first.pop() if first else b"x" * 1000
        return {"type": "http.request", "body": body, "more_body": True}

    async def story(acts: files.Files) -> None:
        headers = [(b"content-type", b"multipart/form-data; boundary=b")]
        scope = {"type": "http", "method": "POST", "headers": headers}
        begun = Request(scope, told)
        with pytest.raises(Refusal, match=r"at most 0\.2 seconds") as caught:
            await acts.upload(begun)
        assert caught.value.status == 408

    name = "file-" + "0" * 32
    with closing(SQLiteFiles(tmp_path, now=lambda: NOW, name=lambda: name)) as store:
        acts = files.Files(
            store=store,
            entrance=OneKey(None),
            table=FilesTable,
            now=lambda: NOW,
            longest=0.2,
        )
        asyncio.run(story(acts))
        assert [*tmp_path.glob("file-*")] == []
