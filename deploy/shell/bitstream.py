"""A build's package to a bitstream, with the user's own Vivado."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from deploy.children import run_child
from deploy.network import Network
from deploy.package import replace_folder, sha256
from deploy.shell.boards import Board, find_board
from deploy.shell.vivado import find_vivado

REPORTS = ("timing.rpt", "utilization.rpt", "power.rpt")


def build_bitstream(build_folder: Path | str, board: str, say=lambda text: None) -> Path:
    """Run Vivado on build_folder/deploy for `board`; return build_folder/bitfile, which deploy/bitfile then equals.

    FileNotFoundError without Vivado or package; RuntimeError with the reason where Vivado fails, and with the worst path where
    timing is not met. Vivado's log, project and reports stay in build_folder/vivado."""
    build_folder = Path(build_folder)
    chosen, vivado = find_board(board), find_vivado()
    deploy, place = build_folder / "deploy", build_folder / "vivado"
    if not (deploy / "shell" / f"{chosen.name}.tcl").is_file():
        raise FileNotFoundError(f"{deploy}/shell: no package for {chosen.name} here; run the build first")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    say(f"Vivado ({vivado}) for {chosen.name}: block design, synthesis, implementation; log: {place / 'vivado.log'}")
    command = [
        str(vivado),
        "-mode",
        "batch",
        "-nojournal",
        "-log",
        "vivado.log",
        "-source",
        str((deploy / "shell" / "block_design.tcl").resolve()),
        "-tclargs",
        str((deploy / "shell" / f"{chosen.name}.tcl").resolve()),
        str(place.resolve()),
    ]
    done = run_child(command, cwd=place)
    result = read_result(place / "result.txt")
    if done.returncode or "done" not in result:
        raise RuntimeError(
            f"Vivado failed for {chosen.name}: {result.get('error') or first_error(done.stdout)}; log: {place / 'vivado.log'}"
        )
    check_timing(result, chosen, place)
    publish(build_folder, chosen, result, place)
    return build_folder / "bitfile"


def check_timing(result: dict[str, str], board: Board, place: Path) -> None:
    """RuntimeError with the worst path unless setup and hold are met."""
    for kind in ("setup", "hold"):
        slack = float(result[f"{kind}_slack_ns"])
        if slack < 0:
            raise RuntimeError(
                f"timing is not met on {board.name}: {kind} slack {slack:g} ns on {result[f'{kind}_path']};"
                f" build with a longer --clock-ns (report: {place / 'timing.rpt'})"
            )


def publish(build_folder: Path, board: Board, result: dict[str, str], place: Path) -> None:
    """Write bitfile/ and deploy/bitfile, and the reports into report/."""
    network = Network.load(build_folder / "deploy" / "driver")
    made = place / "bitfile"
    made.mkdir()
    name = f"finn_accel_{network.sha256[:16]}"  # pynq's remote device keeps a bitstream by its name
    for suffix in (".bit", ".hwh"):
        shutil.copyfile(place / f"accelerator{suffix}", made / f"{name}{suffix}")
    about = {
        "schema": 1,
        "accelerator_sha256": network.sha256,
        "board": board.name,
        "part": board.part,
        "clock_mhz": float(result["clock_mhz"]),
        "dma_bits": board.dma_bits,
        "vivado": result["vivado"],
        "setup_slack_ns": float(result["setup_slack_ns"]),
        "hold_slack_ns": float(result["hold_slack_ns"]),
        "lut": int(result["lut"]),
        "accelerator_lut": int(result["accelerator_lut"]),
        "files": {path.name: sha256(path) for path in sorted(made.iterdir())},
    }
    (made / "bitstream.json").write_text(json.dumps(about, indent=2) + "\n")
    copy = place / "deploy_bitfile"
    shutil.copytree(made, copy)
    replace_folder(made, build_folder / "bitfile")
    replace_folder(copy, build_folder / "deploy" / "bitfile")
    (build_folder / "report").mkdir(exist_ok=True)
    for report in REPORTS:
        shutil.copyfile(place / report, build_folder / "report" / f"vivado_{report}")


def read_result(path: Path) -> dict[str, str]:
    """The lines "key value" that block_design.tcl wrote; empty where it wrote none."""
    if not path.is_file():
        return {}
    return {key: value for key, _, value in (line.partition(" ") for line in path.read_text().splitlines())}


def first_error(log: str) -> str:
    lines = [line for line in log.splitlines() if line.startswith("ERROR")]
    return (lines or log.splitlines()[-1:] or ["no message"])[0]
