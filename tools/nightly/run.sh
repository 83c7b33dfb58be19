#!/usr/bin/env bash
# The slow checks: sanitizer builds under the test suite, kernels between guard pages, random calls, aarch64 kernels under qemu, a million damaged files.
#   tools/nightly/run.sh WORK_FOLDER
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=${1:?give a work folder}
mkdir -p "$work"

sanitized() {  # name, sanitizers, runtime library
  cmake -S "$root" -B "$work/$1" -G Ninja -DKINDLING_SANITIZE="$2" -DPython_EXECUTABLE="$(command -v python3)" >/dev/null
  cmake --build "$work/$1"
  mkdir -p "$work/$1/site/torch"
  for entry in "$root"/torch/*; do ln -sfn "$entry" "$work/$1/site/torch/$(basename "$entry")"; done
  cp "$work/$1/_C.so" "$work/$1/site/torch/_C.so"
  # libstdc++ too: Python does not load it, and the sanitizer looks for its functions at the start
  ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD="$(gcc -print-file-name="$3") $(gcc -print-file-name=libstdc++.so)" PYTHONPATH="$work/$1/site" python3 "$root/test/run_test.py"
}

sanitized asan address,undefined libasan.so
KINDLING_GUARD_PAGES=1 python3 "$root/test/run_test.py" -i test_ops
python3 "$root/tools/nightly/fuzz.py" --minutes 10 --seed "$(date +%s)"
python3 "$root/tools/nightly/aarch64.py" "$work/aarch64"
(cd "$work" && python3 "$root/tools/nightly/fuzz_files.py")
