# shellcheck shell=bash disable=SC2153
# `up`, `down`, `wipe`, `status`: each may be called in any state, also after one of them was killed half-way.

cmd_up() {
	local size="" started
	started=$(date +%s%N)
	while (($#)); do
		case $1 in
		--size) size=${2:-}; shift 2 ;;
		--size=*) size=${1#*=}; shift ;;
		--keep) KEEP_ON_FAILURE=yes; shift ;;
		*) refuse "up: unknown word $1" ;;
		esac
	done
	if site_exists; then
		[[ -z $size || $size == "$SIZE" ]] ||
			refuse "the site in $TESTBED_DIR is '$SIZE'; for another size: scripts/testbed wipe, or another TESTBED_DIR"
	else
		site_define "${size:-small}"
	fi
	need_free_names # before a build that may take a quarter of an hour
	build_all "$SIZE"
	site_lock
	network_claim
	# What is half up is taken down again, on failure as on Ctrl-C; the disks stay.
	trap 'up_failed' EXIT
	trap 'exit 130' INT TERM HUP
	echo "$SIZE" >"$TESTBED_DIR/size"
	mkdir -p "$RUN" "$TESTBED_DIR/machines"
	host_up
	programs_link
	access_up
	pki_up
	access_kubeconfigs
	network_up
	site_hosts >"$TESTBED_DIR/etc-hosts"
	local name
	for name in "${MACHINES[@]}"; do disk_up "$name"; done
	addresses_up
	for name in "${MACHINES[@]}"; do machine_on "$name"; done
	power_up
	wake_up
	mark "$started" "machines are powered on"
	for name in "${MACHINES[@]}"; do wait_for 120 "SSH on $name" ssh_answers "$name"; done
	mark "$started" "SSH answers on all"
	wait_for 180 "the API" api_ready
	mark "$started" "the API is ready"
	wait_for 180 "all nodes Ready and heard of since their boot" nodes_fresh
	mark "$started" "all nodes are Ready"
	if has_flux "$SIZE"; then
		flux_up
		mark "$started" "Flux is Ready"
	fi
	cmd_config >/dev/null
	trap - EXIT INT TERM HUP
}
up_failed() {
	local rc=$?
	[[ ${KEEP_ON_FAILURE:-no} == no ]] || { say "failed; left as it is (--keep)"; exit "$rc"; }
	say "did not come up: taking it down again (logs stay in $TESTBED_DIR; --keep leaves it running)"
	take_down
	exit "$rc"
}
mark() { say "$(awk -v t="$(($(date +%s%N) - $1))" 'BEGIN { printf "%5.1f s", t / 1e9 }')  $2"; }

# The site keeps the programs that it was made with. Hard links cost nothing; on another disk it is a copy.
programs_link() {
	local p
	mkdir -p "$TESTBED_DIR/bin" "$TESTBED_DIR/images"
	# shellcheck disable=SC2046
	for p in $(programs_of "$SIZE"); do link_or_copy "$(go_artefact "$p")" "$TESTBED_DIR/bin/$p"; done
	link_or_copy "$(tools_path)" "$TESTBED_DIR/bin/rigtools"
	for p in "$(images_path "$SIZE")"/node/*.tar; do link_or_copy "$p" "$TESTBED_DIR/images/${p##*/}"; done
}
link_or_copy() {
	[[ $1 -ef $2 ]] && return
	ln -f "$1" "$2" 2>/dev/null || { cp "$1" "$2.new" && mv "$2.new" "$2"; }
}

api_ready() { [[ $(kube get --raw /readyz --request-timeout=2s 2>/dev/null) == ok ]]; }

# Ready alone proves nothing: right after a blackout the API still says what was true before it. A node counts when the
# boot id in the API is the one that the machine itself names.
nodes_fresh() {
	local name seen
	seen=$(kube get nodes --request-timeout=3s -o json 2>/dev/null |
		jq -r '.items[] | select(any(.status.conditions[]; .type == "Ready" and .status == "True"))
			| .metadata.name + " " + .status.nodeInfo.bootID') || return 1
	for name in $(site_names server) $(site_names agent); do
		grep -qx "$name $(as admin "$name" cat /proc/sys/kernel/random/boot_id 2>/dev/null)" <<<"$seen" || return 1
	done
}

# Nothing, if this site is not up: what runs under its name then is somebody else's.
take_down() {
	local pid
	network_is_ours || return 0
	machines_cut "${MACHINES[@]}"
	power_down
	for pid in "$RUN"/*.pid; do
		[[ -e $pid ]] || continue
		pid=${pid##*/}
		background_end "${pid%.pid}"
	done
	# What a killed `up` or supervisor left behind is in the site's cgroups.
	cgroup_kill
	network_down
	cgroups_remove
	host_down
	rm -f "$(network_mark)"
}

cmd_down() {
	site_lock
	take_down
	say "down; the disks are kept in $TESTBED_DIR"
}
cmd_wipe() {
	site_lock
	take_down
	# Only what `up` made, by name: a wrong TESTBED_DIR must not cost anybody their files.
	(cd "$TESTBED_DIR" && rm -rf --one-file-system -- size etc-hosts bin images files pki ssh machines run kubeconfig kubeconfig-* \
		ananke.yaml ananke hosts nut flux git lock)
	rmdir "$TESTBED_DIR" 2>/dev/null || say "$TESTBED_DIR holds other files too, which stay"
}

cmd_status() {
	need_site
	local name state
	printf '%s site in %s (namespace %s)\n' "$SIZE" "$TESTBED_DIR" "$SITE"
	for name in "${MACHINES[@]}"; do
		state=off
		if machine_is_on "$name"; then
			state=on
			cgroup_frozen "$name" && state=frozen
			[[ $state == frozen ]] || ssh_answers "$name" || state="on, SSH silent"
		fi
		printf '  %-8s %-6s %-11s %s  %-6s %s\n' "$name" "${ROLE[$name]}" "${IP[$name]}" "$(mac_of "$name")" "${FED_BY[$name]}" "$state"
	done
	power_status
	if network_stands && api_ready; then
		kube get nodes --request-timeout=3s || true
	else
		echo "  the API does not answer"
	fi
}

# In the site's network, with the site's names. `ananke` is the newest that cargo built, with the site's configuration.
cmd_exec() {
	need_site
	(($#)) || refuse "usage: testbed exec CMD..."
	network_stands || refuse "the site is down: scripts/testbed up"
	if [[ $1 == ananke ]]; then
		local words=("$(ananke_binary "")") || exit
		shift
		[[ " $* " =~ \ (-c|--config)[\ =] ]] || words+=(-c "$TESTBED_DIR/ananke.yaml")
		set -- "${words[@]}" "$@"
	fi
	# shellcheck disable=SC2016 # the inner shell expands them
	exec nsenter --net="/run/netns/$SITE" unshare --mount --propagation slave \
		sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$TESTBED_DIR/etc-hosts" "$@"
}

cmd_logs() { # NAME: a machine's journal while it runs, else its console; or a process of the site
	need_site
	local name=${1:-}
	if [[ -e $RUN/$name.log ]]; then
		cat "$RUN/$name.log"
	else
		need_machine "$name"
		shift
		# The journal is on the machine's disk: it can be read whether the machine is on or not.
		journalctl --no-pager --directory="$(disk_of "$name")/var/log/journal" "$@"
	fi
}
