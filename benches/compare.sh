#!/usr/bin/env bash
# compare.sh COMMITTED FOUND: two files of lines that end in a count. Prints both; fails where a count
# is more than 1 % above the committed one, or where the files have other rows.
set -euo pipefail
awk '{ count = $NF; sub(/ [^ ]*$/, "") }
     NR == FNR { committed[$0] = count; next }
     !($0 in committed) { printf "error: %s is not in %s\n", $0, ARGV[1]; failed = 1; next }
     { was = committed[$0]; change = was ? 100 * (count / was - 1) : 100 * (count > 0); failed += change > 1
       printf "%-50s %12d %12d %+7.2f %%%s\n", $0, was, count, change, (change > 1 ? "  MORE" : "")
       delete committed[$0] }
     END { for (row in committed) { printf "error: %s was not counted\n", row; failed = 1 }
           exit failed > 0 }' "$1" "$2"
