"""What a project file says reaches the project that is climbed."""

from __future__ import annotations

from pathlib import Path

from tests.unit.wiring.echo_project import installed

from escalera.domain.identity import digest_of

PROMPTING = 'rungs = ["prompt"]'
MODEL = '[models.base]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n'
PREFERRING = '[training]\nobjective = "preference"\n'


def test_how_strongly_preferences_are_held(tmp_path: Path) -> None:
    """The strength of the paper unless it is said, and then the project is the one that it was."""
    plain, said, same = (
        installed(tmp_path, MODEL, climb=PROMPTING, more=PREFERRING + beta).project
        for beta in ("", "beta = 0.3", "beta = 0.1")
    )
    assert (plain.beta, said.beta) == (0.1, 0.3)
    assert digest_of(plain) == digest_of(same) != digest_of(said)
