#!/usr/bin/env bash
# Compares Argand's RunInference on Beam's Go SDK with PyTorch's on the Python SDK, on this machine: installs Python's
# side at pinned versions into a scratch environment, builds Argand's, runs all jobs in turn and prints the tables.
#
#	./beam.sh --write                                  # as in ../RESULTS.md: about 11 minutes on a quiet machine
#	./beam.sh --rounds 1 --small 20 --large 2 --lines 1000    # does it work?
#	./beam.sh --jobs classify --contestants argand,python,python-cl,python-threads
#	./beam.sh --help
#
# It needs Linux, Python 3.11 or later with venv, Go, 6 GB of memory and 8 GB of disk. It writes RESULTS.md only with
# --write, and besides only into the scratch directory: $SCRATCH, or argand-peers in the directory for temporary files.
# $PYTHON is an environment to use as it is.
set -euo pipefail
cd "$(dirname "$0")"
scratch=${SCRATCH:-${TMPDIR:-/tmp}/argand-peers}
mkdir -p "$scratch"
python=${PYTHON:-}
if [ -z "$python" ]; then
  python=$scratch/venv-beam/bin/python
  if ! cmp -s requirements-beam.txt "$scratch/installed-beam.txt"; then
    python3 -m venv "$scratch/venv-beam"
    "$python" -m pip install --quiet --requirement requirements-beam.txt
    cp requirements-beam.txt "$scratch/installed-beam.txt"
  fi
fi
go build -buildvcs=false -trimpath -o "$scratch/beam" ./beam
go build -buildvcs=false -trimpath -o "$scratch/fivetimes" ../../examples/fivetimes
exec "$python" beam_compare.py --scratch "$scratch" "$@"
