#!/usr/bin/env bash
# Compares Argand with PyTorch, ONNX Runtime and OpenVINO on this machine: installs the peers at pinned versions into a
# scratch environment, builds Argand's worker, runs everything interleaved and writes ../RESULTS.md.
#
#	./run.sh             # all networks, 1 and 2 threads, 9 samples: about an hour
#	./run.sh --quick     # 2 samples on one thread: does it work?
#	./run.sh --help      # other options, for peers.py
#
# Interrupted, it goes on where it was when it is started again, as long as commit, machine and versions are the same. It
# needs Python 3.11 or later with venv, Go, a C++ compiler for torch.compile, 14 GB of memory for the largest group, and
# 8 GB of disk. It writes RESULTS.md and results.svg in benchmarks, and besides only into the scratch directory:
# $SCRATCH, or argand-peers in the directory for temporary files. $PYTHON is an environment to use as it is.
set -euo pipefail
cd "$(dirname "$0")"
scratch=${SCRATCH:-${TMPDIR:-/tmp}/argand-peers}
mkdir -p "$scratch"
python=${PYTHON:-}
if [ -z "$python" ]; then
  python=$scratch/venv/bin/python
  if ! cmp -s requirements.txt "$scratch/installed.txt"; then
    python3 -m venv "$scratch/venv"
    "$python" -m pip install --quiet --requirement requirements.txt
    cp requirements.txt "$scratch/installed.txt"
  fi
fi
go build -buildvcs=false -trimpath -o "$scratch/argand" ./argand
exec "$python" peers.py --scratch "$scratch" "$@"
