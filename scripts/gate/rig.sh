# shellcheck shell=bash
# End to end: real machines, a real Kubernetes API, real SSH. The site is the gate's own, so that one which is up
# for a person is left alone.

stage_testbed() {
	need_testbed
	scripts/testbed build --size tiny
	scripts/testbed build --size three # the same programs, on more disks
}

# The scenarios of the gate: the main job, day one, death at every boundary of the ledger, a full disk, a blackout.
# The others are in --full: each passes, but together they have not yet run often enough to stop a change.
RIG_CORE=(day_one startup scenarios::tiny::killed disk:: scenarios::tiny::blackout scenarios::every)

stage_rig() { rig tiny "${RIG_CORE[@]}"; }
# A quorum to lose, without Flux above it.
stage_rig_three() { rig three scenarios::three; }
stage_rig_all() { rig tiny --skip scenarios::three --skip scenarios::small --skip scenarios::big --skip figures; }
# With Flux, a jump host and two machines for ananke; and with a quorum and a site that hosts itself.
stage_rig_small() { rig small scenarios::small; }
stage_rig_big() { rig big scenarios::big; }

# Whether the testbed itself does what it says, and leaves nothing behind whatever ends it.
stage_bed_small() { bed_check small; }
stage_bed_big() { bed_check big; }
bed_check() { # SIZE
	need_testbed
	# Both look at ananke on the machines, and take the program that is there.
	"$CARGO" build --locked
	CARGO_TARGET_DIR=$(target_folder)
	export CARGO_TARGET_DIR TESTBED_DIR=${GATE_TESTBED_DIR:-/var/lib/ananke-testbed-gate}
	scripts/testbed wipe || true # what an earlier run left behind when it was killed
	tests/testbed/check "$1"
}

# What the daemon and its status cost: the program as it is released, beside kubectl on the same machines.
stage_figures() {
	"$CARGO" build --locked --release
	ANANKE_PROGRAM=$(target_folder)/release/ananke
	export ANANKE_PROGRAM
	rig tiny figures
}
target_folder() {
	"$CARGO" metadata --locked --offline --no-deps --format-version 1 |
		python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])'
}

# rig SIZE [NAME...]: the scenarios whose names contain one of these, on a site of the gate's own.
rig() {
	local names size=$1
	shift
	need_testbed
	names=$(targets test)
	grep -qx e2e <<<"$names" || { echo "there is no tests/e2e: the end-to-end tests are missing"; return 1; }
	export TESTBED_DIR=${GATE_TESTBED_DIR:-/var/lib/ananke-testbed-gate}
	trap 'rig_end $?' EXIT
	trap 'exit 143' TERM
	scripts/testbed wipe || true # what an earlier run left behind when it was killed
	scripts/testbed up --size "$size"
	"$CARGO" test "${WITH[@]}" --test e2e -- --test-threads=1 "$@"
}

need_testbed() {
	[[ -x scripts/testbed ]] || { echo "there is no scripts/testbed: the end-to-end tests can't run"; return 1; }
}

# After a failure the machines' own words first: nothing of them is left afterwards.
rig_end() {
	local node
	trap - EXIT
	if (($1 != 0)); then
		scripts/testbed status || true
		for node in $(scripts/testbed env --json | python3 -c 'import json, sys
facts = json.load(sys.stdin)
print(*facts["servers"], *facts["agents"], *facts["hosts"])' || true); do
			echo "--- journal of $node"
			scripts/testbed logs "$node" -n 100 --no-pager || true
		done
	fi
	scripts/testbed wipe || true
	exit "$1"
}
