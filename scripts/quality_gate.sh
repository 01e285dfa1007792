#!/usr/bin/env bash
# The test command: everything that has to hold before a change lands. See tests/README.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=scripts/gate/table.sh
. scripts/gate/table.sh
# shellcheck source=scripts/gate/run_stage.sh
. scripts/gate/run_stage.sh

usage() {
	cat <<-'END'
		usage: scripts/quality_gate.sh [--host | --full] [--only STAGE]... [--keep-going] [--verbose] [--list]

		  (nothing)      everything that has to pass; as root on Debian it installs what it lacks
		  --host         without root and without effects on this machine: for a host that guards a cluster
		  --full         and what takes longer: repetitions, benchmarks, all rehearsals
		  --only STAGE   this stage, whatever the mode (again for more of them)
		  --keep-going   go on behind a stage that failed
		  --verbose      show all output while it comes, not only at failure
		  --list         the stages with their budgets

		CARGO (default cargo) and CARGO_TARGET_DIR (default target) are used if set.
	END
}

main() {
	local name status=0
	parse "$@"
	WORK=$(readlink -m "${CARGO_TARGET_DIR:-target}")/gate
	LOGS=$WORK/logs
	# What the stages read.
	export MODE CARGO=${CARGO:-cargo} TOOLS=$WORK/tools
	export CI=true CARGO_TERM_COLOR=never CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-0} INSTA_UPDATE=no
	# Nobody debugs what the gate builds: without line tables it compiles and links in less time.
	export CARGO_PROFILE_DEV_DEBUG=${CARGO_PROFILE_DEV_DEBUG:-0}
	mkdir -p "$LOGS"
	rm -f "$LOGS"/*.log
	trap 'interrupted 130' INT
	trap 'interrupted 143' TERM HUP

	SUMMARY=()
	for name in "${CHOSEN[@]}"; do
		one "$name" && continue
		status=1
		[[ -n $KEEP_GOING ]] || break
	done
	finish "$status"
}

parse() {
	local only=()
	MODE=default KEEP_GOING='' VERBOSE=''
	while (($#)); do
		case $1 in
		--host | --full) MODE=${1#--} ;;
		--only)
			stage_row "${2:-}" >/dev/null || { echo "no such stage: '${2:-}' (see --list)" >&2; exit 2; }
			only+=("$2")
			shift
			;;
		--keep-going) KEEP_GOING=1 ;;
		--verbose) VERBOSE=1 ;;
		--list) list; exit ;;
		-h | --help) usage; exit ;;
		*) usage >&2; exit 2 ;;
		esac
		shift
	done
	mapfile -t CHOSEN < <(stages_of "$MODE")
	SCOPE="the whole gate"
	[[ $MODE != host ]] || SCOPE="the short gate (--host: nothing against real parts, no end-to-end test)"
	((${#only[@]} == 0)) || { CHOSEN=("${only[@]}"); SCOPE="only ${only[*]}"; }
}

list() {
	stage_rows
	stage_rows | awk -v limit="$TOTAL_BUDGET" '$3 != "full" { sum += $2 }
		END { printf "without --full: %d s of at most %d s\n", sum, limit }'
}

# One stage: run it, print its time against its budget and, if it failed, all that it said.
one() {
	local name=$1 budget what started=$SECONDS status=0 used verdict
	read -r budget what < <(stage_row "$name")
	printf '== %-12s %s\n' "$name" "$what"
	run_stage "$name" "$(time_left)" || status=$?
	used=$((SECONDS - started))
	verdict=ok
	((used <= budget)) || verdict="ok, over its budget"
	((status == 0)) || verdict="FAILED ($status)"
	if ((status != 0)) && [[ -z $VERBOSE ]]; then
		cat "$LOGS/$name.log"
	elif [[ -z $VERBOSE ]]; then
		grep -E '^( +Running |running |rehearsed |test result: |note: )' "$LOGS/$name.log" || true
	fi
	SUMMARY+=("$(printf '%-12s %5d s of %5d s  %s' "$name" "$used" "$budget" "$verdict")")
	printf '   %s\n\n' "${SUMMARY[-1]}"
	((status == 0))
}

# A hanging stage ends with the whole gate's budget. --full has no budget; there an hour is enough for any stage.
time_left() {
	if [[ $MODE == full ]]; then
		echo 3600
	else
		echo $((TOTAL_BUDGET > SECONDS ? TOTAL_BUDGET - SECONDS : 0))
	fi
}

finish() {
	local status=$1 passed failed
	passed=$(count passed)
	failed=$(count failed)
	echo "== summary"
	printf '   %s\n' "${SUMMARY[@]}"
	echo "   $SECONDS s in all, budget $TOTAL_BUDGET s, logs in $LOGS"
	if [[ $MODE != full ]] && ((SECONDS > TOTAL_BUDGET)); then
		echo "   FAILED: the whole gate took longer than its budget"
		status=1
	fi
	if ((passed == 0)) && compgen -G "$LOGS/unit.log" >/dev/null; then
		echo "   FAILED: no test was run"
		status=1
	fi
	if ((status == 0)); then echo "   PASSED: $SCOPE"; else echo "   FAILED: $SCOPE"; fi
	echo "$passed passed, $failed failed"
	exit "$status"
}

# shellcheck disable=SC2317 # called by the traps
interrupted() {
	trap '' INT TERM HUP
	echo "gate: interrupted, ending what was started" >&2
	end_stage
	exit "$1"
}

main "$@"
