"""README.md of the kit: what an engineer must know to put the core into a design."""

from __future__ import annotations

from deploy.kit.core import INPUT, OUTPUT, TOP, Core

COMMANDS = """\
    cd rtl
    iverilog -g2012 -o ../bench.vvp -f ../tb/files.f && vvp -n ../bench.vvp
    verilator --binary --timing --top-module finn_accel_tb -f ../tb/files.f && obj_dir/Vfinn_accel_tb
    vlog -sv -f ../tb/files.f && vsim -c -do "run -all; quit" finn_accel_tb
    xvlog -sv -f ../tb/files.f && xelab finn_accel_tb -s bench && xsim bench -R
"""


def readme(core: Core, summary: dict, frames: int, corners: int) -> str:
    """frames: vectors of the test bench, `corners` of them the input's corners."""
    parts = [head(core), files(core), port_table(core), packing(core), protocol(core), resources(core, summary), verification(core, summary),
             bench(core, frames, corners), not_run()]
    return "\n".join(parts)


def head(core: Core) -> str:
    rate = "A frame every cycle" if core.steady == 1 else f"A frame every {core.ii:g} cycles"
    into, out = core.input_stream, core.output_stream
    return f"""\
# {' '.join(core.name.split())}

A quantised network as one module, `{TOP}`: a frame of {into.elements} integers in, an answer of {out.elements} out.
{rate}, answered after {core.latency} cycles (both measured in simulation). Interface: `{core.interface}`.
Asked for: {core.part} at {core.clock_ns:g} ns.
sha256 of the network: `{core.sha256}`.
"""


def files(core: Core) -> str:
    memories = f", and {len(core.memories)} memory files (`*.mem`) that synthesis and simulation read by name" if core.memories else ""
    return f"""\
| file | what |
|---|---|
| `rtl/` | the core in SystemVerilog, in the order of `filelist.f`{memories}; `{TOP}_ip.v`, a Verilog wrapper for block designs |
| `tb/` | self-checking test bench, vectors, `files.f` |
| `{TOP}.xdc`, `{TOP}.sdc` | the clock; no path is false |
| `vhdl/` | component package and instantiation template |
| `component.xml`, `package_ip.tcl` | the core for Vivado's IP catalogue: add this folder to `ip_repo_paths`, or let the script package it |
"""


def port_table(core: Core) -> str:
    rows = "\n".join(f"| `{port.name}` | {port.direction} | {port.bits or 1} | {port.meaning} |" for port in core.ports)
    return f"## Ports\n\n| port | direction | bits | what |\n|---|---|---|---|\n{rows}\n"


def packing(core: Core) -> str:
    return "## Packing\n\n" + side(INPUT, core.input_stream, core.idt) + side(OUTPUT, core.output_stream, core.odt) + """\
Element 0 has the least significant bits of a beat; bits above the last element are padding: any value at the input, zero at the output.
Elements are in the order of the model's own inputs that reach the hardware (`input_index` of the accelerator).
""" + ranges(core) + words(core)


def words(core: Core) -> str:
    """Where fixed-point words come in or go out."""
    text = ""
    if core.words:
        kinds = sorted(set(core.words))
        told = f"`{ap_fixed(core.words[0])}`, all of them" if len(kinds) == 1 else \
            "element by element " + ", ".join(f"`{ap_fixed(pair)}`" for pair in core.words)
        text += f"""
Inputs are fixed-point words, {told}: a word w of `ap_fixed<W, I>` means w / 2^(W - I). Standardisation and quantisation are in the core,
as the model does them: of any word it makes what the model makes of that value. Where words are made of finer numbers, this was verified with
the nearest word, of two the even one, and with the end of the range beyond it (`AP_RND_CONV`, `AP_SAT`); another rounding is another input.
"""
    if core.answer_words:
        text += f"\nAnswers are fixed-point words, `{ap_fixed(core.answer_words, core.output_stream.signed)}`: a word w means w / 2^" \
                f"{core.answer_words[0] - core.answer_words[1]}.\n"
    return text


def ap_fixed(pair: tuple[int, int], signed: bool = True) -> str:
    return f"ap_{'' if signed else 'u'}fixed<{pair[0]}, {pair[1]}>"


def ranges(core: Core) -> str:
    """Where inputs take less than their datatype."""
    if not core.ranges:
        return ""
    told = ", ".join(f"{low} to {high}" for low, high in core.ranges)
    return "\nInputs keep to their ranges, and the core reads no more of their bits than these need; a frame with another value is answered with\n" \
           f"some integers, and disturbs no other frame. Element by element: {told}.\n"


def side(prefix: str, stream, datatype: str) -> str:
    kind = "-1 is written as 0, 1 as 1" if stream.bipolar else "two's complement" if stream.signed else "unsigned"
    beats = "one beat" if stream.beats == 1 else f"{stream.beats} beats, the first elements first"
    last = stream.lanes * stream.bits
    return f"`{prefix}_tdata`: a frame is {beats}; {stream.lanes} elements of {stream.bits} bits a beat ({datatype}, {kind}), element i of " \
           f"a beat in bits {stream.bits} i + {stream.bits - 1} down to {stream.bits} i; {8 * stream.bytes - last} bits of padding.\n\n"


def protocol(core: Core) -> str:
    text = """\
## Reset

Synchronous, low, at least one clock edge. Only control is reset; data registers are not, and need no initial values. Frames that
were inside are dropped: nothing of them comes out. Reset may come at any time.
"""
    if core.waits:
        return text + f"""
## Guarantees

- AXI-Stream: a transfer happens in a cycle with valid and ready. `{OUTPUT}_tvalid` stays, and data and last with it, until
  `{OUTPUT}_tready`. It does not wait for ready. Your valid must not wait for ready either.
- Latency: {core.latency} cycles for a frame that finds the core empty, from the cycle in which its first beat is taken to the one in
  which the last beat of its answer is given, the output being ready.
- Rate: a frame every {core.ii:g} cycles for any length of time while the output is ready; it does not depend on the data.
- Back-pressure: no frame that was taken is lost or reordered, however long `{OUTPUT}_tready` stays low. The core stops taking frames
  (`{INPUT}_tready` low) when its output memory could not hold their answers.
- `{INPUT}_tready` may be low after reset for as many cycles as the rate has.
- `{INPUT}_tlast` has no meaning inside; it comes out with the last beat of its frame's answer.
"""
    spacing = "" if core.steady == 1 else f"""\
- Spacing: frames come at least {core.steady} cycles apart, and the first at least {core.steady - 1} cycles after the reset's end. A
  frame that comes sooner is not taken and has no answer; nothing else is disturbed.
"""
    return text + f"""
## Guarantees

- Latency: `{OUTPUT}_tvalid` is high exactly {core.latency} cycles after the cycle in which `{INPUT}_tvalid` was, for one cycle, always.
- Nothing waits: there is no ready and no memory, so there is no back-pressure and nothing can overflow. Take the answer when it comes;
  `{OUTPUT}_tdata` is meaningless at other times.
{spacing}- Inputs are not registered before the first logic, outputs come from registers or one level of logic behind them.
"""


def resources(core: Core, summary: dict) -> str:
    lines, synthesis = ["## Resources\n"], summary.get("synthesis")
    if synthesis:
        for result in (synthesis, *synthesis.get("other_families", {}).values()):
            source = "an estimate, Yosys was not done" if result.get("timed_out") else result["tool"]
            lines.append(f"- {result['family']}: {result['lut']:,} LUT, {result['ff']:,} FF, {result['dsp']} DSP, {result['bram']} block "
                         f"RAMs of 18 Kbit ({source}; not placed or routed).")
    else:
        lines.append("- Not synthesised in this build.")
    shares = {share["name"]: share for share in summary.get("estimate", {}).get("layers", [])}
    if shares:
        lines += ["\nBy layer, with what joins it to the one before; an estimate of the cost model, whose sum need not be the count above:\n",
                  "| layer | style | inputs | outputs | nonzero weights | LUT | FF | block RAMs | DSP |", "|" + 9 * "---|"]
        for layer in summary["hardware"]["layers"]:
            share = shares[layer["name"]]
            cells = [layer["name"], layer["style"], f"{layer['MW']} x {layer['idt']}", f"{layer['MH']} x {layer['odt']}",
                     f"{layer['nonzeros']:,}", f"{share['lut']:,}", f"{share['ff']:,}", share["bram"], share["dsp"]]
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def verification(core: Core, summary: dict) -> str:
    seen = summary["verification"]
    lines = ["## How it was verified\n",
             f"- {seen['samples']:,} samples ({seen['data']}), {seen['rtl_samples']:,} of them through this RTL in Verilator, the others "
             f"through compiled integers: every integer equal to {seen['reference']}, {seen['mismatches']} mismatches.",
             f"- {seen['stalled_samples']:,} samples again under {seen['stall_patterns']} patterns of gaps{' and stalls' * core.waits}; "
             f"{seen['corners']} corners of the input; {seen['resets']} resets in mid-stream."]
    if original := seen.get("original"):
        lines.append(f"- The network as it was read, against the untouched file (sha256 `{original['sha256']}`) in "
                     f"{original['executor']}: {original['samples']:,} samples, {original['mismatches']} mismatches.")
    if "proved_layers" in seen:
        proved, still_open = seen["proved_layers"], seen["not_proved"]
        lines.append(f"- Proved for every input, from this RTL: {', '.join(proved) or 'no layer'}."
                     + "".join(f" Not proved: {name} ({reason})." for name, reason in still_open.items()))
    return "\n".join(lines) + "\n"


def bench(core: Core, frames: int, corners: int) -> str:
    runs = "at full rate, with gaps, with a reset in mid-stream and with frames that come too early; the cycle of every answer is checked"
    if core.waits:
        runs = "back to back, with input gaps, output stalls and both, and with a reset in mid-stream; latency and rate are checked too"
    return f"""\
## The test bench

{frames} frames of integers and the integers that the network answers with, {corners} of them corners of the input (all least, all
greatest, one-hot between them): {runs}.
It prints one line, PASS or FAIL, and ends with `$fatal` on a failure. Run it in `rtl/`, where memory files are found:

{COMMANDS}"""


def not_run() -> str:
    return f"""
## Two cores in one design, and what has not been run

Module names are the same in every core. Two of them in one design are two IPs, each synthesised by itself, or two libraries.
`component.xml` and `package_ip.tcl` were read by no Vivado: the first is held to the schema of IEEE 1685-2009, the second to the signatures
of Vivado's commands. Clock rates are asked for, not measured: `{TOP}.xdc` says what was asked.
"""
