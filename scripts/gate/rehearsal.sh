#!/usr/bin/env bash
# One scenario over sockets, by the program as it is released: one line if it ends as the list says, all that it said
# if it does not.
#
# usage: rehearsal.sh PROGRAM NAME RESULT
set -euo pipefail

# The longest lasts an hour of the site, ten times as fast as life; a machine under load is slower.
LIMIT=1200

program=$1 name=$2 wanted=$3
began=$SECONDS status=0 result=''
said=$(mktemp)
trap 'rm -f "$said" "$said.err"' EXIT

# In the foreground, so that whoever ends the stage ends this too.
timeout --foreground --kill-after=10 "$LIMIT" "$program" rehearse "$name" -o json >"$said" 2>"$said.err" || status=$?
result=$(jq -r .result "$said" 2>/dev/null) || true
# A script that looks at the exit code only must not take what is not built for a success.
code=1
[[ $wanted != passed ]] || code=0
if [[ $result == "$wanted" ]] && ((status == code)); then
	printf 'rehearsed %-26s %-10s %4d s\n' "$name" "$result" $((SECONDS - began))
else
	printf 'FAILED    %-26s %s and exit code %d instead of %s and %d, after %d s\n' \
		"$name" "${result:-no result}" "$status" "$wanted" "$code" $((SECONDS - began))
	sed 's/^/          /' "$said" "$said.err"
	exit 1
fi
