#!/usr/bin/env bash
# Compares Argand with PyTorch, ONNX Runtime and OpenVINO on this machine: installs the peers at pinned versions into a
# scratch environment, builds Argand's worker, runs everything interleaved and writes ../RESULTS.md.
#
#	./run.sh             # all networks, 1 and 2 threads, 9 samples: about an hour
#	./run.sh --quick     # 2 samples, a few networks: does it work?
#	./run.sh --help      # other options, for peers.py
#
# Interrupted, it goes on where it was when it is started again. It needs Python 3.10 or later with venv, Go, and a C++
# compiler for torch.compile. Nothing is written outside this repository's benchmarks/RESULTS.md and results.svg and the
# scratch directory: $SCRATCH, or argand-peers in the directory for temporary files.
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
go build -o "$scratch/argand" ./argand
exec "$python" peers.py --scratch "$scratch" "$@"
