#!/usr/bin/env bash
# From a bare Debian 12 to a running program. `./bootstrap.sh help` says what it can do.
set -euo pipefail
cd "$(dirname "$0")"

# What the program is built from and runs with; what the tests need besides.
BUILD_PACKAGES=(
  gcc libc6-dev cmake ninja-build pkg-config ca-certificates
  lua5.4 liblua5.4-dev lua-argparse lua-cjson-dev
  libuv1-dev libcurl4-openssl-dev libssl-dev libmicrohttpd-dev libsqlite3-dev libexpat1-dev libyaml-dev libjansson-dev
)
TEST_PACKAGES=(lua-busted lua-check valgrind awscli curl python3 openssl faketime)
BENCH_PACKAGES=(time)
LINT_PACKAGES=(lua-check clang clang-format clang-tidy cppcheck libclang-rt-14-dev)

usage() {
  cat <<'TEXT'
usage: ./bootstrap.sh COMMAND

  demo       install what is missing, build, apply stacks/staging.lua on the local emulator
  test       install what is missing, build, run all tests (with sanitizers too)
  build      install what is missing, build the program: build/release/scwlua
  install    build, then install the program (PREFIX, /usr/local unless set)
  matrix     kill deployments at every single request and look whether the next one finishes them; 50 deployments at once
  lint       check the format of the sources and look for mistakes without running them
  fuzz       build the fuzzers with clang and run each for a few seconds
  bench      measure what the project promises
  docs       write the generated part of docs/ again
TEXT
}

say() { printf '== %s\n' "$*"; }

fail() {
  printf 'bootstrap.sh: %s\n' "$*" >&2
  exit 1
}

# Runs a command as root: as it is, or through sudo.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "this needs root or sudo: $*"
  fi
}

# Installs the packages that are not installed yet; silent when none is missing.
need() {
  missing=()
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "this needs Debian 12 or newer (apt-get), or these packages installed by hand: ${missing[*]}"
  say "installing: ${missing[*]}"
  quietly as_root apt-get update -q
  quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
}

# Runs a command, shows what it wrote only when it fails.
quietly() {
  local log
  log=$(mktemp)
  if "$@" >"$log" 2>&1 </dev/null; then
    rm -f "$log"
  else
    cat "$log" >&2
    rm -f "$log"
    fail "this failed: $*"
  fi
}

# Builds one CMake preset, all of it or the named target; does nothing when it is up to date.
build() {
  local preset=$1 target=${2:-all}
  [ -f "build/$preset/build.ninja" ] || say "building ($preset)"
  quietly cmake --preset "$preset"
  quietly cmake --build --preset "$preset" --target "$target"
}

build_program() {
  need "${BUILD_PACKAGES[@]}"
  build release scwlua
}

passed=0
failed=0

# Sanitizers of older compilers need addresses that are not spread too far; where that cannot be asked for, go on without.
steady_addresses() {
  if setarch --addr-no-randomize true 2>/dev/null; then setarch --addr-no-randomize "$@"; else "$@"; fi
}

# Runs the tests of one build and adds its counts; arguments behind the preset go to ctest.
run_tests() {
  local preset=$1 log summary total bad
  shift
  log=$(mktemp)
  say "testing ($preset)"
  SECONDS=0
  steady_addresses ctest --preset "$preset" --timeout 280 --parallel 4 "$@" 2>&1 | tee "$log" | grep -E '^ *[0-9]+/[0-9]+ Test|\*\*\*|^(Failure|Error)|tests passed' || true
  summary=$(grep -E 'tests passed, [0-9]+ tests? failed out of [0-9]+' "$log" || true)
  if [ -z "$summary" ]; then
    cat "$log" >&2
    fail "the tests of $preset did not run"
  fi
  total=${summary##* }
  bad=$(sed -E 's/.*passed, ([0-9]+) tests? failed.*/\1/' <<<"$summary")
  passed=$((passed + total - bad))
  failed=$((failed + bad))
  if [ "$bad" -gt 0 ]; then cat "$log" >&2; fi
  rm -f "$log"
  say "$preset took ${SECONDS} s"
}

command_demo() {
  build_program
  say "scwlua apply --emulator stacks/staging.lua"
  build/release/scwlua apply --emulator --yes stacks/staging.lua "$@"
}

command_test() {
  need "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
  local preset
  for preset in development sanitize; do build "$preset"; done
  run_tests development "$@"
  run_tests sanitize "$@"
  printf '%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
}

command_build() {
  build_program
  say "built build/release/scwlua"
}

command_install() {
  build_program
  local prefix=${PREFIX:-/usr/local}
  if mkdir -p "$prefix/bin" 2>/dev/null && [ -w "$prefix/bin" ]; then
    quietly cmake --install build/release --prefix "$prefix" --strip
  else
    quietly as_root cmake --install build/release --prefix "$prefix" --strip
    as_root rm -f build/release/install_manifest.txt # root's, in the way of later builds
  fi
  say "installed $prefix/bin/scwlua"
}

command_lint() {
  need "${BUILD_PACKAGES[@]}" "${LINT_PACKAGES[@]}"
  build development
  say "luacheck"
  luacheck -q lua modules stacks tests
  say "clang-format"
  find core tests -name '*.[ch]' -print0 | xargs -0 -r clang-format --dry-run --Werror
  say "cppcheck"
  quietly cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 -Icore core
  say "clang-tidy"
  find core -name '*.c' -print0 | quietly_tidy
  say "nothing to complain about"
}

quietly_tidy() {
  local log
  log=$(mktemp)
  if ! xargs -0 -r -P 2 -n 4 clang-tidy --quiet -p build/development >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    fail "clang-tidy has something to say"
  fi
  rm -f "$log"
}

command_fuzz() {
  need "${BUILD_PACKAGES[@]}" "${LINT_PACKAGES[@]}"
  build fuzz
  run_tests fuzz -L fuzz
  printf '%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
}

command_bench() {
  need "${BUILD_PACKAGES[@]}" "${BENCH_PACKAGES[@]}"
  build release
  local program
  for program in build/release/tests/bench_*; do
    if [ -x "$program" ]; then "$program"; fi
  done
  SCWLUA_SOURCE=$PWD SCWLUA_PROGRAM=$PWD/build/release/scwlua build/release/scwlua-test bench "$@"
}

command_matrix() {
  need "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
  build release
  SCWLUA_MATRIX=full SCWLUA_SOURCE=$PWD SCWLUA_PROGRAM=$PWD/build/release/scwlua build/release/scwlua-test tests/e2e/crash_matrix_spec.lua
  local seed
  for seed in 2 3 4; do # other accidents than those of every run
    SCWLUA_SEED=$seed SCWLUA_SOURCE=$PWD SCWLUA_PROGRAM=$PWD/build/release/scwlua build/release/scwlua-test tests/e2e/contention_spec.lua
  done
}

command_docs() {
  build_program
  build/release/scwlua docs --out docs
}

case ${1:-help} in
  demo | test | build | install | lint | fuzz | bench | docs | matrix)
    name=$1
    shift
    "command_$name" "$@"
    ;;
  help | --help | -h) usage ;;
  *)
    usage >&2
    fail "there is no command '$1'"
    ;;
esac
