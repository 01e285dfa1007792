# shellcheck shell=bash
# What a site has beside its machines: Wake-on-LAN, and on the big site one address for the three API servers.

# The listener runs in the site's network, where a broadcast packet arrives whoever sends it.
wake_up() {
	local name words=()
	for name in "${MACHINES[@]}"; do words+=("$(mac_of "$name")=$name"); done
	background wol nsenter --net="/run/netns/$SITE" python3 "$LIB/wol.py" "$SELF" "${words[@]}"
}
# _wake NAME: called by the listener, from inside the site's network and its cgroup. A machine without mains stays off.
cmd_wake() {
	need_machine "$1"
	local ups=${FED_BY[$1]}
	if [[ $(ups_get "$ups" ups.status) == *OB* && $(ups_get "$ups" battery.charge) == 0 ]]; then
		say "$1 has no power"
		return
	fi
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

# A virtual IP in front of the servers, played by the same load balancer that every agent has.
virtual_address_up() {
	local name backends=()
	for name in $(site_names server); do backends+=("${IP[$name]}:$API_PORT"); done
	background api-address nsenter --net="/run/netns/$SITE" "$TESTBED_DIR/bin/rigtools" lb "10.77.0.1:$API_PORT" "${backends[@]}"
}
