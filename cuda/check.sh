#!/usr/bin/env bash
# Checks and measures the CUDA backend on a machine with an NVIDIA GPU, and prints a short table last.
#
#	cuda/check.sh                       # everything; about half an hour
#	cuda/check.sh PART…                 # some of: environment tests sanitizer parity resnet maskrcnn profile questions
#	cuda/check.sh build DIR             # what a machine without Go needs besides this repository: programs, 64 MiB at most;
#	                                    # argand.gz, half of it, may be left behind
#	cuda/check.sh --with DIR [PART…]    # on that machine
#	cuda/check.sh --rehearse [PART…]    # without a GPU: every line of this, on the fake driver; times mean nothing
#
# More options: --driver PATH of libcuda.so.1, --out DIR for logs and what is found out, instead of a new one. The first
# GPU is used; the driver's CUDA_VISIBLE_DEVICES makes another one the first. Each part takes at most eight minutes; what
# it has not done by then is NOT RUN. Parity and the comparison of speed need a Python with torch and torchvision: $PYTHON,
# or python3. Nothing is fetched from anywhere.
#
# The exit status is 0 if all was run and is well, 1 if something failed, 3 if nothing did but something was NOT RUN.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-python3}
all=(environment tests sanitizer parity resnet maskrcnn profile questions)
peers=$root/benchmarks/peers/cuda
tests='^(Test(Conformance|MaskRCNN)(At)?|TestSelections|TestResNet|TestGoldens|TestRunOn)$' # of ./cuda, that need no fake
with_libraries='^(TestConformance(At)?|TestResNet|TestGoldens)$'
calls='^(TestRun|TestEvents|TestGraph|TestFind|TestClosed)$' # of ./cuda/internal/driver
lives='^(TestFlat|TestArenasStay)$'
kernels='^(TestConv2d|TestLayers|TestForms)$'

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }
die() {
  echo "check.sh: $*" >&2
  exit 1
}

# build DIR makes the programs that a machine without Go needs.
build() {
  mkdir -p "$1" || return
  local dir
  dir=$(cd "$1" && pwd)
  cd "$root" || return
  export CGO_ENABLED=1
  local flags=(-buildvcs=false -trimpath "-ldflags=-s -w")
  go build "${flags[@]}" -o "$dir/argand" ./cmd/argand &&
    go build "${flags[@]}" -o "$dir/worker" ./benchmarks/peers/cuda &&
    go test -c "${flags[@]}" -o "$dir/cuda.test" ./cuda &&
    go test -c "${flags[@]}" -o "$dir/kernel.test" ./cuda/kernel &&
    go test -c "${flags[@]}" -o "$dir/driver.test" ./cuda/internal/driver || return
  git -C "$root" describe --always --dirty >"$dir/commit" 2>/dev/null || echo unknown >"$dir/commit"
  echo "programs need $(glibc "$dir"/argand "$dir"/*.test "$dir"/worker) or newer"
}

# pack DIR compresses them, to travel.
pack() {
  gzip -f "$1"/argand "$1"/*.test "$1"/worker || return
  local size
  size=$(du -sm "$1" | cut -f1)
  echo "made $1, $size MiB"
  [ "$size" -le 64 ] || die "more than 64 MiB"
}

# glibc FILE… says which glibc programs were linked against.
glibc() { grep -aoh 'GLIBC_2\.[0-9]*' "$@" | sort -uV | tail -1; }

# What is said of a part goes to the screen and its log; lines that begin with "|" go into the table too.
row() { printf '|'; printf ' %s |' "$@"; echo; }
not_run() { row "$part" "NOT RUN: $*"; }

# bounded COMMAND… stops when the time of the part is up.
bounded() {
  local left=$((deadline - SECONDS)) what="${1##*/} ${*:2}" status
  if [ "$left" -lt 5 ]; then
    not_run "no time was left for ${what:0:120}"
    return 124
  fi
  timeout --kill-after=5 "$left" "$@"
  status=$?
  [ "$status" -ne 124 ] || not_run "stopped when the time was up: ${what:0:120}"
  return "$status"
}

# has_torch reports whether torch can be used for what a part needs, and says so if not.
has_torch() {
  local text
  if ! text=$("$python" -c 'import torch, torchvision' 2>&1); then
    not_run "$python has no torch and torchvision: ${text##*$'\n'}"
    return 1
  fi
  if [ -z "$rehearsing" ] && ! "$python" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())'; then
    not_run "torch sees no GPU"
    return 1
  fi
}

environment() {
  local status=0
  row "commit" "$(cat "$with/commit")"
  echo "$(uname -srm), $(nproc) cores, $(ldd --version | head -1), programs need $(glibc "$with/worker")"
  free -g 2>/dev/null | sed -n 2p
  if command -v nvidia-smi >/dev/null; then
    nvidia-smi || status=1
    row "GPU" "$(nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader | head -1)"
  else
    not_run "nvidia-smi is not here"
  fi
  echo "libraries that the loader knows, and in the usual places:"
  { /sbin/ldconfig -p || ldconfig -p; } 2>/dev/null | grep -E 'libcuda\.|libcudnn|libcublasLt|libnvrtc|libnvidia-ptxjit' || echo "  none"
  local place
  for place in /usr/local/cuda*/lib64 /usr/local/nvidia/lib64 /usr/lib/x86_64-linux-gnu; do
    ls -d "$place"/{libcuda.so.1,libcudnn.so.9,libcublasLt.so.*} 2>/dev/null
  done
  "$python" - <<'END' || echo "  $python does not run"
import glob, os, platform, sys
print("Python", platform.python_version(), sys.executable)
for folder in sys.path:
    for kind in ("libcudnn.so.9", "libcublasLt.so.1[23]", "libnvrtc.so.1[23]"):
        for path in glob.glob(os.path.join(folder, "nvidia", "*", "lib", kind)):
            print(" ", path)
for name in ("torch", "torchvision", "triton", "numpy", "PIL"):
    try:
        module = __import__(name)
        print(" ", name, module.__version__, *([module.version.cuda, module.backends.cudnn.version()] if name == "torch" else []))
    except Exception as e:
        print(" ", name, "NOT HERE:", e)
END
  if [ -x "$with/argand" ]; then
    echo "ldd argand:"
    ldd "$with/argand"
    "$with/argand" devices "${driver[@]}" || status=1
  else
    not_run "argand was left behind"
  fi
  if ! "$with/worker" "${on_worker[@]}" devices | tee "$scratch/devices" | grep -q '^ *cuda:'; then
    cat "$scratch/devices"
    row "$part" "FAILED: no GPU is seen"
    return 1
  fi
  (cd "$root/cuda" && bounded "$with/cuda.test" "${on_driver[@]}" -test.v -test.run '^TestImages$') || status=1
  return $status
}

# counted COMMAND… runs a test binary and counts what passed, failed and was skipped; it says what was skipped.
counted() {
  local what=$1 log=$scratch/counted status
  shift
  bounded "$@" -test.v ${rehearsing:+-test.short} >"$log" 2>&1
  status=$?
  grep -vE '^ *=== (RUN|NAME|PAUSE|CONT)' "$log"
  row "$part" "$what" "$(grep -c '^ *--- PASS' "$log") passed" "$(grep -c '^ *--- FAIL' "$log") failed" \
    "$(grep -c '^ *--- SKIP' "$log") NOT RUN"
  return $status
}

tests() {
  local status=0
  (cd "$root/cuda" && counted "operators, networks, goldens" "$with/cuda.test" "${on_driver[@]}" "${thorough[@]}" -test.run "$tests") || status=1
  (cd "$root/cuda" && counted "the same with cuBLASLt and cuDNN" "$with/cuda.test" "${on_driver[@]}" "${thorough[@]}" \
    "${libraries[@]}" -test.run "$with_libraries") || status=1
  (cd "$root/cuda/kernel" && counted "kernels" "$with/kernel.test" "${on_driver[@]}" "${thorough[@]}" -test.run "$kernels") || status=1
  (cd "$root/cuda/internal/driver" &&
    counted "driver" "$with/driver.test" "${on_driver[@]}" -test.run "$calls") || status=1
  (cd "$root/cuda" && counted "200 times in the same memory" "$with/cuda.test" "${on_driver[@]}" -test.run "$lives") || status=1
  return $status
}

sanitizer() {
  local tool found='' place status=0 which
  for place in "$(command -v compute-sanitizer)" /usr/local/cuda*/bin/compute-sanitizer "$with"/compute-sanitizer/compute-sanitizer; do
    [ -x "$place" ] && found=$place && break
  done
  if [ -z "$found" ]; then
    not_run "compute-sanitizer is not on the PATH, nor in /usr/local/cuda, nor carried in compute-sanitizer (the wheel" \
      "nvidia-cuda-sanitizer-api has it)"
    return 0
  fi
  "$found" --version
  which='TestConformance(At)?|TestSelections'
  [ -z "$rehearsing" ] || which=TestImages
  local left=3 whole=$deadline
  for tool in memcheck racecheck synccheck; do
    deadline=$((SECONDS + (whole - SECONDS) / left)) left=$((left - 1))
    (cd "$root/cuda" && bounded "$found" --tool "$tool" --error-exitcode 9 --print-limit 20 \
      "$with/cuda.test" "${on_driver[@]}" -test.short -test.run "^($which)\$") >"$scratch/sanitizer" 2>&1
    local code=$?
    tail -n 60 "$scratch/sanitizer"
    local verdict=well
    case $code in
    0) ;;
    124) verdict='NOT RUN to its end' ;;
    *) verdict="FAILED, status $code" status=1 ;;
    esac
    row "$part" "$tool of $which" "$(grep -oE '(ERROR|RACECHECK) SUMMARY: .*' "$scratch/sanitizer" | tail -1)" "$verdict"
  done
  return $status
}

# peer SCRIPT… runs one of the comparison's scripts.
peer() {
  local script=$1
  shift
  bounded "$python" -W ignore "$peers/$script" --worker "$with/worker" --testdata "$root/testdata" "${driver[@]}" "$@"
}

parity() {
  has_torch || return 0
  local status=0
  if [ -n "$rehearsing" ]; then
    peer parity.py --show 3 --precisions float32,bfloat16 resnet18 32 33 || status=1
    peer parity.py --show 3 --precisions float32 maskrcnn 64 64 || status=1
  else
    peer parity.py resnet50 224 224 || status=1
    peer parity.py maskrcnn 800 1216 || status=1
  fi
  return $status
}

resnet() {
  has_torch || return 0
  local status=0 batch
  if [ -n "$rehearsing" ]; then
    peer bench.py --rounds 2 --count 1 --lead 0 --precisions float32,bfloat16 resnet18 2 32 32 || status=1
    return $status
  fi
  for batch in 1 8 64; do
    peer bench.py --seconds 150 --rounds 5 --count 30 resnet50 $batch 224 224 || status=1
  done
  return $status
}

maskrcnn() {
  has_torch || return 0
  if [ -n "$rehearsing" ]; then
    peer bench.py --rounds 1 --count 1 --lead 0 --ways eager,amp,graph --precisions float32 maskrcnn 1 64 64
  else
    peer bench.py --seconds 440 --rounds 5 --count 10 maskrcnn 1 800 1216
  fi
}

profile() {
  local status=0 precision precisions=(float32 tf32 bfloat16 float16)
  [ -z "$rehearsing" ] || precisions=(float32 bfloat16)
  for precision in "${precisions[@]}"; do
    local settings=("maskrcnn $precision 1 800 1216 20" "resnet50 $precision 1 224 224 50" "resnet50 $precision 64 224 224 20")
    [ -z "$rehearsing" ] || settings=("resnet18 $precision 1 32 32 1")
    local setting
    for setting in "${settings[@]}"; do
      local words
      read -ra words <<<"$setting"
      if ! bounded "$with/worker" "${on_worker[@]}" profile "${words[@]}" >"$scratch/profile" 2>&1; then
        row "$part" "$setting" "FAILED: $(tail -1 "$scratch/profile" | cut -c1-200)"
        status=1
        continue
      fi
      cat "$scratch/profile"
      cp "$scratch/profile" "$out/profile-${setting// /-}.txt"
      row "$part" "$(head -1 "$scratch/profile")" "most: $(sed -n 2p "$scratch/profile" | tr -s ' ')"
    done
  done
  return $status
}

# questions answers what could not be known without a GPU.
questions() {
  local status=0
  echo "== do images made by NVRTC 12.9, and PTX of 6.3 and 7.0, load?"
  (cd "$root/cuda" && counted "images on this driver" "$with/cuda.test" "${on_driver[@]}" -test.run '^TestImages$') || status=1
  echo "== where are the libraries?"
  "$with/worker" "${on_worker[@]}" devices || status=1
  echo "== how does cuDNN describe this device?"
  if bounded "$python" "$peers/deviceproperties.py" >"$out/device-properties.json" 2>"$scratch/error"; then
    cat "$out/device-properties.json"
    row "$part" "cuDNN's description of the device is in device-properties.json"
  else
    not_run "cuDNN's description of the device: $(tail -1 "$scratch/error" | cut -c1-200)"
  fi
  echo "== which engines are chosen, and is exact float32 faster with them than with our own kernels?"
  local setting="resnet50 float32 8 224 224 20" words own
  [ -z "$rehearsing" ] || setting="resnet18 float32 1 32 32 2"
  read -ra words <<<"$setting"
  for own in false true; do
    if bounded "$with/worker" "${on_worker[@]}" -own=$own profile "${words[@]}" >"$scratch/profile" 2>&1; then
      sed -n '1p;/by engine/,$p' "$scratch/profile"
      row "$part" "$setting, $([ $own = true ] && echo "our kernels only" || echo "engines as measured")" "$(head -1 "$scratch/profile")"
    else
      row "$part" "$setting" "FAILED: $(tail -1 "$scratch/profile" | cut -c1-200)"
      status=1
    fi
  done
  return $status
}

# rehearsal puts stand-ins for what a machine with a GPU has where parts find them.
rehearsal() {
  (cd "$root" && go test ./cuda/internal/fakedriver -count=1 -run '^TestWrite$' -write "$scratch/libcuda.so.1") || return
  driver_file=$scratch/libcuda.so.1
  PATH=$root/cuda/check/rehearsal:$PATH
}

with='' driver_file='' out='' rehearsing='' parts=()
while [ $# -gt 0 ]; do
  case $1 in
  build)
    [ $# = 2 ] || die "build: want a directory"
    (build "$2") && pack "$2"
    exit
    ;;
  --with | --driver | --out)
    [ $# -gt 1 ] || die "$1: want a value"
    case $1 in
    --with) with=$2 ;;
    --driver) driver_file=$2 ;;
    --out) out=$2 ;;
    esac
    shift
    ;;
  --rehearse) rehearsing=yes ;;
  -h | --help)
    usage
    exit
    ;;
  -*) die "$1 is no option; --help tells which there are" ;;
  *)
    [[ " ${all[*]} " == *" $1 "* ]] || die "$1 is no part: want some of ${all[*]}"
    parts+=("$1")
    ;;
  esac
  shift
done
[ ${#parts[@]} -gt 0 ] || parts=("${all[@]}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ -z "$with" ]; then
  command -v go >/dev/null || die "there is no Go here: make DIR elsewhere with 'cuda/check.sh build DIR', and use --with DIR"
  with=$scratch/with
  (build "$with") || die "the programs were not made"
fi
if [ -e "$with/worker.gz" ]; then
  cp -r "$with" "$scratch/with"
  with=$scratch/with
  gunzip "$with"/*.gz || die "the programs cannot be unpacked"
fi
[ -x "$with/worker" ] || die "there are no programs in $with"
with=$(cd "$with" && pwd)
out=${out:-$(mktemp -d -t cuda-check.XXXXXX)}
mkdir -p "$out" || die "no directory for logs"
out=$(cd "$out" && pwd)
[ -z "$rehearsing" ] || rehearsal || die "there is no fake driver"
libraries=(-libraries) thorough=(-full)
if [ -n "$rehearsing" ]; then
  libraries=() thorough=() tests='^(TestResNet|TestRunOn)$' with_libraries='^TestGoldens$' kernels='^TestForms$'
fi
driver=()
[ -z "$driver_file" ] || driver=(--driver "$driver_file")
on_worker=(-testdata "$root/testdata" "${driver[@]}")
# The loader need not know of the driver that is found.
found=$("$with/worker" "${on_worker[@]}" devices | sed -n "s/^NVIDIA's driver for CUDA [0-9.]*: //p")
on_driver=(-driver "${found:-auto}")

: >"$out/table"
failed=''
for part in "${parts[@]}"; do
  printf '\n==== %s\n' "$part"
  start=$SECONDS deadline=$((SECONDS + 470))
  "$part" 2>&1 | tee "$out/$part.log"
  status=${PIPESTATUS[0]}
  grep '^|' "$out/$part.log" >>"$out/table"
  [ "$status" = 0 ] || failed="$failed $part"
  verdict='came to its end'
  [ "$status" = 0 ] || verdict=FAILED
  row "$part" "$verdict" "$((SECONDS - start)) s" >>"$out/table"
done
printf '\n==== %s\n' "${rehearsing:+REHEARSAL ON A FAKE DRIVER: TIMES AND RATES MEAN NOTHING}"
cat "$out/table"
echo "logs, profiles and what was found out are in $out"
if [ -n "$failed" ]; then
  echo "FAILED:$failed"
  exit 1
fi
if grep -qE 'NOT RUN:|[1-9][0-9]* NOT RUN|NOT RUN to its end' "$out/table"; then
  echo "nothing failed; NOT RUN is what the table says"
  exit 3
fi
echo "all was run, and is well"
