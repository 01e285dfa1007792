# shellcheck shell=bash
# The gate's own test: a gate that lets a failure through is worse than none.

stage_gate() {
	# shellcheck source=scripts/gate/run_stage.sh
	. scripts/gate/run_stage.sh
	VERBOSE=''
	LOGS=$(mktemp -d)
	# shellcheck disable=SC2064 # the folder is known now
	trap "rm -rf '$LOGS'" EXIT

	expect 0 sample-passes 10
	expect 1 sample-fails-first 10
	expect 1 sample-fails-inside 10
	expect 127 no-such-stage 10
	expect 124 sample-hangs 1
	sample_children_ended || { echo "what a hanging stage had started went on"; return 1; }

	printf 'test result: %s\n' 'ok. 3 passed; 0 failed; 0 ignored' 'FAILED. 4 passed; 2 failed; 0 ignored' \
		>"$LOGS/sample.log"
	[[ "$(count passed) $(count failed)" == '7 2' ]] || { echo "test results are added up wrongly"; return 1; }
}

# expect STATUS STAGE SECONDS
expect() {
	local status=0
	run_stage "$2" "$3" || status=$?
	((status == $1)) || { echo "stage $2 ended with $status, not with $1"; exit 1; }
}

stage_sample_passes() { true; }
# shellcheck disable=SC2317 # that it is not reached is what is tested
stage_sample_fails_first() { false; true; }
stage_sample_fails_inside() { local found; found=$(false); echo "$found"; }
stage_sample_hangs() { sleep 1001 & echo $!; sleep 1001; }

sample_children_ended() {
	local child
	read -r child <"$LOGS/sample-hangs.log"
	! kill -0 "$child" 2>/dev/null
}
