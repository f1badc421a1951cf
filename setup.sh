#!/usr/bin/env bash
# Makes the virtual environment .venv beside this script, pinned by requirements/*.lock.
#
#   bash setup.sh           TensorFlow for NVIDIA GPUs if there is a driver, else for CPUs;
#                           an environment that exists keeps the kind it was made for
#   bash setup.sh cpu|gpu   the kind that is named
#   bash setup_tpu.sh       TensorFlow for a Cloud TPU VM
#
# PYTHON=/path/to/python3 names the interpreter of a new environment. Call it again at
# any time: it returns at once when nothing has changed, and repairs what an
# interrupted call left behind.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
venv=$root/.venv
# .venv holds two marks: a copy of the lock file once all of it is installed, and
# before that a file that names the kind on its way.
unfinished=$venv/unfinished

fail() {
  echo "setup: $*" >&2
  exit 1
}

has_nvidia_driver() {
  [ -e /proc/driver/nvidia/version ] || nvidia-smi -L >/dev/null 2>&1
}

runs_supported_python() {
  "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
    >/dev/null 2>&1
}

can_make_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

find_python() {
  local candidate found=
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11; do
    if runs_supported_python "$candidate"; then
      found=${found:-$candidate}
      if can_make_venv "$candidate"; then
        # Not the one of an active .venv, which is about to be replaced.
        "$candidate" -c 'import sys; print(sys._base_executable)'
        return
      fi
    fi
    [ "$candidate" != "${PYTHON:-}" ] || break # the one that was asked for, or none
  done
  [ -z "$found" ] ||
    fail "$found cannot make virtual environments: install its venv module" \
      "(Debian and Ubuntu: apt install python3-venv)."
  [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is not a Python from 3.11 to 3.13."
  fail "found no Python from 3.11 to 3.13: install one," \
    "or name it with PYTHON=/path/to/python3."
}

kind_at_hand() {
  local kind
  for kind in cpu gpu tpu; do
    if [ -e "$venv/$kind.lock" ]; then
      echo "$kind"
      return
    fi
  done
  cat "$unfinished" 2>/dev/null || true
}

check_platform() {
  case $1:$(uname -s)-$(uname -m) in
    cpu:Linux-x86_64 | cpu:Linux-aarch64 | cpu:Darwin-arm64) ;;
    gpu:Linux-x86_64 | tpu:Linux-x86_64) ;;
    cpu:* | gpu:* | tpu:*) fail "there is no TensorFlow for $1 on $(uname -s) $(uname -m)." ;;
    *) fail "expected cpu, gpu or tpu, got $1." ;;
  esac
}

install() {
  local kind=$1 lock=$2
  echo "setup: installing TensorFlow for $kind and what goes with it; this takes a few minutes"
  # Isolated from PYTHONPATH and from packages of the user outside .venv.
  PIP_USER=0 "$venv/bin/python" -I -m pip install --quiet --disable-pip-version-check \
    --require-hashes --requirement "$lock" ||
    fail "the installation stopped for the reason above; put it right and call this again."
}

[ $# -le 1 ] || fail "expected one of cpu, gpu and tpu at most, got $*."

# Two calls at once take turns; the system frees the lock when its holder dies.
exec 9<"${BASH_SOURCE[0]}"
if command -v flock >/dev/null && ! flock -n 9; then
  echo "setup: waiting for another call to finish"
  flock 9 || true
fi

present=$(kind_at_hand)
kind=${1:-$present}
if [ -z "$kind" ]; then
  kind=cpu
  if [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] && has_nvidia_driver; then
    kind=gpu
  fi
fi
check_platform "$kind"
lock=$root/requirements/$kind.lock

broken=no
if [ -e "$unfinished" ] || ! runs_supported_python "$venv/bin/python"; then
  broken=yes
fi
if [ $broken = no ] && cmp -s "$lock" "$venv/$kind.lock"; then
  echo "setup: .venv is up to date ($kind)"
  exit
fi

# Kinds are not mixed: their TensorFlows would lie in the same folder.
if [ $broken = yes ] || { [ -n "$present" ] && [ "$present" != "$kind" ]; }; then
  python=$(find_python)
  echo "setup: making .venv with $("$python" --version)"
  mkdir -p "$venv"
  echo "$kind" >"$unfinished"
  find "$venv" -mindepth 1 -maxdepth 1 ! -name unfinished -exec rm -rf {} +
  "$python" -m venv "$venv" || fail "could not make $venv."
fi
echo "$kind" >"$unfinished"
install "$kind" "$lock"
cp "$lock" "$venv/$kind.lock"
rm "$unfinished"
echo "setup: done. Next: .venv/bin/python ebm_tf/train.py configs/digits_nonconv.py"
