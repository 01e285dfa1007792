# shellcheck shell=bash disable=SC2317 # the checks are called by name
# Whatever ends it, nothing is left: processes, mounts, namespaces, cgroups.

# Everything outside its folder that belongs to this site, in every mount namespace.
leftovers() {
	local namespace
	namespace=$(site_namespace)
	grep -sF -e "$TESTBED_DIR/" -e "$namespace-" /proc/[0-9]*/mountinfo | sed 's/^/mount: /' | head -n 20 || true
	find /run/netns -name "$namespace" -o -name "$namespace-*" 2>/dev/null || true
	find /sys/fs/cgroup -maxdepth 3 -type d -name "$namespace" || true
	# Those that name the folder, except this check and what waits in it.
	pgrep -af -- "$TESTBED_DIR/|$namespace-" | grep -v "^$$ " || true
	# The one setting of this computer: it stays while any site runs.
	compgen -G '/run/netns/rig*' >/dev/null || ls /run/ananke-testbed.inotify 2>/dev/null || true
}
nothing_left_running() {
	local left
	left=$(leftovers)
	[[ -z $left ]] || { echo "left behind:"; echo "$left"; return 1; }
}
goes_down() {
	bed down
	nothing_left_running
	bed up
}
# up_then SIGNAL SECONDS: starts `up` in a process group of its own, as a terminal does, and ends it. Ctrl-C goes to
# the whole group, a kill to one process.
up_then() {
	local pid
	env --default-signal=INT setsid "$HERE/../../scripts/testbed" up 2>/dev/null &
	pid=$!
	sleep "$2"
	case $1 in
	INT) kill -INT -- "-$pid" ;;
	*) kill "-$1" "$pid" ;;
	esac 2>/dev/null || true
	wait "$pid" || true
}
killed_half_way() {
	local at
	for at in 0.3 1.5 4; do
		bed down
		up_then KILL "$at"
	done
	bed up
}
interrupted() { # SIGNAL
	local at
	for at in 0.3 1.5 6; do
		bed down
		up_then "$1" "$at"
		nothing_left_running || { echo "after $at s"; return 1; }
	done
}
supervisor_pid() { cut -d' ' -f1 "$TESTBED_DIR/machines/$1/pid"; }
# Nobody looks after the machine then. Both commands know what to do with it.
supervisor_killed() {
	local before
	before=$(boot_id w-1)
	kill -KILL "$(supervisor_pid w-1)"
	within 10 is_off w-1
	bed node-on w-1
	within 60 fresh w-1
	[[ $(boot_id w-1) != "$before" ]]
	kill -KILL "$(supervisor_pid w-1)"
	bed node-cut w-1
	within 10 not bed exec timeout 2 bash -c '</dev/tcp/10.77.0.21/2277'
	bed node-on w-1
	within 60 fresh w-1
}

# A cache of its own, in which only what costs little is missing: the rest is linked from the real one.
half_built() {
	local real=${TESTBED_CACHE:-/var/cache/ananke-testbed} cache=$TESTBED_DIR.cache entry pid
	rm -rf "$cache"
	mkdir -p "$cache/bin"
	for entry in "$real"/base-* "$real"/crds-* "$real"/go-build "$real"/go-mod "$real"/go-src; do ln -s "$entry" "$cache/"; done
	for entry in "$real"/bin/*; do [[ $entry == */rigtools-* ]] || ln -s "$entry" "$cache/bin/"; done
	# What a build that was killed leaves: parts under other names.
	echo half >"$cache/bin/rigtools-00000000.new"
	mkdir -p "$cache/images-tiny-00000000.new/node"
	export TESTBED_CACHE=$cache
	# Killed in the middle: what it had started goes with it, and the next one goes on.
	"$HERE/../../scripts/testbed" build --size tiny 2>/dev/null &
	pid=$!
	sleep 1
	kill -KILL "$pid"
	wait "$pid" || true
	within 5 not pgrep -f "testbed _build"
	within 5 not grep -qsF "$cache" /proc/[0-9]*/mountinfo
	bed build --size tiny
	[[ -n $(find "$cache/bin" -name 'rigtools-*' ! -name '*.new' -size +1M) ]]
	[[ -s $(find "$cache" -name pause.tar | head -n 1) ]]
	rm -rf "$cache"
}
# Two folders are two sites. They share this computer, and nothing else.
side_by_side() {
	local first second=$TESTBED_DIR-beside
	first=$(boot_id w-1)
	TESTBED_DIR=$second bed up --size tiny
	[[ $(TESTBED_DIR=$second bed ssh w-1 cat /proc/sys/kernel/random/boot_id) != "$first" ]]
	TESTBED_DIR=$second bed node-cut w-1
	[[ $(boot_id w-1) == "$first" ]]
	TESTBED_DIR=$second bed wipe
	[[ ! -e $second && $(boot_id w-1) == "$first" ]]
	ready w-1
}
# What has a site's name and was not made by it is neither used nor removed.
foreign_namespace() {
	local dir name out rc=0
	dir=$(readlink -m "$TESTBED_DIR-foreign")
	name=rig$(sha256sum <<<"$dir" | cut -c1-4)
	ip netns add "$name"
	# shellcheck disable=SC2064 # both are known now
	trap "ip netns del $name; rm -rf --one-file-system '$dir'" EXIT
	out=$(TESTBED_DIR=$dir bed up --size tiny 2>&1) || rc=$?
	[[ $rc == 2 && $out == *"$name"*"another TESTBED_DIR"* ]] || { echo "$rc: $out"; return 1; }
	TESTBED_DIR=$dir bed down
	TESTBED_DIR=$dir bed wipe
	[[ -e /run/netns/$name && ! -e $dir ]]
}
nothing_left() {
	bed wipe
	[[ ! -e $TESTBED_DIR ]] || { ls -la "$TESTBED_DIR"; return 1; }
	nothing_left_running
}
