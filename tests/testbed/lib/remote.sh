# shellcheck shell=bash
# What a site has beside its machines: Wake-on-LAN, and addresses that several machines answer together.

# The listener runs in the site's network, where a broadcast packet arrives whoever sends it.
wake_up() {
	local name words=()
	for name in "${MACHINES[@]}"; do words+=("$(mac_of "$name")=$name"); done
	background wol nsenter --net="/run/netns/$SITE" python3 "$LIB/wol.py" "$SELF" "${words[@]}"
}
# _wake NAME: called by the listener, from inside the site's network and its cgroup. A machine without mains stays off.
cmd_wake() {
	need_machine "$1"
	need_power "$1"
	machine_on "$1"
}

# wol MAC|NAME: send a real packet.
cmd_wol() {
	local mac=${1:-}
	need_site
	[[ -z ${ROLE[$mac]:-} ]] || mac=$(mac_of "$mac")
	[[ $mac =~ ^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$ ]] || refuse "usage: testbed wol MAC|NAME"
	in_site python3 - "$mac" <<-'END'
		import socket, sys
		mac = bytes.fromhex(sys.argv[1].replace(":", ""))
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
		s.sendto(b"\xff" * 6 + mac * 16, ("10.77.0.255", 9))
	END
}

# Virtual addresses, played by the same load balancer that every agent has: with three servers one for the API in
# front of them; on small and big one for the services in front of every node's ingress.
addresses_up() {
	local name port backends=()
	if shares_api; then
		for name in $(site_names server); do backends+=("${IP[$name]}:$API_PORT"); done
		address_up api-address "10.77.0.1:$API_PORT" "${backends[@]}"
	fi
	has_flux "$SIZE" || return 0
	for port in 80 443; do
		backends=()
		for name in $(site_names agent) $(site_names server); do backends+=("${IP[$name]}:$port"); done
		address_up "services-$port" "$SERVICE_ADDRESS:$port" "${backends[@]}"
	done
}
address_up() { # NAME ADDRESS BACKEND...
	local name=$1
	shift
	background "$name" nsenter --net="/run/netns/$SITE" "$TESTBED_DIR/bin/rigtools" lb "$@"
}
