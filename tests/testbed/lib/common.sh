# shellcheck shell=bash
# Words that every other piece uses: messages, processes by pid, locks.

say() { echo "testbed: $*" >&2; }
die() { echo "testbed: $*" >&2; exit 1; }
# Something the person has to change first (not root, Go missing, a wrong word): exit code 2.
refuse() { echo "testbed: $*" >&2; exit 2; }

need_root() {
	[[ $EUID -eq 0 ]] || refuse "must be run as root: it makes network namespaces, mounts and cgroups (try: sudo scripts/testbed $*)"
}

# Within so many seconds a process starts and writes its number, also on a computer that compiles with all its cores.
SOON=60

# A pid file holds "PID STARTTIME": the start time tells our process from a later one that got the same number.
proc_start() {
	local stat
	stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	stat=${stat##*) } # the name before it may contain blanks
	[[ $stat != Z* ]] || return 1 # dead, only not yet collected by its parent
	cut -d' ' -f20 <<<"$stat"
}
pid_write() { echo "$2 $(proc_start "$2")" >"$1.new" && mv "$1.new" "$1"; }
# pid_of FILE: prints the pid if that process is still there.
pid_of() {
	local pid start
	[[ -r $1 ]] && read -r pid start <"$1" && [[ -n ${start:-} && $(proc_start "$pid") == "$start" ]] || return 1
	echo "$pid"
}

# proc_children PID: the direct children.
proc_children() { cat "/proc/$1/task/$1/children" 2>/dev/null || true; }

# wait_for SECONDS WHAT COMMAND...: polls gently; fails with a sentence that names what did not come.
wait_for() {
	local limit=$((SECONDS + $1)) what=$2
	shift 2
	until "$@"; do
		((SECONDS < limit)) || { say "waited in vain for: $what"; return 1; }
		sleep 0.2
	done
}

# One command at a time may change a site. The lock is let go when the process ends, however it ends; what runs on
# in the background is started with descriptor 9 closed, else it would hold the lock for as long as it lives.
site_lock() {
	mkdir -p "$TESTBED_DIR"
	exec 9>"$TESTBED_DIR/lock"
	flock -w 300 9 || die "another testbed command has held $TESTBED_DIR/lock for five minutes"
}
cache_lock() {
	mkdir -p "$TESTBED_CACHE"
	exec 8>"$TESTBED_CACHE/lock"
	flock -n 8 || { say "another build is running, waiting for it"; flock 8; }
}

# contained COMMAND...: a process tree and mounts that end with this script, however it ends: the kernel kills the
# whole process namespace with its first process, and drops the mounts. To be run with & and waited for, because a
# first process does not hear Ctrl-C.
contained() {
	exec setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child=KILL --mount-proc "$@"
}

# background NAME COMMAND...: a process of the site beside the machines (upsd, a load balancer). It gets a cgroup of
# its own, so that `down` finds it even when this script was killed before it could write the pid.
background() {
	local name=$1
	shift
	pid_of "$RUN/$name.pid" >/dev/null && return
	rm -f "$RUN/$name.pid"
	(
		exec 9>&- 8>&-
		cgroup_enter host
		pid_write "$RUN/$name.pid" "$BASHPID"
		exec setsid "$@" </dev/null >>"$RUN/$name.log" 2>&1
	) &
	wait_for "$SOON" "$name to start" test -s "$RUN/$name.pid"
}
background_end() {
	local pid
	if pid=$(pid_of "$RUN/$1.pid"); then
		kill "${2:--TERM}" "$pid" 2>/dev/null || true
		wait_for 10 "$1 to end" process_gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
	fi
	rm -f "$RUN/$1.pid"
}
process_gone() { ! proc_start "$1" >/dev/null; }
