# shellcheck shell=bash
# The stages in their order, each with its budget in seconds: measured cold on 2 cores, with room to spare.
# Read by scripts/quality_gate.sh; a stage NAME is the function stage_NAME (with _ for -).

# The whole gate is to end below 75 minutes, cold, on 2 cores. The budgets below are more: they give set-up and Go builds
# 18 minutes, cargo 28, tests with the simulated site 16, real parts 5 and end-to-end 11, each with room to spare. A stage
# over its budget is only marked: what fails the gate is the time of the whole, ten minutes later than it should be, since
# machines differ by more than a stage. What does not fit goes to --full.
# shellcheck disable=SC2034 # read by scripts/quality_gate.sh
TOTAL_BUDGET=5200

#  name        budget  in       what it shows
STAGES='
   gate            10  host     the gate itself: a failing stage fails, a hanging one is ended
   setup          180  host     tools and packages are there, installed where that is allowed
   scripts         15  host     shellcheck finds nothing in any script
   format          15  host     rustfmt would change nothing
   policy          30  host     licences, sources and banned crates of every dependency
   purity          10  host     the pure half has no tokio, kube, russh or hyper in its graph
   clippy         480  host     no warning, all targets
   clippy-pure    120  host     the pure half compiles by itself, without a warning
   docs           120  host     the documentation builds, all links lead somewhere
   generated       30  host     files that are made from others are up to date
   build          900  host     all tests are built
   unit           180  host     unit tests of library and program
   tests          780  host     every other test binary: house rules, decisions, the simulated site
   testbed        900  default  the machines of the testbed are built
   real           300  default  tests against real parts: sshd, dash, sudo, upsd, kube-apiserver, file system
   rig            660  default  end to end on real machines: what must never fail
   pure           300  full     the unit tests of the pure half, built without the shell
   random         600  full     the same with random cases that were never tried before
   rig-three      420  full     end to end on three servers: cold start, one of them short, two of them short
   rig-all       2400  full     every end-to-end scenario of two machines
   rig-small     1200  full     those of a site with Flux, services and a jump host
   rig-big        900  full     those that need three servers with Flux above them
   bed-small     1500  full     the testbed with Flux does what it says and leaves nothing behind
   bed-big       1800  full     the same of the one that hosts itself, with its dead-lock
   repeat         900  full     unit and real tests five times over: none passes by luck
   rehearsals    1800  full     every scenario of the list, over sockets, ends as the list says
   bench         1200  full     benchmarks run and print their figures
   figures       1200  full     the memory of a quiet daemon is flat; status costs less than kubectl
'

# stages_of MODE: the names, in order. A mode has all stages of the smaller ones.
stages_of() {
	local name in
	while read -r name _ in _; do
		case $1:$in in
		*:host | default:default | full:*) echo "$name" ;;
		esac
	done < <(stage_rows)
}
stage_rows() { sed '/^ *$/d' <<<"$STAGES"; }
# stage_row NAME: budget and the words that say what it shows.
stage_row() {
	local name budget what
	while read -r name budget _ what; do
		[[ $name != "$1" ]] || { echo "$budget $what"; return; }
	done < <(stage_rows)
	return 1
}
