# Sourced by the scripts beside it: installs packages, configures and builds presets.
#
# The compiler is $CXX, or the C++ side of $CC, or g++. Each preset of g++ is built into
# build/PRESET, of any other compiler into build/COMPILER/PRESET.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf 'hawser: %s\n' "$*"; }
fail() { printf 'hawser: %s\n' "$*" >&2; exit 1; }

# number OPTION [VALUE]: fails unless there is a value and it is a number.
number() {
  [[ ${2-} =~ ^[0-9]+$ ]] || fail "$1 wants a number${2+, not \"$2\"}; see tools/${0##*/} --help"
}

choose_compiler() {
  if [[ -z ${CXX-} ]]; then
    case ${CC-} in
      *clang*) CXX=${CC/clang/clang++} ;;
      *gcc*) CXX=${CC/gcc/g++} ;;
      *) CXX=g++ ;;
    esac
  fi
  export CXX
  case ${CXX##*/} in
    g++) build_root=$root/build ;;
    *\ *) fail "CXX=\"$CXX\": one program, please, without arguments" ;;
    *) build_root=$root/build/${CXX##*/} ;;
  esac
}

# wanted_packages [WHAT]: prints the packages of tools/packages.txt that the chosen compiler calls for, and
# those that are there for WHAT.
wanted_packages() {
  local package condition _
  while read -r package condition _; do
    case $condition in
      when=*) [[ $CXX == *${condition#when=}* || ${1-} == "${condition#when=}" ]] || continue ;;
    esac
    printf '%s\n' "$package"
  done < <(sed 's/#.*//; /^[[:space:]]*$/d' "$root/tools/packages.txt")
}

# install_packages [WHAT]: installs what is missing of `wanted_packages`; touches nothing when nothing is.
install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "no dpkg here: taking what tools/packages.txt lists for installed"
    return
  fi
  local wanted missing
  mapfile -t wanted < <(wanted_packages "$@")
  mapfile -t missing < <(
    dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
      sed -n 's/^installed //p' | sort -u | comm -13 - <(printf '%s\n' "${wanted[@]}" | sort -u))
  [[ ${#missing[@]} -gt 0 ]] || return 0

  local as_root=()
  if [[ $EUID -ne 0 ]]; then
    command -v sudo >/dev/null ||
      fail "neither root nor sudo to install with; as root: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing ${missing[*]}"
  # One source out of reach need not matter: the packages may come from another.
  run_quietly "${as_root[@]}" apt-get -o APT::Update::Error-Mode=any update ||
    say "going on with the package lists at hand"
  run_quietly "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -y -o DPkg::Lock::Timeout=300 --no-install-recommends install "${missing[@]}" ||
    fail "cannot install ${missing[*]}: see apt's messages above"
}

# Runs a command; its output is shown only if it fails.
run_quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || status=$?
  [[ $status -eq 0 ]] || cat "$log" >&2
  rm -f "$log"
  return "$status"
}

# configured DIRECTORY: whether it is a build of this tree, by this compiler, newer than the presets.
configured() {
  local cache=$1/CMakeCache.txt
  [[ -f $1/build.ninja && $cache -nt $root/CMakePresets.json ]] &&
    [[ $(sed -n 's/^CMAKE_HOME_DIRECTORY:[A-Z]*=//p' "$cache") == "$root" ]] &&
    [[ $(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$cache") == "$(command -v "$CXX")" ]]
}

# build PRESET [TARGET...]: configures it where needed, then builds the targets (all).
build() {
  local preset=$1 directory=$build_root/$1
  shift
  command -v "$CXX" >/dev/null || fail "CXX=$CXX: no such program; install it or choose another"
  if ! configured "$directory"; then
    say "configuring $preset with $CXX in ${directory#"$root/"}"
    (cd "$root" && run_quietly cmake --preset "$preset" --fresh -B "$directory") ||
      fail "cannot configure $preset"
  fi
  say "building $preset in ${directory#"$root/"}"
  cmake --build "$directory" --parallel "$(jobs_at_once)" ${1:+--target "$@"} ||
    fail "the $preset build failed"
}

# As many compilers as cores, but each needs about 1.5 GB.
jobs_at_once() {
  local memory=$(($(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo) / 1500000))
  local cores
  cores=$(nproc)
  [[ $memory -ge 1 ]] || memory=1
  printf '%s\n' $((memory < cores ? memory : cores))
}
