"""A record in which no byte can be changed unnoticed."""

from __future__ import annotations

import json

import pytest

from escalera.core.serving import audit
from escalera.domain.act import Act

ACTS = (
    Act(
        at=1_800_000_000.0, who="anna@one", kind="key-created", subject="key_1", details={"a": "b"}
    ),
    Act(at=1_800_000_001.5, who="bo@two", kind="promoted", subject="é \n 😀", details={}),
    Act(at=1_800_000_002.0, who="anna@one", kind="key-revoked", subject="key_1"),
)


def log(acts=ACTS, *, first=1, before=audit.GENESIS) -> bytes:
    data = b""
    for number, act in enumerate(acts, start=first):
        made = audit.line(act, number=number, before=before)
        before = str(made["hash"])
        data += audit.text(made) + b"\n"
    return data


def test_acts_come_back_as_they_were():
    """In order, with the head that stands for all of them."""
    found = audit.checked(log())
    assert tuple(entry.act for entry in found.entries) == ACTS
    assert [entry.number for entry in found.entries] == [1, 2, 3]
    assert (found.broken, found.head) == ("", found.entries[2].hash)
    assert audit.checked(b"") == audit.Checked(entries=())
    assert audit.checked(b"").head == audit.GENESIS


def test_every_changed_byte_is_noticed_where_it_is():
    """Every bit of every byte, in the entry that holds it or the one that its end ran into."""
    data = log()
    begins = [0]
    for line in data.splitlines(keepends=True):
        begins.append(begins[-1] + len(line))
    for place in range(len(data)):
        entry = sum(begin <= place for begin in begins)
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            found = audit.checked(bytes(changed))
            assert found.broken.startswith(f"entry {entry} "), (place, bit, found.broken)
            assert len(found.entries) == entry - 1


@pytest.mark.parametrize("place", range(3))
def test_a_byte_more_or_less_is_noticed(place):
    """Also white space that JSON does not mind."""
    lines = log().splitlines(keepends=True)
    for at in range(len(lines[place])):
        for changed in (
            lines[place][:at] + lines[place][at + 1 :],
            lines[place][:at] + b" " + lines[place][at:],
        ):
            data = b"".join([*lines[:place], changed, *lines[place + 1 :]])
            assert audit.checked(data).broken.startswith(f"entry {place + 1} ")


def test_entries_that_were_taken_out_or_moved_are_noticed():
    """The numbers and the chain both say so."""
    one, two, three = log().splitlines(keepends=True)
    assert audit.checked(one + three).broken == "entry 2 does not follow the entry before it"
    assert audit.checked(two + three).broken == "entry 1 does not follow the entry before it"
    assert audit.checked(one + three + two).broken.startswith("entry 2 ")
    assert audit.checked(one + one).broken.startswith("entry 2 ")
    again = log(ACTS[2:], first=2, before=audit.checked(one).head)
    assert audit.checked(one + again).broken == ""  # written anew: the head tells it
    assert audit.checked(one + again).head != audit.checked(one + two + three).head


def test_half_a_line_is_no_entry():
    """What a power cut leaves."""
    found = audit.checked(log()[:-10])
    assert (len(found.entries), found.broken) == (2, "entry 3 has no end of line")


def test_an_act_of_a_later_version_is_told():
    """It holds, and is not understood."""
    made = audit.line(ACTS[0], number=1, before=audit.GENESIS)
    content = {**made, "kind": "later"}
    del content["hash"]
    content["hash"] = audit._hash(content)
    found = audit.checked(audit.text(content) + b"\n")
    assert found.broken == "entry 1 holds an act 'later' that this Escalera does not know"


def test_a_new_line_is_chained_to_lines_that_hold():
    """All of them, not the last alone."""
    lines = log().splitlines()
    assert audit.chained(lines).head == audit.checked(log()).head
    assert audit.chained([]).head == audit.GENESIS
    broken = json.dumps({**json.loads(lines[1]), "who": "eve"}).encode()
    assert audit.chained([lines[0], broken, *lines[2:]]).broken.startswith("entry 2 ")
    assert audit.chained([b"x"]).broken.startswith("entry 1 ")
