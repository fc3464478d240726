"""Bayesian optimisation of layer widths by Optuna: the rival of pruning in Hawks et al. 2021.

The sampler is seeded and told results in the order of the trials, so a search that was killed is taken up by asking for the
same trials again and reading the finished ones from their files.
"""

from __future__ import annotations

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
    best = widths(sampler.best_trial, plan)
    changed = dict(plan.fields) | dict(plan.retrain) | {"hidden": best}
    again = [Run("best of search", study.base.with_fields(**changed | dict(repeat))) for repeat in study.repeat]
    return results + run_all(study.batches(again))


def widths(trial, plan: Search) -> tuple[int, ...]:
    """The hidden widths of a running or a finished trial."""
    if hasattr(trial, "suggest_int"):
        return tuple(trial.suggest_int(f"hidden_{i}", least, most, log=True) for i, (least, most) in enumerate(plan.hidden))
    return tuple(trial.params[f"hidden_{i}"] for i in range(len(plan.hidden)))


def cost(result: dict, objective: str) -> float:
    """What the search makes small; a diverged training is as bad as it gets."""
    value = result["rows"][-1].get(objective)
    return 1e9 if value is None else -value if objective == "validation_accuracy" else value
