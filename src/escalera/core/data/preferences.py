"""Preferred answers beside rejected ones, as in files for direct preference optimisation.

Two forms, both of TRL's: texts (`prompt`, `chosen`, `rejected`), and lists of messages, in which
`chosen` and `rejected` go on from `prompt`, or hold the whole conversation each. The last answer is
what was compared; what stands before it is the same in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from escalera.core.data import chats
from escalera.core.data.chats import Answers, Turn
from escalera.core.data.flaws import Flaw, shown

KEYS = ("prompt", "chosen", "rejected")


def answers(raw: Mapping[str, Any]) -> Answers:
    """The preferred answer of a row with the rejected one, or what is wrong with the row."""
    missing = [key for key in KEYS[1:] if raw.get(key) is None]
    if missing:
        rule = f"is not an item: `{missing[0]}` is missing beside the other answer"
        return Answers(flaws=(Flaw(rule, "Give both answers, `chosen` and `rejected`"),))
    if all(isinstance(raw.get(key), str) for key in KEYS):
        return _texts(*(raw[key] for key in KEYS))
    if all(_listed(raw.get(key, [])) for key in KEYS):
        return _talks(*(list(raw.get(key, [])) for key in KEYS))
    kinds = ", ".join(f"`{key}` is {shown(raw.get(key))}" for key in KEYS)
    remedy = "Write all three as text, or all as lists of messages"
    return Answers(flaws=(Flaw(f"is not an item: {kinds}", remedy),))


def same(rejected: str, right: str, text: str) -> Flaw:
    """What is said where nothing is left to prefer; the first two name the keys."""
    rule = f"{rejected} is the same as {right}: {shown(text)}"
    return Flaw(rule, "Give an answer that was turned down, or leave the key out")


# Below: private.


def _texts(prompt: str, chosen: str, rejected: str) -> Answers:
    for key, text in zip(KEYS, (prompt, chosen, rejected), strict=True):
        if not text.strip():
            return Answers(flaws=(Flaw(f"`{key}` is empty", "Fill it in, or remove the line"),))
        if text != text.encode(errors="ignore").decode():
            rule = f"`{key}` holds half of a character (a lone surrogate)"
            return Answers(flaws=(Flaw(rule, "Remove it"),))
    return _compared(Turn(input=prompt, target=chosen), rejected)


def _talks(prompt: list[Any], chosen: list[Any], rejected: list[Any]) -> Answers:
    right, wrong = (chats.answers([*prompt, *told]) for told in (chosen, rejected))
    flaws = (*right.flaws, *(flaw for flaw in wrong.flaws if flaw not in right.flaws))
    if flaws:
        return Answers(flaws=flaws)
    one, other = right.turns[-1], wrong.turns[-1]
    if replace(other, target=one.target) != one:
        rule = "`chosen` and `rejected` are answers to different conversations"
        return Answers(flaws=(Flaw(rule, "Let them differ in the last answer only"),))
    return _compared(one, other.target)


def _compared(turn: Turn, rejected: str) -> Answers:
    if turn.target == rejected:
        return Answers(flaws=(same("`rejected`", "`chosen`", rejected),))
    return Answers(turns=(replace(turn, rejected=rejected),))


def _listed(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
