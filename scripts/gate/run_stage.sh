# shellcheck shell=bash
# Runs one stage: in a session of its own, with a log, a clock and an end.

# How long a stage that was told to end may clean up (the testbed ends its machines) before it is killed, in seconds.
GRACE=60
STAGE_PID=

# run_stage NAME SECONDS: its exit status; 124 if it was still running after SECONDS. Output goes to LOG.
run_stage() {
	local deadline=$((SECONDS + $2)) status=0 log=$LOGS/$1.log
	# A session, so that the stage can be ended as a whole and Ctrl-C reaches only the gate, which does that.
	setsid scripts/gate/stage.sh "$1" </dev/null >"$log" 2>&1 &
	STAGE_PID=$!
	[[ -z $VERBOSE ]] || follow "$log"
	while kill -0 "$STAGE_PID" 2>/dev/null; do
		if ((SECONDS >= deadline)); then
			echo "gate: still running after $2 s, ended" >>"$log"
			end_stage
			return 124
		fi
		sleep 0.2
	done
	wait "$STAGE_PID" || status=$?
	STAGE_PID=
	return "$status"
}

# Ends the stage and everything it started: its process group, first politely.
end_stage() {
	local group=$STAGE_PID limit=$((SECONDS + GRACE))
	[[ -n $group ]] || return 0
	STAGE_PID=
	kill -TERM -- "-$group" 2>/dev/null || true
	while kill -0 -- "-$group" 2>/dev/null && ((SECONDS < limit)); do sleep 0.2; done
	kill -KILL -- "-$group" 2>/dev/null || true
	wait "$group" 2>/dev/null || true
}

# Shows a log while it grows; ends with the stage.
follow() { tail -n +1 -F --pid="$STAGE_PID" "$1" 2>/dev/null & }

# count WORD: the sum over all test results so far ("passed" or "failed").
count() {
	sed -n "s/^test result: .* \([0-9]\+\) $1;.*/\1/p" "$LOGS"/*.log 2>/dev/null | awk '{ n += $1 } END { print n + 0 }'
}
