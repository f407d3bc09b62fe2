"""Models of a project file that vLLM answers for: their process, their key, what they are."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.wiring import echo_project
from tests.unit.wiring.echo_project import EXAMPLE

from escalera.domain.message import Decoding, Message, Reply, Request
from escalera.domain.system import Branch, Prompt, Route, System
from escalera.engine.serve import Desk, Overrides
from escalera.errors import InputError, ProjectError, ProviderUnavailable
from escalera.wiring import Installation, serving, vllm

pytestmark = [pytest.mark.network, pytest.mark.timeout(120)]

PROGRAM = [sys.executable, "-m", "escalera.testing.upstream.lookalike", "serve"]
HELLO = Request(messages=(Message(role="user", content="hello"),))


def installed(folder: Path, *arguments: str, more: str = "", engine: str = "vllm") -> Installation:
    """A project whose model is the example's."""
    table = f'[models.base]\npath = {json.dumps(str(EXAMPLE))}\nengine = "{engine}"\n'
    if engine == "vllm":
        table += f"[models.base.vllm]\ncommand = {json.dumps(PROGRAM)}\n"
        table += f"arguments = {json.dumps(arguments)}\nstart_seconds = 20\nstop_seconds = 5\n"
        table += more
    return echo_project.installed(folder, table)


def test_a_command_has_a_process_of_its_own(tmp_path):
    """It starts with the first request and ends with the provider; its log lies in the state."""
    made = installed(tmp_path)

    async def work():
        provider = made.provider("base")
        found = (await provider.answer([HELLO]))[0]
        await provider.close()
        return found

    found = asyncio.run(work())
    assert isinstance(found, Reply)
    assert found.text == "base: hello"
    log = (made.state / "vllm" / "base.log").read_text()
    assert "as base; the key is ***" in log
    assert "Finished server process" in log


def test_what_answers_is_part_of_what_a_model_is(tmp_path):
    """The engine and its arguments change the revision; how much it may use does not."""
    here = installed(tmp_path, engine="transformers").base_model("base")
    there = installed(tmp_path).base_model("base")
    other = installed(tmp_path, "--dtype", "half").base_model("base")
    wide = installed(tmp_path, more="rank = 64\nmemory = 0.5").base_model("base")
    assert len({here.revision, there.revision, other.revision}) == 3
    assert wide.revision == there.revision
    assert here.trainable
    assert there.trainable


def test_processes_of_a_gateway_are_shared(tmp_path):
    """Started once, asked by whoever is told where they are, in bytes and as a provider."""
    made, told = installed(tmp_path), []
    processes = vllm.Processes(made, told.append)
    try:
        processes.start()
        running = vllm.decoded(vllm.encoded(processes.running))
        assert running == processes.running
        key = running["base"].key
        assert key not in repr(running)
        worker = replace(made, running=running)
        vllm.require(worker)
        found = serving.served(worker, ())["base"]
        assert (found.called, found.secret) == ("base", key)

        async def work():
            reply = (await found.provider.answer([HELLO]))[0]
            exchange = await found.upstream.send(
                "/chat/completions",
                b'{"model":"base","messages":[{"role":"user","content":"in bytes"}]}',
            )
            said = await exchange.whole(10_000)
            exchange.close()
            await found.provider.close()
            await found.upstream.close()
            return reply, said

        reply, said = asyncio.run(work())
        assert reply.text == "base: hello"
        assert b"base: in bytes" in said
    finally:
        processes.stop()
    assert "vLLM answers" in told[1]
    assert key not in "".join(told)


def test_a_configuration_that_needs_another_process_is_refused(tmp_path):
    """A running gateway does not start any."""
    made = installed(tmp_path)
    running = vllm.Processes(made, print).running
    vllm.require(replace(made, running=running))
    changed = installed(tmp_path, "--dtype", "half")
    for one in (changed, replace(changed, running=running)):
        with pytest.raises(InputError, match="Start the gateway again"):
            vllm.require(one)


def test_a_gateway_whose_process_does_not_start_says_why(tmp_path):
    """With the end of its log; the others were ended."""
    processes = vllm.Processes(installed(tmp_path, "--fault", "refuses"), print)
    with pytest.raises(ProviderUnavailable, match="No available memory"):
        processes.start()
    processes.stop()


def route(revision: str, adapter: str | None = None) -> Route:
    system = System(
        model="base", revision=revision, prompt=Prompt(), decoding=Decoding(), adapter=adapter
    )
    return Route(branches=(Branch(task="echo", system=system),))


def adapter(made: Installation, **more: object) -> str:
    """The digest of an adapter in the store of a project."""
    artifacts = made.artifacts()
    folder = artifacts.scratch()
    config = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "bias": "none", **more}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "adapter_model.safetensors").write_bytes(b"")
    return artifacts.put(folder)


def test_a_route_that_vllm_cannot_answer_as_measured_is_refused(tmp_path):
    """Before anything starts: another engine's evidence, and adapters that it cannot load."""
    made = installed(tmp_path)
    own = made.base_model("base").revision
    with_transformers = installed(tmp_path, engine="transformers").base_model("base").revision
    vllm.check(made, [route(own), route(own, adapter(made))])
    for wrong, said in (
        (route(with_transformers), "other weights or another engine"),
        (route(own, adapter(made, use_dora=True)), "DoRA"),
        (route(own, adapter(made, r=64)), "rank is 64"),
    ):
        with pytest.raises(ProjectError, match=said):
            serving.served(made, [wrong])


def test_a_route_with_an_adapter_answers_through_the_shared_process(tmp_path):
    """The adapter is loaded under its digest when its task is first asked."""
    made = installed(tmp_path)
    processes = vllm.Processes(made, lambda _: None)
    one = adapter(made)
    decided = route(made.base_model("base").revision, one)
    try:
        processes.start()
        worker = replace(made, running=processes.running)
        models = serving.served(worker, [decided])
        desk = Desk(label="shop", route=decided, models=models, infer=None)

        async def work():
            asked = await desk.resolve("shop", HELLO.messages, Overrides())
            found = (await asked.provider.answer([asked.request]))[0]
            await desk.close()
            return found

        assert asyncio.run(work()).text == f"{one}: hello"
    finally:
        processes.stop()
