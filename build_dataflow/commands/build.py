"""`build`: a network becomes a verified accelerator."""

from __future__ import annotations

import json
from pathlib import Path

import click

from build_dataflow.clock_range import CLOCK
from build_dataflow.completion import configurations


@click.command()
@click.argument("target", metavar="NAME|MODEL.onnx|MODEL.keras|BUILD.yaml", shell_complete=configurations)
@click.option("--output", type=click.Path(path_type=Path), help="Folder of the build (default: build/<name>).")
@click.option("--part", help="Xilinx part (default: xc7z020clg400-1, the PYNQ-Z1's).")
@click.option("--board", metavar="NAME", help="Build for this board's part: Pynq-Z1, Pynq-Z2, ZCU104 or KV260.")
@click.option("--bitstream", is_flag=True, help="Make the bitstream too, with Vivado from PATH or under FINN_XILINX_PATH.")
@click.option("--clock-ns", type=CLOCK,
              help="Clock period wanted, in ns; MIN:MAX to choose from (with --max-latency-ns or --target-fps alone: up to 20).")
@click.option("--target-ii", type=int, help="At most this many cycles between two inferences.")
@click.option("--target-fps", type=float, help="At least this many inferences a second.")
@click.option("--lut-budget", type=int, help="At most this many LUTs, as Yosys counts them; without a rate, the best that they allow.")
@click.option("--dsp-budget", type=int, help="At most this many DSPs.")
@click.option("--bram-budget", type=int, help="At most this many 18 Kbit block RAMs.")
@click.option("--max-latency-ns", type=float, help="At most this long from a frame's first beat to its answer.")
@click.option("--folding", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="folding_config.json to build with.")
@click.option("--last-layer", type=click.Choice(["raw", "label", "fixed"]),
              help="What the hardware answers: the last layer's integers (default), only the label of the greatest, or outputs in fixed point.")
@click.option("--interface", type=click.Choice(["stream", "valid"]),
              help="How frames travel: AXI-Streams that may wait (default), or valid: no ready, an answer a fixed number of cycles later.")
@click.option("--input-quant", metavar="BITS,SCALE[,ZERO_POINT]|auto",
              help="How float inputs are quantised where the file does not say; u8,... is unsigned; auto takes the range from --data.")
@click.option("--input-fixed", metavar="W,I|W,auto",
              help="Take words as ap_fixed<W,I> has them (one pair, or one for each feature with spaces between) and quantise them in hardware.")
@click.option("--data", help="Samples to verify with: qapjets, openml, or a csv, parquet or npz file. Without: random inputs.")
@click.option("--label", help="The label's column in --data FILE.")
@click.option("--drop", multiple=True, metavar="COLUMN", help="A column of --data FILE to leave out; may be repeated.")
@click.option("--all-rows", is_flag=True, default=None, help="Verify on all rows of --data, not on its test split.")
@click.option("--samples", type=int, help="Number of random inputs where there is no data (default: 2000).")
@click.option("--explore", is_flag=True, help="Print and plot II and clock against LUT and ns; nothing is built.")
@click.option("--no-synthesis", is_flag=True, help="Leave out Yosys.")
@click.option("--families", type=click.Choice(["auto", "all", "part"]),
              help="Count cells for both FPGA families, or for the part's alone (default: both up to 20,000 LUT on four cores or more).")
@click.option("--synthesis-timeout", type=float, metavar="SECONDS",
              help="Give up on Yosys after this long and report an estimate instead (default: 1800).")
@click.option("--no-proof", is_flag=True, help="Leave out the proof of the RTL.")
@click.option("--require-proof", is_flag=True, default=None, help="Fail where a layer, or its integers against your file, could not be proved.")
@click.option("--resume", is_flag=True, help="Go on from the last finished step of an interrupted build.")
@click.option("--json", "as_json", is_flag=True, help="Print report/summary.json on standard output.")
def command(target: str, output: Path | None, resume: bool, as_json: bool, no_synthesis: bool, no_proof: bool, explore: bool,
            board: str | None, bitstream: bool, **overrides) -> None:
    """Build, verify and report one network: a build's NAME, your own MODEL.onnx (QONNX or QCDQ) or MODEL.keras (HGQ2), or a BUILD.yaml.

    \b
    Examples:
      ./run-local.sh build jet_qap
      ./run-local.sh build jet_qap --target-ii 4 --output build/jet_folded
      ./run-local.sh build jet_qap --lut-budget 2000
      ./run-local.sh build jet_qap --max-latency-ns 65 --clock-ns 3:15
      ./run-local.sh build jet_qap --interface valid
      ./run-local.sh build jet_qap --input-fixed 16,auto --interface valid
      ./run-local.sh build jet_qap --explore
      ./run-local.sh build path/to/model.onnx --data samples.csv --label class
      ./run-local.sh build path/to/hgq2.keras --data samples.csv --label class
      ./run-local.sh build path/to/float_input.onnx --input-quant 8,0.03125
      ./run-local.sh build jet_qap --board Pynq-Z2 --bitstream
    """
    from build_dataflow.configuration import read_options
    from deploy.shell.boards import board_for_part, find_board
    from deploy.shell.vivado import find_vivado

    if board:
        if overrides["part"] not in (None, find_board(board).part):
            raise click.UsageError(f"--board {board} has part {find_board(board).part}, --part says {overrides['part']}")
        overrides["part"] = find_board(board).part
    options = read_options(target, {**overrides, "synthesis": False if no_synthesis else None,
                                    "proof": False if no_proof else None})
    if bitstream and options.interface == "valid":
        raise click.UsageError("--bitstream is for --interface stream: the board's DMA waits; a core with --interface valid goes into a "
                               "design of yours, from deploy/core")
    if bitstream:
        board = board or board_for_part(options.part).name
        find_vivado()

    output = output or Path("build") / options.name
    if explore:
        from rich.console import Console

        from build_dataflow.explore import explore_build

        points = explore_build(options, output, Console(highlight=False, stderr=as_json))
        if as_json:
            click.echo(json.dumps(points, indent=2))
        return

    from build_dataflow.building import build
    from build_dataflow.report import print_report

    summary = build(options, output, resume)
    if bitstream:
        from deploy.shell.bitstream import build_bitstream

        build_bitstream(output, board, say=lambda text: click.echo(text, err=True))
    if as_json:
        click.echo(json.dumps(summary, indent=2))
    else:
        print_report(summary, output)
