# shellcheck shell=bash
# Everything that runs ananke on this machine. The end-to-end tests are in rig.sh.

# Test binaries with a stage of their own.
OWN_STAGE='real e2e'

# With the places at which a test lets the process die, as the end-to-end tests want it: all binaries from one build.
WITH=(--locked --features failpoints)

# The gate tries the same random cases each time, so that what fails is what was changed. --full draws new ones.
export PROPTEST_RNG_SEED=20251130

stage_build() { "$CARGO" test "${WITH[@]}" --no-run --lib --bins --tests; }
stage_unit() { "$CARGO" test "${WITH[@]}" --lib --bins; }
stage_pure() { "$CARGO" test --locked --no-default-features --lib; }

# All others, found in the manifest: a new test binary is run without a line here.
stage_tests() {
	local name names
	names=$(targets test)
	for name in $names; do
		case " $OWN_STAGE " in
		*" $name "*) ;;
		*) "$CARGO" test "${WITH[@]}" --test "$name" ;;
		esac
	done
}

# New stories for the decision, and new cases for the parsers, each time.
stage_random() {
	local round
	unset PROPTEST_RNG_SEED
	for round in 1 2 3 4 5; do
		echo "round $round"
		"$CARGO" test "${WITH[@]}" --test decide random::
	done
	stage_unit
}

stage_real() { "$CARGO" test "${WITH[@]}" --test real; }

stage_repeat() {
	local round
	for round in 1 2 3 4 5; do
		echo "round $round"
		stage_unit
		stage_real
	done
}

stage_bench() {
	local bench benches
	benches=$(targets bench)
	[[ -n $benches ]] || { echo "there are no benchmarks yet"; return 1; }
	for bench in $benches; do
		# Each reads its own arguments: the one of fates lives 1,000 of them twice only if it is told to.
		case $bench in
		schedules) "$CARGO" bench --locked --bench "$bench" -- --full ;;
		*) "$CARGO" bench --locked --bench "$bench" ;;
		esac
	done
}

# Every scenario that is shipped, over sockets and by the program as it is released: each has to end as the list says.
# Two at a time, since one leaves half of the processor idle. A failure does not keep the others from running.
stage_rehearsals() {
	local program list
	command -v jq >/dev/null || { echo "jq is missing: the stage setup installs it (apt-get install jq)"; return 1; }
	"$CARGO" build --locked --release
	program=$(release_program)
	list=$("$program" -o json rehearse --list)
	list=$(jq -r '.[] | .name + " " + (if .needs == [] then "passed" else "not-built" end)' <<<"$list")
	[[ -n $list ]] || { echo "the list of scenarios is empty"; return 1; }
	echo "running $(wc -l <<<"$list") scenarios"
	xargs --max-args=2 --max-procs=2 scripts/gate/rehearsal.sh "$program" <<<"$list"
}

# targets KIND: their names.
targets() {
	"$CARGO" metadata --locked --offline --no-deps --format-version 1 |
		python3 -c 'import json, sys
for package in json.load(sys.stdin)["packages"]:
    for target in package["targets"]:
        if sys.argv[1] in target["kind"]:
            print(target["name"])' "$1"
}
