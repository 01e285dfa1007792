# shellcheck shell=bash
# The site's network: one namespace with a bridge (the place from which ananke works) and one namespace per machine.
# Nothing is routed outside, and the machine you sit at has no route into it.

# Which boot of this computer this site made its namespaces in. Written before the first of them and removed after the last
# of everything, so that none of ours is ever without it: one that has our name and no mark is somebody else's.
network_mark() { echo "$RUN/network"; }
network_is_ours() { [[ $(cat "$(network_mark)" 2>/dev/null) == "$(</proc/sys/kernel/random/boot_id)" ]]; }
network_stands() { network_is_ours && [[ -e /run/netns/$SITE ]]; }
network_files() { compgen -G "/run/netns/$SITE" || true; compgen -G "/run/netns/$SITE-*" || true; }

need_free_names() {
	local taken
	! network_is_ours || return 0
	taken=$(network_files)
	[[ -z $taken ]] || refuse "the name '$SITE' is taken by somebody else's network namespaces: ${taken//$'\n'/ }" \
		"(another TESTBED_DIR gives another name; if nobody needs them, end what runs there, then: ip netns delete NAME)"
}
network_claim() {
	need_free_names
	mkdir -p "$RUN"
	cat /proc/sys/kernel/random/boot_id >"$(network_mark).new"
	mv "$(network_mark).new" "$(network_mark)"
}

network_up() {
	local name
	if [[ ! -e /run/netns/$SITE ]]; then
		ip netns add "$SITE"
	fi
	ip -n "$SITE" link set lo up
	if ! ip -n "$SITE" link show br0 &>/dev/null; then
		ip -n "$SITE" link add br0 type bridge
		ip -n "$SITE" addr add 10.77.0.1/24 dev br0
		ip -n "$SITE" link set br0 up
	fi
	for name in "${MACHINES[@]}"; do network_machine "$name"; done
	for name in "${MACHINES[@]}"; do network_routes "$name"; done
}

network_machine() {
	local name=$1 ns
	ns=$(netns_of "$name")
	[[ -e /run/netns/$ns ]] || ip netns add "$ns"
	ip -n "$ns" link set lo up
	if ! ip -n "$ns" link show eth0 &>/dev/null; then
		# Both ends are made where they belong: no interface ever shows up in the namespace of the host.
		ip -n "$SITE" link add "v-$name" type veth peer name eth0 address "$(mac_of "$name")" netns "$ns"
		ip -n "$SITE" link set "v-$name" master br0
	fi
	ip -n "$ns" addr replace "${IP[$name]}/24" dev eth0
	ip -n "$ns" link set eth0 up
	# Routers for their pods. From outside: a machine may not write these itself.
	nsenter --net="/run/netns/$ns" sysctl -qw net.ipv4.ip_forward=1
	# A reply between two pods on one bridge must not go round the address translation of Services.
	nsenter --net="/run/netns/$ns" sysctl -qw net.bridge.bridge-nf-call-iptables=1 2>/dev/null || true
}

# Pods of the other nodes are reached through their node, as with flannel's host-gw.
network_routes() {
	local other ns
	ns=$(netns_of "$1")
	# Processes on a node itself reach Services only if there is some route for kube-proxy to rewrite: elsewhere that is
	# the default route, and there is none here.
	! is_node "$1" || ip -n "$ns" route replace 10.43.0.0/16 dev eth0
	for other in "${MACHINES[@]}"; do
		is_node "$other" || continue
		[[ $other == "$1" ]] || ip -n "$ns" route replace "$(pods_of "$other").0/24" via "${IP[$other]}"
		ip -n "$SITE" route replace "$(pods_of "$other").0/24" via "${IP[$other]}"
	done
}

# network_link NAME up|down: the cable. A machine that is off must not answer at all, so its cable is out.
network_link() { ip -n "$SITE" link set "v-$1" "$2"; }

network_down() {
	local file
	for file in $(network_files); do ip netns del "${file##*/}"; done
	# iproute2 mounts this folder over itself at the first use; leave it as it was once nobody needs it.
	if [[ -d /run/netns && -z $(ls -A /run/netns) ]]; then
		umount /run/netns 2>/dev/null || true
	fi
}
