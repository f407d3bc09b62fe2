"""The ways of holding answers to a schema."""

from __future__ import annotations

from escalera.core.prompts import contracts
from escalera.domain.contract import LOCAL_MODES, REMOTE_MODES


def test_a_model_gets_what_it_can_do():
    """Each mode that is there is tried, and no other."""
    for able in (LOCAL_MODES, REMOTE_MODES, ("tools",)):
        made = contracts.propose('{"type":"object"}', able)
        assert {output.mode for _, output in made} == set(able)
        assert all(output.schema == '{"type":"object"}' for _, output in made)
    assert contracts.propose("{}", ()) == ()


def test_ways_are_distinct_and_have_names_of_their_own():
    """Equal systems under two names would race against themselves."""
    made = contracts.propose("{}", (*LOCAL_MODES, *REMOTE_MODES))
    assert len({name for name, _ in made}) == len({output for _, output in made}) == len(made)


def test_a_bare_prompt_is_no_contract():
    """Nothing told and nothing repaired is the parent itself."""
    for _, output in contracts.propose("{}", ("prompt", "json_object")):
        assert output.told or output.repairs
    assert all(w.told for w in contracts.WAYS if w.mode == "json_object")
