#!/usr/bin/env bash
# Usage: instructions.sh count PROGRAM          prints `operation instructions` lines
#        instructions.sh check PROGRAM FILE     fails when one of them has grown by more than a tenth
#
# PROGRAM is hawser_operations of the release preset, run under valgrind --tool=callgrind.
set -euo pipefail

times=2000  # as in operations.cpp
what=$1 program=$2

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

count() {
  local dump
  if ! valgrind -q --tool=callgrind --callgrind-out-file="$directory/dump" "$program" \
    >"$directory/said" 2>&1; then
    cat "$directory/said" >&2
    exit 1
  fi
  for dump in $(printf '%s\n' "$directory"/dump.* | sort -V); do
    sed -n -e 's/^desc: Trigger: Client Request: //p' -e 's/^totals: //p' "$dump" | paste - -
  done | awk -v times="$times" '{ printf "%s %d\n", $1, ($2 + times / 2) / times }'
}

case $what in
  count) count ;;
  check)
    count | awk -v file="$3" '
      BEGIN {
        while ((getline line < file) > 0)
          if (line !~ /^#/ && split(line, word, " ") == 2) { known[word[1]] = word[2]; ++left }
        if (left == 0) { print "nothing to compare with in " file; exit failed = 1 }
      }
      {
        if (!($1 in known)) { print $1 ": not in " file; failed = 1; next }
        verdict = "as before"
        if ($2 > known[$1] * 1.1) { verdict = "GROWN by more than a tenth"; failed = 1 }
        printf "%s %d, %d in %s: %s\n", $1, $2, known[$1], file, verdict
        delete known[$1]
      }
      END {
        for (operation in known) { print operation ": no longer counted, but in " file; failed = 1 }
        if (failed) print "If that has to be: tools/bench --instructions writes the file anew."
        exit failed
      }'
    ;;
  *) exit 2 ;;
esac
