#!/usr/bin/env bash
# Prepares the environment on first use, then runs `python -m build_dataflow` on the arguments.
# Needs Python 3.11 or 3.12 with venv, and g++. Writes .venv (the environment) and .cache (the set-up's log and lock).
#   QAPFLOW_TORCH_INDEX  take PyTorch from this package index instead of its own CPU one (a CUDA index, a mirror), and what else it needs;
#                        read by the set-up, which then cannot hold it to the lock's hashes
#   QAPFLOW_VENV         put the environment here instead of in .venv
#   QAPFLOW_SETUP_ONLY   if 1, end after the set-up
set -euo pipefail
unset PYTHONHOME

root=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
venv=${QAPFLOW_VENV:-$root/.venv}
python=$venv/bin/python
lock=$root/requirements/base.txt
torch_lock=$root/requirements/torch.txt
log=$root/.cache/setup.log
torch_index=${QAPFLOW_TORCH_INDEX:-https://download.pytorch.org/whl/cpu}

say() { printf 'run-local: %s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

# What the environment must have been made from, and with: written into the stamp when the set-up has finished.
recipe() { printf 'python %s\n' "$(version_of "$python")"; cat -- "$lock" "$torch_lock"; }
ready() { [ -e "$venv/stamp" ] && recipe | cmp -s - "$venv/stamp"; }

find_python() {
    local name version
    for name in python3.11 python3.12 python3; do
        version=$(version_of "$name") || continue
        case $version in 3.11 | 3.12) ;; *) continue ;; esac
        found_python=$name
        "$name" -c 'import ensurepip, venv' 2>/dev/null && return
        missing+=("the venv module of Python $version (Debian: python$version-venv)")
        return
    done
    missing+=("Python 3.11 or 3.12 (Debian: python3 python3-venv)")
}

check_prerequisites() {
    missing=()
    command -v g++ >/dev/null || missing+=("g++ (Debian: g++)")
    ready || find_python
    [ ${#missing[@]} -eq 0 ] && return
    printf -v text '%s, ' "${missing[@]}"
    fail "not found: ${text%, }; install what is missing (on Debian: apt-get install PACKAGE) and start again"
}

# stage TEXT COMMAND...: runs the command with its output in the log; says how long it took, or fails with the log's path.
stage() {
    local text=$1 start=$SECONDS
    shift
    printf 'run-local: %s ... ' "$text" >&2
    printf '\n== %s\n' "$text" >>"$log"
    if "$@" >>"$log" 2>&1; then printf '%d s\n' $((SECONDS - start)) >&2; return; fi
    printf 'failed\n' >&2
    rm -f -- "$venv/setting-up"
    fail "set-up: $text: $(tail -n 1 -- "$log") (log: $log); the next start goes on from here"
}

pip() { "$python" -m pip install --disable-pip-version-check --no-input --no-user "$@"; }

make_venv() { "$found_python" -m venv --clear "$venv"; }

# PyTorch: the build that pip already finds on this disk, if there is one; else a CPU build, not gigabytes of CUDA.
install_torch() {
    local pin
    read -r pin _ <"$torch_lock"
    if [ -n "${QAPFLOW_TORCH_INDEX:-}" ]; then
        pip --index-url "$torch_index" "$pin" && return
    else
        pip --require-hashes --no-deps --no-index -r "$torch_lock" && return
        pip --require-hashes --no-deps --index-url "$torch_index" -r "$torch_lock" && return
    fi
    echo "$pin was found neither on this disk nor at $torch_index; QAPFLOW_TORCH_INDEX names another index"
    return 1
}

# An environment that can be built upon: of the right Python, with pip, its own (without pyvenv.cfg, pip would install into the system's), and
# no set-up was killed in the midst of it.
sound() { [ ! -e "$venv/setting-up" ] && [ -e "$venv/pyvenv.cfg" ] && [ "$(version_of "$python")" = "$(version_of "$found_python")" ] && "$python" -m pip --version; }

set_up() {
    trap 'echo >&2; exit 130' INT
    : >"$log"
    rm -f -- "$venv/stamp"
    if ! sound >>"$log" 2>&1; then
        [ ! -e "$venv/setting-up" ] || say "the last set-up was interrupted; starting over"
        stage "1/3 making $venv with $(command -v "$found_python")" make_venv
    fi
    touch -- "$venv/setting-up"
    stage "2/3 installing $(grep -c '^[^#]*==' "$lock") pinned packages" pip --require-hashes --no-deps -r "$lock"
    stage "3/3 installing PyTorch (${QAPFLOW_TORCH_INDEX:-CPU build})" install_torch
    recipe >"$venv/stamp.new"
    mv -- "$venv/stamp.new" "$venv/stamp"
    rm -f -- "$venv/setting-up"
    trap - INT
}

check_prerequisites
if ! ready; then
    [ ! -L "$venv" ] || fail "$venv is a link to an environment that this checkout does not match; remove the link, or make the environment anew where it stands"
    mkdir -p -- "$root/.cache" "$venv" && [ -w "$venv" ] || fail "$venv is not the one that this checkout needs, and cannot be written"
    exec 9>"$root/.cache/setup.lock"
    flock -n 9 || { say "another start is setting up $venv; waiting for it"; flock 9; }
    ready || set_up
    exec 9>&-
fi
[ "${QAPFLOW_SETUP_ONLY:-}" = 1 ] && exit
export PYTHONPATH=$root QAPFLOW_PROGRAM=./run-local.sh
exec "$python" -m build_dataflow "$@"
