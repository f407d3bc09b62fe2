"""What an answer must look like."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from escalera.domain.contract import LOCAL_MODES, REMOTE_MODES, TELLING, OutputContract
from escalera.domain.identity import digest_of

CONTRACT = OutputContract(schema='{"type":"object"}', mode="prompt")


@pytest.mark.parametrize(
    "other",
    [
        replace(CONTRACT, schema="{}"),
        replace(CONTRACT, mode="tools"),
        replace(CONTRACT, told=True),
        replace(CONTRACT, repairs=1),
    ],
)
def test_whatever_changes_answers_changes_the_digest(other):
    """A contract is part of what a system is."""
    assert digest_of(other) != digest_of(CONTRACT)
    assert len(fields(OutputContract)) == 4


def test_what_is_told_ends_in_the_schema():
    """A model reads the schema as it is written."""
    assert CONTRACT.telling() == f'{TELLING}\n{{"type":"object"}}'


def test_a_grammar_is_for_local_models_and_a_response_format_for_endpoints():
    """Only the prompt works everywhere."""
    assert set(LOCAL_MODES) & set(REMOTE_MODES) == {"prompt"}
    assert "constrained" in LOCAL_MODES
