"""Bayesian optimisation of layer widths by Optuna: the rival of pruning in Hawks et al. 2021.

The sampler is seeded and told results in the order of the trials, so a search that was killed is taken up by asking for the
same trials again and reading the finished ones from their files.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import optuna

from models.study.description import Run, Search, Study

RunAll = Callable[[list[tuple[Run, ...]]], list[dict]]


def search(study: Study, run_all: RunAll) -> list[dict]:
    """The results of every trial, then those of the best widths trained again for each repeat. `run_all` takes batches of
    runs and gives results in their order."""
    plan, results, seen = study.search, [], {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.create_study(direction="minimize", sampler=optuna.samplers.TPESampler(seed=plan.seed))
    done = 0
    while done < plan.trials:
        trials = [sampler.ask() for _ in range(min(plan.parallel, plan.trials - done))]
        runs = [Run("search", study.base.with_fields(**dict(plan.fields) | {"hidden": widths(trial, plan)})) for trial in trials]
        fresh = {run.id: run for run in runs if run.id not in seen}
        seen |= dict(zip(fresh, run_all([(run,) for run in fresh.values()])))
        for trial, run in zip(trials, runs):
            sampler.tell(trial, cost(seen[run.id], plan.objective))
        done += len(trials)
    results += list(seen.values())
    again = {}
    for limit in (math.inf, *plan.bops):
        hidden = best_within(limit, results, plan.objective)
        changed = dict(plan.fields) | dict(plan.retrain) | {"hidden": hidden}
        arm = "best of search" + (f" within {limit:,.0f} BOPs" if math.isfinite(limit) else "")
        if hidden not in again:
            again[hidden] = [Run(arm, study.base.with_fields(**changed | dict(repeat))) for repeat in study.repeat]
    return results + run_all([batch for runs in again.values() for batch in study.batches(runs)])


def best_within(limit: float, results: list[dict], objective: str) -> tuple[int, ...]:
    """The hidden widths of the best of the trials that take at most `limit` bit operations. ValueError where there is none."""
    fitting = [result for result in results if result["rows"][-1].get("bops", math.inf) <= limit]
    if not fitting:
        raise ValueError(f"search: no trial takes as few as {limit:,.0f} bit operations; allow narrower layers, or more trials")
    return tuple(min(fitting, key=lambda result: cost(result, objective))["config"]["hidden"])


def widths(trial, plan: Search) -> tuple[int, ...]:
    """The hidden widths that a trial proposes."""
    return tuple(trial.suggest_int(f"hidden_{i}", least, most, log=True) for i, (least, most) in enumerate(plan.hidden))


def cost(result: dict, objective: str) -> float:
    """What the search makes small; a diverged training is as bad as it gets."""
    value = result["rows"][-1].get(objective)
    return 1e9 if value is None else -value if objective == "validation_accuracy" else value
