# shellcheck shell=bash disable=SC2034
# What a site consists of: names, addresses, roles. The size is chosen at the first `up` and kept in the site's folder.

SSH_PORT=2277
API_PORT=6443
# What people open in a browser: served by the ingress on every node, behind one address.
SERVICE_NAMES="shop.site.test docs.site.test monitor.site.test"
SERVICE_ADDRESS=10.77.0.1
declare -A IP ROLE NUMBER FED_BY

site_machine() { # NAME ROLE NUMBER UPS
	MACHINES+=("$1")
	ROLE[$1]=$2
	NUMBER[$1]=$3
	IP[$1]=10.77.0.$3
	FED_BY[$1]=$4
}

# site_define SIZE: two UPSes, one for the servers and the jump host, the other for all the rest.
site_define() {
	MACHINES=()
	ANANKE_HOSTS=()
	JUMP_HOST=
	case $1 in
	tiny)
		site_machine cp-1 server 11 ups-a
		site_machine w-1 agent 21 ups-b
		;;
	three)
		site_machine cp-1 server 11 ups-a
		site_machine cp-2 server 12 ups-a
		site_machine cp-3 server 13 ups-a
		site_machine w-1 agent 21 ups-b
		;;
	small)
		site_machine cp-1 server 11 ups-a
		site_machine w-1 agent 21 ups-b
		site_machine w-2 agent 22 ups-b
		site_outside
		;;
	big)
		site_machine cp-1 server 11 ups-a
		site_machine cp-2 server 12 ups-a
		site_machine cp-3 server 13 ups-a
		site_machine w-1 agent 21 ups-b
		site_machine w-2 agent 22 ups-b
		site_outside
		;;
	*) refuse "no such size: $1 (tiny, three, small or big)" ;;
	esac
	SIZE=$1
}

# has_flux SIZE: whether there is more than Kubernetes itself. Asked by `build`, too, when there is no site yet.
has_flux() { [[ $1 == small || $1 == big ]]; }
# Whether several servers share one address for their API.
shares_api() { [[ $(site_names server) == *" "* ]]; }

# The machines outside the cluster, and the two on which ananke may be installed: one outside, one that is an agent.
site_outside() {
	site_machine jump-1 host 31 ups-a
	site_machine ops-1 host 41 ups-b
	JUMP_HOST=jump-1
	ANANKE_HOSTS=(ops-1 w-2)
}

# site_load: the site of this folder. Two sites can run beside each other: everything outside the folder (network
# namespaces, cgroups) carries the site's name, which is `rig` for the default folder and derived from the path otherwise.
site_load() {
	RUN=$TESTBED_DIR/run
	if [[ $TESTBED_DIR == /var/lib/ananke-testbed ]]; then
		SITE=rig
	else
		SITE=rig$(sha256sum <<<"$TESTBED_DIR" | cut -c1-4)
	fi
	SIZE=
	MACHINES=()
	ANANKE_HOSTS=()
	JUMP_HOST=
	[[ ! -s $TESTBED_DIR/size ]] || site_define "$(<"$TESTBED_DIR/size")"
}
site_exists() { [[ -n $SIZE ]]; }
need_site() { site_exists || refuse "no site in $TESTBED_DIR: start with scripts/testbed up"; }
need_machine() {
	need_site
	[[ -n ${1:-} && -n ${ROLE[$1]:-} ]] || refuse "no machine called '${1:-}' here (there are: ${MACHINES[*]})"
}

need_ananke_host() {
	need_site
	((${#ANANKE_HOSTS[@]})) || refuse "a $SIZE site has no machine for ananke: small and big have"
	[[ " ${ANANKE_HOSTS[*]} " == *" ${1:-} "* ]] || refuse "'${1:-}' is no ananke host (there are: ${ANANKE_HOSTS[*]})"
}

# site_names ROLE: the machines of a role, one blank between them.
site_names() {
	local name out=()
	for name in "${MACHINES[@]}"; do [[ ${ROLE[$name]} == "$1" ]] && out+=("$name"); done
	echo "${out[*]}"
}
is_node() { [[ ${ROLE[$1]} != host ]]; }
mac_of() { echo "02:77:00:00:00:${NUMBER[$1]}"; }
pods_of() { echo "10.42.${NUMBER[$1]}"; }
netns_of() { echo "$SITE-$1"; }
# The site's names without a DNS, for the machines and for `exec`.
site_hosts() {
	local name
	echo "127.0.0.1 localhost"
	for name in "${MACHINES[@]}"; do echo "${IP[$name]} $name"; done
	! has_flux "$SIZE" || echo "$SERVICE_ADDRESS $SERVICE_NAMES"
}
# In the site's own network. Not `ip netns exec`: that mounts a fresh /sys over ours and hides the cgroups, which
# anything that powers a machine on needs.
in_site() { nsenter --net="/run/netns/$SITE" "$@"; }
