# shellcheck shell=bash
# Every machine has a cgroup of its own in every hierarchy, else the systemds of all machines share one tree and fight
# over it. It also says for sure which processes belong to the site, and it can freeze a machine.

cgroup_hierarchies() {
	local h
	if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
		echo /sys/fs/cgroup
	else
		for h in /sys/fs/cgroup/*/; do [[ -e ${h}cgroup.procs ]] && echo "${h%/}"; done
	fi
}

# cgroup_enter NAME: moves the calling shell.
cgroup_enter() {
	local h dir
	while read -r h; do
		dir=$h/$SITE/$1
		mkdir -p "$dir"
		if [[ -e $h/cpuset.cpus ]]; then # empty at birth, and nothing may enter until they are set
			cat "$h/cpuset.cpus" >"$h/$SITE/cpuset.cpus"
			cat "$h/cpuset.mems" >"$h/$SITE/cpuset.mems"
			cat "$h/cpuset.cpus" >"$dir/cpuset.cpus"
			cat "$h/cpuset.mems" >"$dir/cpuset.mems"
		fi
		echo "$BASHPID" >"$dir/cgroup.procs"
	done < <(cgroup_hierarchies)
}

# cgroup_sweep NAME: what a machine left below its own cgroup. A real machine has none after a power cut, and the
# kubelet would spend 3 s on each stale one.
cgroup_sweep() {
	local h
	while read -r h; do
		[[ ! -d $h/$SITE/$1 ]] || find "$h/$SITE/$1" -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null || true
	done < <(cgroup_hierarchies)
}

# cgroup_pids [NAME]: every process of the site, or of one machine, whoever started it.
cgroup_pids() {
	local h file
	while read -r h; do
		[[ -d $h/$SITE/${1:-} ]] || continue
		while read -r file; do cat "$file" 2>/dev/null || true; done < <(find "$h/$SITE/${1:-}" -name cgroup.procs)
	done < <(cgroup_hierarchies) | sort -un
}
# cgroup_kill [NAME]: ends those, and waits for it. The kernel is still unmounting when the first have gone.
cgroup_kill() {
	[[ -n $(cgroup_pids "$@") ]] || return 0
	wait_for "$SOON" "the processes of $SITE ${1:-} to end" cgroup_killed "$@" || true
}
cgroup_killed() {
	local pid pids
	pids=$(cgroup_pids "$@")
	[[ -n $pids ]] || return 0
	for pid in $pids; do kill -KILL "$pid" 2>/dev/null || true; done
	return 1
}

cgroup_freeze() { # NAME FROZEN|THAWED
	local v1=/sys/fs/cgroup/freezer/$SITE/$1/freezer.state v2=/sys/fs/cgroup/$SITE/$1/cgroup.freeze
	if [[ -e $v1 ]]; then
		echo "$2" >"$v1"
	elif [[ -e $v2 ]]; then
		if [[ $2 == FROZEN ]]; then echo 1 >"$v2"; else echo 0 >"$v2"; fi
	fi
}
cgroup_frozen() { # NAME
	local state
	state=$(cat "/sys/fs/cgroup/freezer/$SITE/$1/freezer.state" "/sys/fs/cgroup/$SITE/$1/cgroup.freeze" 2>/dev/null) || true
	[[ $state == FROZEN || $state == FREEZING || $state == 1 ]]
}

cgroups_remove() {
	local h
	while read -r h; do
		[[ ! -d $h/$SITE ]] || find "$h/$SITE" -depth -type d -exec rmdir {} + 2>/dev/null || true
	done < <(cgroup_hierarchies)
}
