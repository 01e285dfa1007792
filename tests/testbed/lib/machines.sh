# shellcheck shell=bash
# Machines: systemd-nspawn with a real systemd, one supervisor process each, which plays the mains: while it runs, the
# machine is on or booting; when it ends, the machine is off and its cable is out.

supervisor_pid() { pid_of "$TESTBED_DIR/machines/$1/pid"; }
machine_is_on() { supervisor_pid "$1" >/dev/null; }
machine_is_off() { ! machine_is_on "$1"; }

# machine_leader NAME: PID 1 of the machine as seen from here.
machine_leader() {
	local supervisor nspawn child
	supervisor=$(supervisor_pid "$1") || return 1
	for nspawn in $(proc_children "$supervisor"); do
		[[ $(cat "/proc/$nspawn/comm" 2>/dev/null) == systemd-nspawn ]] || continue
		for child in $(proc_children "$nspawn"); do echo "$child" && return; done
	done
	return 1
}

# Two at once (a person and a Wake-on-LAN packet) must not start two supervisors.
machine_on() {
	local name=$1 dir=$TESTBED_DIR/machines/$1
	[[ -e $dir/complete ]] || die "$name has no disk: scripts/testbed up makes it"
	exec 7>"$dir/lock"
	flock -w "$SOON" 7 || die "$name is being powered on by somebody else, for a minute now"
	if machine_is_off "$name"; then
		rm -f "$dir/pid"
		cgroup_kill "$name" # what a supervisor that was killed left
		# A mount namespace of its own: the machine's disk is then unmounted by the kernel when the supervisor ends,
		# however it ends.
		setsid unshare --mount --propagation slave "$SELF" _machine "$name" </dev/null >>"$dir/console.log" 2>&1 \
			7>&- 8>&- 9>&- &
		wait_for "$SOON" "the supervisor of $name" test -s "$dir/pid"
	fi
	exec 7>&-
}

# The supervisor itself. `reboot` inside makes nspawn end with 133, and it is started again; anything else is off.
machine_supervise() {
	local name=$1 dir=$TESTBED_DIR/machines/$1 rc=0
	cgroup_enter "$name"
	pid_write "$dir/pid" "$BASHPID"
	mount -t overlay -o "lowerdir=$(base_path),upperdir=$dir/disk,workdir=$dir/work" "$SITE-$name" "$dir/root"
	network_link "$name" up
	while :; do
		cgroup_sweep "$name"
		rc=0
		machine_boot "$name" "$dir" || rc=$?
		[[ $rc == 133 ]] || break
	done
	network_link "$name" down || true
	umount "$dir/root" || true
	cgroup_sweep "$name"
	rm -f "$dir/pid"
}

machine_boot() {
	local name=$1 dir=$2 options=()
	if is_node "$name"; then
		# What a container runtime needs from the machine it runs on.
		options+=(--capability=all --system-call-filter='@keyring bpf' --bind=/dev/kmsg
			--bind="$dir/containerd:/var/lib/containerd" --bind="$dir/kubelet:/var/lib/kubelet"
			--bind-ro="$TESTBED_DIR/images:/opt/rig/images")
		export SYSTEMD_NSPAWN_API_VFS_WRITABLE=1
	else
		options+=(--system-call-filter=@memlock) # any process of a real machine may lock its keys in memory
	fi
	systemd-nspawn -q --boot --register=no --keep-unit --network-namespace-path="/run/netns/$(netns_of "$name")" \
		--machine="$SITE-$name" --hostname="$name" --directory="$dir/root" --resolv-conf=off --timezone=off \
		--link-journal=no --bind-ro="$TESTBED_DIR/bin:/opt/rig/bin" "${options[@]}" --console=pipe </dev/null
}

# The power goes: everything in the machine dies at once. (For processes, that is: what was not yet synced to disk
# survives, because the page cache is this computer's.)
machine_cut() {
	local name=$1 pid leader tries
	for ((tries = 0; tries < 100; tries++)); do
		pid=$(supervisor_pid "$name") || break
		if leader=$(machine_leader "$name"); then kill -KILL "$leader" 2>/dev/null || true; fi
		# A frozen process dies when it is thawed.
		cgroup_freeze "$name" THAWED
		if ((tries == 90)); then
			say "$name: still there after 18 s, ending its supervisor"
			kill -KILL "$pid" 2>/dev/null || true
		fi
		sleep 0.2
	done
	cgroup_kill "$name"
	network_link "$name" down 2>/dev/null || true
}

# All at once. Waits for these only: `up` has other children, which stay.
machines_cut() {
	local name pids=()
	for name in "$@"; do
		machine_cut "$name" &
		pids+=("$!")
	done
	((${#pids[@]} == 0)) || wait "${pids[@]}"
}

ssh_answers() { in_site timeout 2 bash -c "</dev/tcp/${IP[$1]}/$SSH_PORT" 2>/dev/null; }

cmd_node_on() {
	local name
	for name in "$@"; do
		need_machine "$name"
		need_power "$name"
	done
	for name in "$@"; do machine_on "$name"; done
}
cmd_node_cut() {
	local name
	for name in "$@"; do need_machine "$name"; done
	machines_cut "$@"
}
# One a line. A machine that goes down is on until its last process has ended.
cmd_powered() {
	local name
	need_site
	for name in "${MACHINES[@]}"; do machine_is_off "$name" || echo "$name"; done
}
cmd_node_freeze() { need_machine "$1" && cgroup_freeze "$1" FROZEN; }
cmd_node_thaw() { need_machine "$1" && cgroup_freeze "$1" THAWED; }
# node-net up|down NODE, in either order.
cmd_node_net() {
	case $1 in up | down) set -- "$2" "$1" ;; esac
	need_machine "$1"
	[[ ${2:-} == up || ${2:-} == down ]] || refuse "usage: testbed node-net up|down NODE"
	network_link "$1" "$2"
}
