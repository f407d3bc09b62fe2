"""What is made of a wish: what was said is taken, and what was not comes with its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from escalera.core.finetuning import job_plan, rates
from escalera.domain.job import Hyperparameters, JobWish, Origin
from escalera.domain.levers import Method, Trainable
from escalera.domain.recipe import TrainingRecipe
from escalera.domain.training import RateTried

WISH = JobWish(model="small", training_file="file-1", seed=9)


def made(
    wish: JobWish = WISH, given: dict[str, Any] | None = None, file: str = "d"
) -> tuple[TrainingRecipe, tuple[str, ...]]:
    full = {"learning_rate": 1e-4, "weight_decay": 0.02}
    return job_plan.recipe(
        wish, job_plan.Usual(levers=given or {}, full=full), revision="r", file=file, examples=12
    )


def test_what_is_left_open_is_told_with_its_reason():
    """Every choice is an event of the job; the rate is to be found."""
    recipe, notes = made()
    assert (recipe.levers.epochs, recipe.levers.seed, recipe.levers.learning_rate) == (3, 9, None)
    assert recipe.levers.batch_examples is None
    assert (recipe.ingredients[0].file, recipe.ingredients[0].examples) == ("d", 12)
    said = "\n".join(notes)
    for part in ("n_epochs is 3: enough", "batch_size: as many", "rank 16", "looked for"):
        assert part in said


def test_what_is_said_goes_before_the_project():
    """And is not explained; a multiplier scales the rate of the project."""
    wish = replace(
        WISH,
        hyperparameters=Hyperparameters(n_epochs=2, batch_size=4, learning_rate_multiplier=0.5),
        trainable=Trainable(rank=2),
    )
    recipe, notes = made(wish, {"epochs": 7, "learning_rate": 0.01, "rank": 99})
    assert (recipe.levers.epochs, recipe.levers.batch_examples) == (2, 4)
    assert recipe.levers.learning_rate == 0.005
    assert recipe.trainable == Trainable(rank=2)
    (note,) = notes
    assert note == (
        "The learning rate is 0.005 as the project file says, times 0.5 as the job says."
    )


def test_an_effort_is_the_jobs_own():
    """Before that of the project."""
    assert made(replace(WISH, effort="pilot"))[0].levers.epochs == 1


def test_which_weights_learn_is_the_jobs_own_or_the_projects():
    """A job that says nothing of it learns what the project does."""
    assert made()[0].trainable.method == "lora"
    assert made(given={"method": "dora"})[0].trainable.method == "dora"
    recipe, notes = made(given={"method": "partial", "layers": ("mlp",)})
    assert (recipe.trainable.method, recipe.trainable.layers) == ("partial", ("mlp",))
    assert job_plan.OWN_WEIGHTS in notes
    assert job_plan.OWN_WEIGHTS not in made()[1]


@pytest.mark.parametrize("trainable", [Trainable(rank=4), Trainable(method="full")])
def test_a_job_goes_on_from_what_was_learned(trainable: Trainable):
    """The recipe names the base and the artifact, and an event says what learns."""
    origin = Origin(base="small", revision="r", adapter="a" * 64, job="ftjob-1")
    wish = replace(WISH, model="ft:small::1", origin=origin, trainable=trainable)
    recipe, notes = made(wish)
    assert (recipe.model, recipe.origin, recipe.trainable) == ("small", "a" * 64, trainable)
    assert any(one.startswith("The job goes on from ft:small::1: its ") for one in notes)
    assert made()[0].origin == ""


@pytest.mark.parametrize(
    ("theirs", "mine", "rate", "decay"),
    [
        ("lora", "dora", 0.5, 0.3),
        ("lora", "full", 1e-4, 0.02),
        ("lora", "partial", None, 0.01),
        ("partial", "full", 1e-4, 0.02),
        ("partial", "partial", 0.5, 0.3),
        ("full", "full", 0.5, 0.3),
        ("full", "lora", None, 0.0),
    ],
)
def test_a_rate_holds_for_weights_of_its_kind(
    theirs: Method, mine: Method, rate: float | None, decay: float
):
    """What the project found for an adapter would ruin the model's own weights."""
    given = {"method": theirs, "learning_rate": 0.5, "weight_decay": 0.3}
    levers = made(replace(WISH, trainable=Trainable(method=mine)), given)[0].levers
    assert (levers.learning_rate, levers.weight_decay) == (rate, decay)


def test_preferences_have_a_strength():
    """The paper's, where none is said."""
    wish = replace(WISH, objective="preference")
    recipe, notes = made(wish)
    assert recipe.beta == 0.1
    assert any("beta is 0.1" in one for one in notes)
    said = replace(wish, hyperparameters=Hyperparameters(beta=0.4))
    assert made(said)[0].beta == 0.4


def test_another_file_is_another_recipe():
    """Which file it was is a part of what was learned."""
    assert made(file="d")[0].digest != made(file="e")[0].digest
    assert made(file="d")[0].digest == made(file="d")[0].digest


def tried(recipe: TrainingRecipe, lowest: float) -> list[RateTried]:
    """Trials of a model that learns best at a rate, to their end."""
    found: list[RateTried] = []
    while (trial := job_plan.trial(recipe, found)) is not None:
        loss = None if lowest == 0 else abs(trial.rate - lowest)
        event = RateTried(
            question="q", rate=trial.rate, share=trial.share, loss=loss, tokens=1, seconds=1
        )
        found.append(event)
    return found


def test_a_rate_is_found_by_trials():
    """And scaled as the job says; the trials can be taken up wherever they were left."""
    recipe, _ = made()
    grid = rates.grid(recipe.trainable, recipe.levers)
    found = tried(recipe, grid[4])
    settled = job_plan.rated(recipe, found, 2.0)
    assert settled is not None
    assert settled.levers.learning_rate == pytest.approx(2 * grid[4])
    assert job_plan.trial(settled, []) is None
    assert job_plan.rated(settled, [], 2.0) == settled


def test_no_rate_is_found_where_all_diverge():
    """Then there is nothing to train with."""
    recipe, _ = made()
    assert job_plan.rated(recipe, tried(recipe, 0), None) is None


@pytest.mark.parametrize(
    ("epochs", "shares"),
    [(1, (1 / 3, 2 / 3, 1)), (2, (1 / 3, 2 / 3, 1)), (3, (1 / 3, 2 / 3, 1)), (10, (0.8, 0.9, 1))],
)
def test_states_are_kept_at_the_ends_of_the_last_epochs(epochs: int, shares: tuple[float, ...]):
    """Or evenly spread; the last one is the end."""
    assert job_plan.pauses(epochs, 3) == pytest.approx(shares)
    assert job_plan.pauses(epochs, 1) == (1.0,)


def test_steps_are_told_up_to_a_number():
    """The first and the last of them always."""
    for planned in (1, 7, 500, 501, 99_999):
        told = [step for step in range(1, planned + 1) if job_plan.is_told(step, planned)]
        assert (told[0], told[-1]) == (1, planned)
        assert len(told) <= job_plan.MOST_EVENTS + 2
