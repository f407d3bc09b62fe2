"""Rules for the tables `[judges.NAME]`."""

from __future__ import annotations

from escalera.settings.tables import JudgeTable, ProjectFile

Problem = tuple[str, str, str]
"""Key, what is wrong with it, and the remedy."""

WIDEST = 100
"""Steps of a scale: finer grades are noise."""

MOST_REPEATS = 100


def problems(found: ProjectFile) -> list[Problem]:
    """Everything wrong with the judges of a project file that has the right keys and types."""
    return [
        problem
        for name, judge in found.judges.items()
        for problem in (
            *_numbers(f"judges.{name}", judge),
            *_votes(f"judges.{name}", judge),
            *_models(name, judge, found),
        )
    ]


# Below: private.


def _numbers(key: str, judge: JudgeTable) -> list[Problem]:
    steps = judge.scale[1] - judge.scale[0] if len(judge.scale) == 2 else 0
    words = f"none, or {steps + 1}: one for each grade"
    checks = [
        (bool(judge.rubric.strip()), "rubric", judge.rubric, "the rule that answers are graded by"),
        (
            1 <= steps <= WIDEST,
            "scale",
            judge.scale,
            f"two whole numbers, lowest and highest grade, at most {WIDEST} apart",
        ),
        (len(judge.anchors) in (0, steps + 1), "anchors", judge.anchors, words),
        (1 <= judge.repeats <= MOST_REPEATS, "repeats", judge.repeats, f"1 to {MOST_REPEATS}"),
        (0 <= judge.temperature <= 2, "temperature", judge.temperature, "a number from 0 to 2"),
        (judge.max_tokens > 0, "max_tokens", judge.max_tokens, "above 0"),
        (
            0 <= judge.min_agreement < 1,
            "min_agreement",
            judge.min_agreement,
            "a kappa from 0 to below 1",
        ),
        (
            0 < judge.max_drift < 1,
            "max_drift",
            judge.max_drift,
            "a difference of scores above 0 and below 1",
        ),
        (
            judge.second_order is None or 0 < judge.second_order <= 1,
            "second_order",
            judge.second_order,
            "a share of answers above 0 and up to 1, which asks both orders always",
        ),
        (
            0 < judge.max_position_bias < 0.5,
            "max_position_bias",
            judge.max_position_bias,
            "a difference of scores above 0 and below 0.5",
        ),
    ]
    found = [
        (f"{key}.{name}", f"{value!r} is out of range", f"Give {rule}")
        for right, name, value, rule in checks
        if not right
    ]
    if judge.repeats > 1 and judge.temperature == 0:
        rule = f"{judge.repeats} are the same call at temperature 0"
        found.append((f"{key}.repeats", rule, "Give a temperature above 0, or leave it out"))
    return found


def _votes(key: str, judge: JudgeTable) -> list[Problem]:
    """A vote needs a line between right and wrong, and every order of every judge."""
    votes, graded = judge.combine == "vote", judge.kind == "rubric"
    lowest, highest = judge.scale if len(judge.scale) == 2 else (0, 0)
    found = []
    if votes and graded and (judge.passing is None or not lowest < judge.passing <= highest):
        rule = f"{judge.passing!r} draws no line between right and wrong"
        remedy = f"Give the lowest grade that counts as right, from {lowest + 1} to {highest}"
        found.append((f"{key}.passing", rule, remedy))
    if judge.passing is not None and not (votes and graded):
        rule = "is only of use where judges vote on grades"
        remedy = 'Leave it out, or say combine = "vote" with kind = "rubric"'
        found.append((f"{key}.passing", rule, remedy))
    if votes and judge.second_order is not None and judge.second_order < 1:
        rule = "a vote on one order is no unbiased sign of that on both"
        found.append((f"{key}.second_order", rule, 'Leave it out, or say combine = "mean"'))
    return found


def _models(name: str, judge: JudgeTable, found: ProjectFile) -> list[Problem]:
    key = f"judges.{name}.model"
    if not judge.models or len(set(judge.models)) < len(judge.models):
        return [(key, f"{judge.model!r} is no list of models", "Name one, or several once each")]
    for model in judge.models:
        if model not in found.models:
            known = f"Name one of {sorted(found.models)!r}"
            return [(key, f"{model!r} is not under [models]", known)]
    if found.climb.model in judge.models and not judge.allow_self:
        rule = f"{found.climb.model!r} would grade its own answers, and models prefer their own"
        remedy = "Name another model, or say allow_self = true and watch its calibration"
        return [(key, rule, remedy)]
    return []
