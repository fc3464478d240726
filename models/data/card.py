"""The data card of the shipped jets: what they are, how they were made, and what can be reached with them. Every figure is measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from models.data.dataset import Dataset
from models.data.generate import CHUNK
from models.data.reference import Scores, score_mlp, score_trees
from models.data.shipped import FILE, load_shipped
from models.data.split import SPLIT_SEED

SEEDS = (1, 2, 3)
PROFILED_JETS = 500


def card(say: Callable[[str], None] = lambda text: None) -> str:
    """The card as Markdown. Takes a few minutes: it trains three MLPs and three sets of trees, and profiles the generator."""
    dataset = load_shipped()
    with np.load(FILE, allow_pickle=False) as arrays:
        provenance = json.loads(str(arrays["provenance"]))
    results: dict[str, list[Scores]] = {"float 64-32-32 MLP": [], "gradient-boosted trees": []}
    for seed in SEEDS:
        say(f"MLP, seed {seed}")
        results["float 64-32-32 MLP"].append(score_mlp(dataset, seed))
        say(f"boosted trees, seed {seed}")
        results["gradient-boosted trees"].append(score_trees(dataset, seed))
    say("profile of the generator")
    parts = [_head(dataset, provenance), _features(dataset), _scores(dataset, results), _profile(), _notes()]
    return "\n\n".join(parts) + "\n"


def _head(dataset: Dataset, provenance: dict) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in provenance["versions"].items())
    counts = [len(part) for part in (dataset.train, dataset.validation, dataset.test)]
    return f"""# qapjets: {provenance["jets"]:,} simulated jets in five classes

Made by qapflow's own generator, for training and comparing small networks offline. It is not the published set (OpenML 42468,
`hls4ml_lhc_jets_hlf`): accuracies on the two must not be compared.

| | |
|---|---|
| file | `models/data/{FILE.name}`, {FILE.stat().st_size / 1e6:.2f} MB, sha256 `{dataset.sha256}` (checked at every load) |
| arrays | `X` float32 [{sum(counts)}, {len(dataset.features)}], raw features; `y` int64, index into `classes`; `features`; `classes`; `split_seed`; `provenance` |
| classes | {", ".join(f"{i} = {name}" for i, name in enumerate(dataset.classes))} ({sum(counts) // len(dataset.classes):,} each); rows are sorted by class in the file |
| command | `./run-local.sh data generate --jets {provenance["jets"]} --seed {provenance["seed"]} --output jets.npz` |
| made with | {versions}; chunks of {provenance["chunk"]:,} jets |
| split | stratified, seed {SPLIT_SEED}: {counts[0]:,} training (60 %), {counts[1]:,} validation (15 %), {counts[2]:,} test (25 %) rows |
| standardisation | mean and standard deviation of the training part only |
| this card | `./run-local.sh data card` measures every figure again and writes this file; the picture: `./run-local.sh data show` |"""


def _features(dataset: Dataset) -> str:
    lines = ["## Features", "", "Of the training part. Masses in GeV, the rest without unit.", ""]
    classes = " | ".join(f"mean, {name}" for name in dataset.classes)
    lines += [f"| feature | mean | standard deviation | {classes} |", "|---|" + "---|" * (2 + len(dataset.classes))]
    for i, name in enumerate(dataset.features):
        by_class = " | ".join(f"{dataset.train.x[dataset.train.y == label, i].mean():.4g}" for label in range(len(dataset.classes)))
        lines.append(f"| {name} | {dataset.mean[i]:.4g} | {dataset.std[i]:.4g} | {by_class} |")
    return "\n".join(lines)


def _scores(dataset: Dataset, results: dict[str, list[Scores]]) -> str:
    lines = [
        "## What can be reached", "",
        f"Means over {len(SEEDS)} seeds on the {len(dataset.test):,} test rows, trained on the training part and chosen on the validation "
        "part (the trees stop early on a tenth of the training part). ± is the statistical error of the test set (binomial; Hanley and "
        "McNeil for the AUC), in brackets the standard deviation over the seeds. AUC: one class against all others.", "",
        "| model | accuracy | " + " | ".join(f"AUC {name}" for name in dataset.classes) + " |", "|---|---|" + "---|" * len(dataset.classes),
    ]  # fmt: skip
    for model, scores in results.items():
        cells = [_cell([s.accuracy for s in scores], [s.accuracy_error for s in scores])]
        cells += [_cell([s.auc(i) for s in scores], [s.auc_error(i) for s in scores]) for i in range(len(dataset.classes))]
        lines.append(f"| {model} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(values: list[float], errors: list[float]) -> str:
    return f"{np.mean(values):.4f} ± {np.mean(errors):.4f} ({np.std(values, ddof=1):.4f})"


def _profile() -> str:
    from models.data.generator.profile import STAGES, profile

    measured = profile(PROFILED_JETS, CHUNK)
    lines = [
        "## Where the generator's time goes", "",
        f"Milliseconds of CPU time for each jet, on one core ({_processor()}), {PROFILED_JETS} events a class: "
        f"{measured.jets_per_second:.0f} jets per CPU second, averaged over the classes.", "",
        "| stage | " + " | ".join(measured.milliseconds) + " |", "|---|" + "---|" * len(measured.milliseconds),
    ]  # fmt: skip
    for stage in STAGES:
        lines.append(f"| {stage} | " + " | ".join(f"{stages[stage]:.2f}" for stages in measured.milliseconds.values()) + " |")
    lines.append("| total | " + " | ".join(f"{sum(stages.values()):.2f}" for stages in measured.milliseconds.values()) + " |")
    return "\n".join(lines)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown processor")


def _notes() -> str:
    return """## How the jets are made

- Pythia 8, proton collisions at 13 TeV, Monash tune, multiparton interactions on, hard partons or bosons at 995 < pT < 1005 GeV.
  g: gg → gg, qq̄ → gg. q: qq → qq, gg → qq̄, qq̄ → q'q̄' with three flavours. t: tt̄. w: WW. z: ZZ without photons. Every boson decays to quarks.
- W and Z of the classes w and z decay as if longitudinally polarised (3/4 sin² θ* in the rest frame of the boson). Pair production at 1 TeV
  gives mostly transverse bosons; the choice is empirical, because it brings the sample closest to the published one. W bosons from top
  decays keep Pythia's polarisation.
- Detector: neutrinos dropped; charged particles up to 220 GeV of pT (and all muons) are tracks with a relative resolution of
  0.00025 pT ⊕ 0.015 and the pion mass; photons (and harder electrons) in cells of 0.0175 with 0.027/√(E/1.6) ⊕ 0.24/E ⊕ 0.005; all else in
  cells of 0.022 with 1.2/√(E/7) ⊕ 0.05; |η| < 5; GeV throughout. No magnetic field, no pile-up, no tracking inefficiency.
- The leading anti-kT jet (R = 0.4, pT > 100 GeV) of each event. `zlogz` (energy fractions, natural logarithm) and `multiplicity` are of that
  jet. Everything called `_mmdt` is of the groomed jet: Cambridge/Aachen, SoftDrop with β = 0 and z_cut = 0.1.
- Correlators with pT fractions z and distances ΔR in rapidity and azimuth: C1 = e2, C2 = e3/e2², D2 = e3/e2³, D2^(1,β) = e3^(1)/(e2^(β))^(3/β),
  M2 = 1e3/e2, N2 = 2e3/e2². Jets with fewer than two groomed constituents are dropped.

## What to know before using them

- `d2_a1_b1_mmdt` repeats `d2_b1_mmdt` exactly, by definition (so it is in the published set). A pruning method may drop one of the two for free,
  and which of the two it drops means nothing.
- Different from the published set: another generator chain and detector model, the decay angles above, one jet of each event, and the number of
  jets. Published accuracies (0.76 to 0.77 after 500,000 jets) do not carry over.
- The same seed gives the same bits for any number of workers and after any interruption, on one kind of machine. Other processors and
  library versions may round differently and so make other jets: hence the shipped file and its sha256.
- Mind the statistical errors in the table above. Compare models on the same jets, over several seeds, select on
  the validation part and read the test part once."""
