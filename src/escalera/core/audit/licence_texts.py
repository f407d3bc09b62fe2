"""What licences say of finetuning on data, serving what comes of it, and passing its weights on.

Each clause is in our words, with the place in the licence's text where it stands; the text decides.
Only what bears on these uses is here. `docs/how-to/publish-and-export-a-model.md` says which of the
texts were read whole for it, which in part, and which were not at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Use = Literal["serve", "distribute"]
"""Answering others' requests with a model, or passing its weights on."""
Role = Literal["base", "data"]
"""What the model was finetuned from, or taught with."""
Effect = Literal["duty", "ask", "forbids"]
"""What a clause does to a use: it asks for something, needs a lawyer's reading, or excludes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """What a place in a licence's text says, for these uses of what plays these roles.

    One that is for `others` does not hold where the base has the same licence.
    """

    place: str
    says: str
    effect: Effect = "duty"
    uses: tuple[Use, ...] = ("serve", "distribute")
    roles: tuple[Role, ...] = ("base", "data")
    others: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """A licence by its name, and the clauses that bear on our uses."""

    name: str
    clauses: tuple[Clause, ...] = ()


def found(said: str) -> Licence | None:
    """The licence that somebody's words name; None for any that is not known here.

    Names are those of SPDX and of model hubs, in any case, with spaces or underscores for hyphens.
    """
    name = "-".join(said.casefold().replace("_", " ").replace("-", " ").split())
    return _LICENCES.get(_ALSO.get(name, name))


def known() -> tuple[str, ...]:
    """The names of the licences that are known."""
    return tuple(licence.name for licence in _LICENCES.values())


# Below: private.

_ONLY_WEIGHTS: tuple[Use, ...] = ("distribute",)
_BASE: tuple[Role, ...] = ("base",)
_DATA: tuple[Role, ...] = ("data",)

_NOTICE = "keep the copyright notice and the text of the licence with every copy"
_CREDIT = (
    "name the authors, the licence and its address where parts are shared, and say what was changed"
)
_POLICY = "keep to the acceptable use policy, which is a part of the terms"
_MANY_USERS = (
    "who had more than 700 million monthly users when the model came out needs a licence of Meta's"
)
_BUILT = "show “Built with {name}” on a page, in the interface or in the documentation"
_NAMED = "a model that was made with it or with its outputs has a name that begins with “{name}”"

_CREATIVE_COMMONS = (
    Clause(place="section 3(a)", says=_CREDIT),
    Clause(
        place="section 2(a)(5)",
        says="put no further restriction on those who receive parts of it",
        uses=_ONLY_WEIGHTS,
    ),
)
_NON_COMMERCIAL = Clause(
    place="sections 1(i) and 2(a)(1)",
    says="uses that are directed towards commercial advantage are not licensed",
    effect="forbids",
)
_SHARE_ALIKE = Clause(
    place="section 3(b)",
    says="what is adapted from it is shared under the same licence only; whether weights are, no "
    "court has said",
    effect="ask",
    uses=_ONLY_WEIGHTS,
)
_RAIL = (
    Clause(
        place="section 5 and attachment A",
        says="keep to the restrictions of use, and hold users to them",
    ),
    Clause(
        place="section 4(a)",
        says="put these restrictions into the terms under which the model is offered; a hosted "
        "service counts as distribution (section 1)",
    ),
    Clause(
        place="section 4(b) to (d)",
        says="give a copy of the licence, mark changed files, keep the notices",
        uses=_ONLY_WEIGHTS,
    ),
)


def _llama(version: str, *, named: str, shown: str, outputs: bool) -> Licence:
    """The community licence of a version; with *outputs* these may improve other models."""
    use = (
        Clause(
            place="section 1.b.i",
            says=f"{_BUILT.format(name=shown)}; {_NAMED.format(name=named)}",
        )
        if named
        else None
    )
    closed = Clause(
        place="section 1.b.v",
        says=f"its outputs may not improve a language model that is no Llama {version}",
        effect="forbids",
        roles=_DATA,
        others=True,
    )
    clauses = [
        Clause(place="section 1.b.i", says="give a copy of the agreement with the materials"),
        Clause(
            place="section 1.b.iii",
            says="keep the attribution notice in a file “Notice”",
            uses=_ONLY_WEIGHTS,
        ),
        Clause(place="section 1.b.iv", says=_POLICY),
        Clause(place="section 2", says=_MANY_USERS),
    ]
    more = [use] if use is not None else []
    last = [] if outputs else [closed]
    return Licence(name=f"Llama {version} Community", clauses=(*more, *clauses, *last))


_GEMMA = Licence(
    name="Gemma Terms of Use",
    clauses=(
        Clause(
            place="sections 1.1(b) and 3.1(a)",
            says="put the restrictions of section 3.2 into the terms under which the model is "
            "offered; a hosted service counts as distribution",
        ),
        Clause(place="section 3.2", says="keep to the prohibited use policy"),
        Clause(
            place="section 3.1",
            says="give a copy of the terms, mark changed files, and keep the notice",
            uses=_ONLY_WEIGHTS,
        ),
        Clause(
            place="section 1.1(e)",
            says="a model that is taught its outputs, so that it performs alike, is under the same "
            "terms",
            roles=_DATA,
        ),
    ),
)
_QWEN_RESEARCH = Licence(
    name="Qwen Research",
    clauses=(
        Clause(
            place="section 2",
            says="it is licensed for research and evaluation only; a commercial licence has to be "
            "asked for",
            effect="forbids",
        ),
    ),
)
_LICENCES: Mapping[str, Licence] = {
    "own": Licence(name="own data"),
    "apache-2.0": Licence(
        name="Apache-2.0",
        clauses=(
            Clause(
                place="section 4",
                says="give a copy of the licence, mark changed files, and keep the notices and the "
                "file NOTICE",
                uses=_ONLY_WEIGHTS,
            ),
        ),
    ),
    "mit": Licence(
        name="MIT",
        clauses=(Clause(place="second paragraph", says=_NOTICE, uses=_ONLY_WEIGHTS),),
    ),
    "bsd-2-clause": Licence(
        name="BSD-2-Clause",
        clauses=(Clause(place="conditions 1 and 2", says=_NOTICE, uses=_ONLY_WEIGHTS),),
    ),
    "bsd-3-clause": Licence(
        name="BSD-3-Clause",
        clauses=(
            Clause(place="conditions 1 and 2", says=_NOTICE, uses=_ONLY_WEIGHTS),
            Clause(place="condition 3", says="endorse nothing with the authors' names"),
        ),
    ),
    "cc0-1.0": Licence(name="CC0-1.0"),
    "cc-by-4.0": Licence(name="CC-BY-4.0", clauses=_CREATIVE_COMMONS),
    "cc-by-sa-4.0": Licence(name="CC-BY-SA-4.0", clauses=(*_CREATIVE_COMMONS, _SHARE_ALIKE)),
    "cc-by-nc-4.0": Licence(name="CC-BY-NC-4.0", clauses=(*_CREATIVE_COMMONS, _NON_COMMERCIAL)),
    "cc-by-nc-sa-4.0": Licence(
        name="CC-BY-NC-SA-4.0", clauses=(*_CREATIVE_COMMONS, _SHARE_ALIKE, _NON_COMMERCIAL)
    ),
    "odc-by-1.0": Licence(
        name="ODC-By-1.0",
        clauses=(
            Clause(
                place="sections 4.2 and 4.3",
                says="keep the notices, and say with what is made of the database where it is from",
            ),
        ),
    ),
    "bigscience-openrail-m": Licence(name="BigScience OpenRAIL-M", clauses=_RAIL),
    "creativeml-openrail-m": Licence(name="CreativeML OpenRAIL-M", clauses=_RAIL),
    "llama2": _llama("2", named="", shown="", outputs=False),
    "llama3": _llama("3", named="Llama 3", shown="Meta Llama 3", outputs=False),
    "llama3.1": _llama("3.1", named="Llama", shown="Llama", outputs=True),
    "llama3.2": _llama("3.2", named="Llama", shown="Llama", outputs=True),
    "llama3.3": _llama("3.3", named="Llama", shown="Llama", outputs=True),
    "gemma": _GEMMA,
    "qwen-research": _QWEN_RESEARCH,
}
_ALSO: Mapping[str, str] = {
    "apache": "apache-2.0",
    "apache-license-2.0": "apache-2.0",
    "apache2.0": "apache-2.0",
    "cc0": "cc0-1.0",
    "odc-by": "odc-by-1.0",
    "openrail-m": "bigscience-openrail-m",
    "bigscience-bloom-rail-1.0": "bigscience-openrail-m",
    "llama-2": "llama2",
    "llama-3": "llama3",
    "llama-3.1": "llama3.1",
    "llama-3.2": "llama3.2",
    "llama-3.3": "llama3.3",
    "llama-2-community": "llama2",
    "llama-3-community": "llama3",
    "llama-3.1-community": "llama3.1",
    "llama-3.2-community": "llama3.2",
    "llama-3.3-community": "llama3.3",
    "gemma-terms-of-use": "gemma",
    "qwen-research-license-agreement": "qwen-research",
}
