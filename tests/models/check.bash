#!/usr/bin/env bash
# Usage: check.bash [--mutant NAME] MODEL.pml [OPTIONS]...
#
# Lets spin visit every state of a model, once for each string of OPTIONS (as "-DKILLS=2 -DPOPS";
# none: once without). Fails if one of them violates an assertion or was not searched to its end,
# or if there is a statement outside of inlines that none of them reaches. With --mutant, fails unless the model
# fails, by an assertion, with mutant_NAME. For a failure it prints the steps that lead to it.
set -euo pipefail

fail() {
  printf 'check.bash: %s\n' "$*" >&2
  exit 1
}

mutant=
if [[ $1 == --mutant ]]; then
  mutant=$2
  shift 2
fi
model=$(basename "$1" .pml)
folder=$(cd "$(dirname "$1")" && pwd)
shift
[[ $# -gt 0 ]] || set -- ""
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$folder/$model.pml" "$folder"/*.inc "$work"
cd "$work"

# Deep enough for every model, and checked; no partial order reduction, since deaths by `unless`
# switch it off anyway; stopping at invalid end states is what -E turns off: who may stop where
# is what the models assert.
search() {
  rm -f pan* ./*.trail
  local defines=($1)
  [[ -z $mutant ]] || defines+=("-Dmutant_$mutant")
  spin -a "${defines[@]}" "$model.pml" >spin.out || { cat spin.out; fail "spin refuses $model $1"; }
  "${CC:-gcc}" -O1 -DSAFETY -DNOREDUCE -DCOLLAPSE -DMEMLIM=2000 -o pan pan.c
  ./pan -E -m20000 >pan.out
}

for options in "$@"; do
  search "$options"
  states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.out)
  seconds=$(sed -n 's/.*elapsed time \([0-9.]*\).*/\1/p' pan.out)
  said=$(grep -m1 'assertion violated (' pan.out || true)
  if [[ -n $mutant ]]; then
    [[ -n $said ]] || fail "$model $options passes with mutant_$mutant: $states states"
    printf '%s %s: mutant_%s is noticed after %s states\n' "$model" "$options" "$mutant" "$states"
    continue
  fi
  if ! grep -q 'errors: 0' pan.out; then
    cat pan.out
    [[ ! -f $model.pml.trail ]] || spin -t -p -g "$model.pml" $options 2>&1 | tail -n 300
    fail "$model $options: an assertion is violated; the steps are above"
  fi
  if grep -qE 'Search not completed|depth too small|out of memory|resource limit' pan.out; then
    cat pan.out
    fail "$model $options: not every state was visited"
  fi
  printf '%s %s: %s states, no error, %s s\n' "$model" "$options" "$states" "$seconds"
  # What was not reached: source line and statement. The escapes of atomic steps never are.
  sed -n "s/^\t\([a-z_]*\.[a-z]*:[0-9]*\), state [0-9]*, /\1 /p" pan.out |
    grep -vE '"\(dead\[(me|3)\]\)"|"-end-"' | sort -u >"unreached.now" || true
  if [[ -f unreached ]]; then
    comm -12 unreached unreached.now >both
    mv both unreached
  else
    mv unreached.now unreached
  fi
done
if [[ -z $mutant && -s unreached ]]; then
  # A use of an inline may well reach only a part of it.
  inlines=$(awk '/^inline/ { inside = 1 } inside { print FNR } /^}/ { inside = 0 }' "$model.pml")
  bad=
  while IFS= read -r entry; do
    place=${entry%% *}
    [[ $place == "$model.pml:"* ]] || continue
    grep -qx "${place#*:}" <<<"$inlines" && continue
    # Nested inlines are given the wrong file: their text does not stand in that line.
    statement=${entry#* \"}
    sed -n "${place#*:}p" "$model.pml" | grep -qF -- "${statement%%[^a-z_]*}" || continue
    printf '%s\n' "$entry"
    bad=1
  done <unreached
  [[ -z $bad ]] || fail "$model: statements above are never reached"
fi
