"""Studies run, resume and search; every place gives the same table."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pandas as pd
import pytest

from build_dataflow.study_hardware import add_hardware
from models.study import execute
from models.study.description import read_study
from models.study.execute import ROOT, serial
from models.study.study import run_study


class Counter:
    """A serial executor that counts, and stops like a crash after `until` trainings."""

    def __init__(self, until=None):
        self.ran, self.until = [], until

    def __call__(self, batches):
        for batch, results in serial(batches):
            if self.until is not None and len(self.ran) >= self.until:
                raise KeyboardInterrupt
            self.ran += [run.id for run in batch]
            yield batch, results


def test_a_study_makes_one_row_for_each_net(study_file, tmp_path):
    study = read_study(study_file(grid={"seed": [1, 2], "saliency": ["magnitude", "fisher"]}))
    results = run_study(study, tmp_path / "out", serial)
    frame = pd.read_csv(tmp_path / "out" / "table.csv")
    assert len(results) == 4 and len(frame) == 8 and set(frame.net) == {"dense", "magnitude", "fisher"}
    assert len(pd.read_parquet(tmp_path / "out" / "table.parquet")) == 8
    weights = 16 * 6 + 6 * 4 + 4 * 5
    pruned = frame[frame.net == "fisher"]
    assert set(frame.weights) == {weights} and set(pruned.kept) == {weights // 2}
    assert ((pruned.kept_0 + pruned.kept_1 + pruned.kept_2) == weights // 2).all()
    assert (frame.nonzeros <= frame.kept).all() and (frame.adders <= frame.digits).all()
    assert frame[[c for c in frame if c.startswith(("auc", "background", "neural"))]].apply(lambda c: c.between(0, 1)).all().all()


def test_an_interrupted_study_goes_on(study_file, tmp_path):
    study = read_study(study_file(grid={"seed": [1, 2, 3]}))
    with pytest.raises(KeyboardInterrupt):
        run_study(study, tmp_path / "out", Counter(until=2))
    again, seen = Counter(), []
    run_study(study, tmp_path / "out", again, lambda done, total, run: seen.append((done, total)))
    assert again.ran == [study.runs[2].id] and seen == [(3, 3)]
    run_study(study, tmp_path / "whole", serial)
    assert (tmp_path / "out" / "table.csv").read_bytes() == (tmp_path / "whole" / "table.csv").read_bytes()


@pytest.mark.slow
def test_networks_are_kept_and_priced(study_file, tmp_path):
    study = read_study(study_file(arms={"mine": {}, "floats": {"weight_bits": 32, "activation_bits": 32, "input_bits": 32}}))
    run_study(study, tmp_path / "out", serial)
    results = run_study(study, tmp_path / "out", serial, models=True)
    kept = [row["model"] for result in results for row in result["rows"] if "model" in row]
    assert len(kept) == 2 and all((tmp_path / "out" / name).is_file() for name in kept)
    assert add_hardware(results, tmp_path / "out", "xc7z020clg400-1", 1, keep=True) == 2
    frame = pd.read_csv(tmp_path / "out" / "table.csv")
    assert frame[frame.arm == "mine"].lut.gt(0).all() and frame[frame.arm == "mine"].latency_ns.gt(0).all()
    assert frame[frame.arm == "floats"].lut.isna().all()
    dense, pruned = frame[frame.arm == "mine"].lut
    assert pruned < dense
    add_hardware(results, tmp_path / "out", "xc7z020clg400-1", 1, keep=False)
    assert not (tmp_path / "out" / "models").exists()


def test_dpp_runs_give_masks_over_epochs(study_file, tmp_path):
    study = read_study(study_file(base={"method": "dpp", "keep": [4, 3, 2], "epochs": 2, "final_epochs": 1}))
    run_study(study, tmp_path / "out", serial)
    masks = pd.read_csv(tmp_path / "out" / "masks.csv")
    assert len(masks) == 2 * 3 and masks.confidence.between(0, 1).all() and masks.diversity.between(0, 1).all()


@pytest.mark.parametrize("changes, message", [
    ({"keep": [4, 7, 2]}, r"arm 'bad': layer 1: keep \(7\) must be 1 to 6"),
    ({"keep": 0}, r"arm 'bad': layer 0: keep \(0\) must be 1"),
    ({"tile": [5, 0, 0]}, r"layer 0: tile \(5\) must divide the 16"),
])
def test_impossible_masks_stop_a_study_before_it_trains(study_file, tmp_path, changes, message):
    study = read_study(study_file(base={"method": "dpp", "keep": 2}, arms={"good": {}, "bad": changes}))
    with pytest.raises(ValueError, match=message):
        run_study(study, tmp_path / "out", lambda batches: pytest.fail("trained"))


def test_a_search_resumes_with_the_same_trials(study_file, tmp_path):
    study = read_study(study_file(
        base={"method": "none"}, search={"trials": 5, "parallel": 2, "hidden": [[3, 9], [2, 5]], "fields": {"l1": 0.001},
                                         "retrain": {"epochs": 2}},
        repeat=[{"seed": 1}, {"seed": 2}]))
    with pytest.raises(KeyboardInterrupt):
        run_study(study, tmp_path / "out", Counter(until=3))
    results = run_study(study, tmp_path / "out", serial)
    assert [r["arm"] for r in results][-2:] == ["best of search"] * 2
    best = min(results[:-2], key=lambda r: r["rows"][-1]["validation_loss"])
    assert results[-1]["config"]["hidden"] == list(best["config"]["hidden"]) and results[-1]["config"]["epochs"] == 2
    assert all(result["config"]["l1"] == 0.001 for result in results)
    run_study(study, tmp_path / "whole", serial)
    assert (tmp_path / "out" / "table.csv").read_bytes() == (tmp_path / "whole" / "table.csv").read_bytes()


def test_a_diverged_training_does_not_stop_the_study(study_file, tmp_path):
    floats = {"weight_bits": 32, "activation_bits": 32, "epochs": 3}
    study = read_study(study_file(grid={"learning_rate": [0.01, 1e30]}, base=floats))
    run_study(study, tmp_path / "out", serial)
    frame = pd.read_csv(tmp_path / "out" / "table.csv")
    assert (frame.net == "diverged").sum() == 1 and "the loss became" in frame.fault.dropna().iloc[0]


def command(path, out, *options):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        [sys.executable, "-m", "build_dataflow", "study", str(path), "--output", str(out), "--no-pictures", *options],
        cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def wait_for(count, out, process):
    deadline = time.monotonic() + 300
    while len(list((out / "runs").glob("*.json"))) < count and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)


@pytest.mark.slow
def test_repeats_train_as_one_and_resume_with_the_same_table(study_file, tmp_path):
    study = read_study(study_file(base={"patience": 1, "epochs": 4, "batch_norm": "on"},
                                  arms={"plain": {}, "lottery": {"rewind": True}},
                                  repeat=[{"seed": seed, "fold": seed, "folds": 3} for seed in range(3)], together=2))
    assert [len(batch) for batch in study.batches(study.runs)] == [2, 1, 2, 1]
    whole = run_study(study, tmp_path / "whole", serial)
    with pytest.raises(KeyboardInterrupt):
        run_study(study, tmp_path / "out", Counter(until=3))
    (tmp_path / "out" / "runs" / f"{study.runs[1].id}.json").unlink()
    again = Counter()
    run_study(study, tmp_path / "out", again)
    assert again.ran == [run.id for run in (*study.runs[:2], *study.runs[3:])]
    assert (tmp_path / "out" / "table.csv").read_bytes() == (tmp_path / "whole" / "table.csv").read_bytes()
    apart = run_study(replace(study, together=1), tmp_path / "apart", serial)
    for mine, other in zip(whole, apart):
        assert [row["kept"] for row in mine["rows"]] == [row["kept"] for row in other["rows"]]
        assert mine["rows"][0]["validation_loss"] == pytest.approx(other["rows"][0]["validation_loss"], rel=0.05)


@pytest.mark.slow
def test_a_study_killed_twice_gives_the_table_of_one_never_killed(study_file, tmp_path):
    path = study_file(grid={"seed": list(range(8))}, base={"epochs": 40})
    for finished in (2, 5):
        process = command(path, tmp_path / "killed", "--workers", "2")
        wait_for(finished, tmp_path / "killed", process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert finished <= len(list((tmp_path / "killed" / "runs").glob("*.json"))) < 8
    for out, options in (("killed", ["--workers", "2"]), ("whole", ["--workers", "1"])):
        process = command(path, tmp_path / out, *options)
        assert process.wait() == 0, process.stderr.read()
    tables = [(tmp_path / out / "table.csv").read_bytes() for out in ("killed", "whole")]
    assert tables[0] == tables[1] and len(tables[0].splitlines()) == 1 + 8 * 2


@pytest.mark.slow
def test_dask_workers_give_the_same_table_even_when_one_dies(study_file, tmp_path):
    path = study_file(grid={"seed": list(range(8))}, base={"epochs": 40})
    started = []

    def start(module, *arguments):
        started.append(subprocess.Popen([sys.executable, "-m", "distributed.cli." + module, *arguments], cwd=ROOT,
                                        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return started[-1]

    try:
        file = tmp_path / "scheduler.json"
        start("dask_scheduler", "--scheduler-file", str(file), "--port", "0", "--no-dashboard", "--host", "127.0.0.1")
        while not file.is_file():
            time.sleep(0.1)
        time.sleep(0.5)
        import json
        address = json.loads(file.read_text())["address"]
        workers = [start("dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                         "--local-directory", str(tmp_path)) for _ in range(2)]
        process = command(path, tmp_path / "dask", "--scheduler", address)
        wait_for(2, tmp_path / "dask", process)
        workers[0].kill()
        assert process.wait(timeout=300) == 0, process.stderr.read()
    finally:
        for process in started:
            process.kill()
            process.wait()
    run_study(read_study(path), tmp_path / "alone", serial)
    assert (tmp_path / "dask" / "table.csv").read_bytes() == (tmp_path / "alone" / "table.csv").read_bytes()


def test_no_scheduler_is_one_clear_line():
    with pytest.raises(OSError, match="no Dask scheduler answers at tcp://127.0.0.1:9: start one with"):
        with execute.dask("tcp://127.0.0.1:9", patience_s=0.5):
            pass


@pytest.mark.parametrize("kind, directive", [("slurm", "#SBATCH -J"), ("htcondor", "Executable")])
def test_batch_systems_start_workers_in_this_repository(kind, directive):
    pytest.importorskip("dask_jobqueue")
    with execute.batch_cluster(kind, cores=1, memory="2GB", **({"disk": "1GB"} if kind == "htcondor" else {})) as cluster:
        script = cluster.job_script()
    assert directive in script and str(ROOT) in script
