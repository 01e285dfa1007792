# shellcheck shell=bash disable=SC2153
# ananke in the site: the configuration for the place outside, and for the two machines that can run it under their own
# systemd. Installing enables and starts nothing: that is what a test, or a person, does.

ANANKE_UNITS=(ananke.service ananke-bootstrap.service)

# config [--jump] [HOST] [FILE]: an ananke.yaml for outside or for HOST; prints where it is.
cmd_config() {
	need_site
	local host="" jump="" out=""
	while (($#)); do
		case $1 in
		--jump)
			[[ -n $JUMP_HOST ]] || refuse "a $SIZE site has no jump host: small and big have"
			jump=$JUMP_HOST
			;;
		-*) refuse "config: unknown word $1" ;;
		*) if [[ -n ${ROLE[$1]:-} ]]; then host=$1; else out=$1; fi ;;
		esac
		shift
	done
	[[ -z $host ]] || need_ananke_host "$host"
	mkdir -p "$TESTBED_DIR/ananke" "$TESTBED_DIR/hosts"
	out=${out:-${host:+$TESTBED_DIR/hosts/$host.yaml}}
	out=${out:-$TESTBED_DIR/ananke.yaml}
	config_of "$host" "$jump" >"$out.new"
	mv "$out.new" "$out"
	echo "$out"
}

# The smallest file that describes this site to ananke; everything else it finds out by itself.
config_of() { # HOST|"" JUMP|""
	local name others=() key=$TESTBED_DIR/ssh/ananke known=$TESTBED_DIR/ssh/known_hosts kubeconfig=$TESTBED_DIR/kubeconfig
	local authorities=$PKI/ca.crt
	[[ -z $2 ]] || others+=("$2")
	if [[ -n $1 ]]; then
		key=/etc/ananke/id_ed25519 known=/etc/ananke/known_hosts kubeconfig=/etc/ananke/kubeconfig
		authorities=/etc/ananke/authorities.pem
	fi
	echo "ssh_user: ananke"
	echo "ssh_port: $SSH_PORT"
	echo "ssh_identity_file: $key"
	echo "ssh_known_hosts_file: $known"
	echo "ssh_node_hosts:"
	for name in $(site_names server) $(site_names agent) "${others[@]}"; do echo "  $name: ${IP[$name]}"; done
	[[ -z $2 ]] || echo "ssh_jump_host: $2"
	echo "kubeconfig: $kubeconfig"
	echo "nodes:"
	echo "  servers: [$(site_names server | sed 's/ /, /g')]"
	echo "  agents: [$(site_names agent | sed 's/ /, /g')]"
	[[ -z $2 ]] || echo "  others: [$2]"
	# The hosts of its Ingresses show certificates of the site's own authority.
	! has_flux "$SIZE" || printf '%s\n' 'ingress:' "  authorities_file: $authorities"
	if [[ -z $1 ]]; then
		echo "state_dir: $TESTBED_DIR/ananke"
		echo "run_dir: $TESTBED_DIR/ananke/run"
	else
		# Each server's own address: a host that is to get the cluster up must not need the common one.
		echo "kube:"
		echo "  endpoints:"
		for name in $(site_names server); do echo "  - https://${IP[$name]}:$API_PORT"; done
	fi
}

# install [--jump] [BINARY] [HOST...]: binary, units, configuration, key, host keys and kubeconfig.
cmd_install() {
	need_site
	local jump="" binary="" hosts=() name
	while (($#)); do
		case $1 in
		--jump) jump=--jump ;;
		-*) refuse "install: unknown word $1" ;;
		*) if [[ -n ${ROLE[$1]:-} ]]; then hosts+=("$1"); else binary=$1; fi ;;
		esac
		shift
	done
	((${#hosts[@]})) || hosts=("${ANANKE_HOSTS[@]}")
	((${#hosts[@]})) || need_ananke_host ""
	binary=$(ananke_binary "$binary") || exit
	for name in "${hosts[@]}"; do
		need_ananke_host "$name"
		machine_is_on "$name" || refuse "$name is off: scripts/testbed node-on $name"
	done
	for name in "${hosts[@]}"; do install_on "$name" "$binary" "$jump"; done
}
# The newest that cargo built here.
ananke_built() {
	local target=${CARGO_TARGET_DIR:-${SELF%/scripts/*}/target}
	{ find "$target/debug/ananke" "$target/release/ananke" -type f -printf '%T@ %p\n' 2>/dev/null || true; } |
		sort -rn | sed -n '1s/[^ ]* //p'
}
ananke_binary() { # PATH|"": that one, or the newest
	local binary=${1:-$(ananke_built)}
	[[ -f $binary && -x $binary ]] || refuse "${binary:-target/debug/ananke} is no program: cargo build, or name one"
	echo "$binary"
}
install_on() { # HOST BINARY --jump|""
	local name=$1 stage=$TESTBED_DIR/hosts/$1 unit
	rm -rf "$stage"
	mkdir -p "$stage/usr/local/bin" "$stage/etc/systemd/system"
	mkdir -m 700 "$stage/etc/ananke"
	install -m 755 "$2" "$stage/usr/local/bin/ananke"
	for unit in "${ANANKE_UNITS[@]}"; do
		install -m 644 "${SELF%/scripts/*}/systemd/$unit" "$stage/etc/systemd/system/$unit"
	done
	# shellcheck disable=SC2086 # nothing, or one word
	cmd_config $3 "$name" "$stage/etc/ananke/ananke.yaml" >/dev/null
	install -m 600 "$TESTBED_DIR/ssh/ananke@$name" "$stage/etc/ananke/id_ed25519"
	install -m 644 "$TESTBED_DIR/ssh/known_hosts" "$stage/etc/ananke/known_hosts"
	install -m 600 "$TESTBED_DIR/kubeconfig" "$stage/etc/ananke/kubeconfig"
	install -m 644 "$PKI/ca.crt" "$stage/etc/ananke/authorities.pem"
	tar -C "$stage" -c --owner=0 --group=0 . |
		as admin "$name" "sudo tar -x --no-overwrite-dir -C / && sudo systemctl daemon-reload && sync -f /etc"
	rm -rf "$stage"
	say "$name: $(as admin "$name" /usr/local/bin/ananke --version), nothing enabled"
}

# uninstall [HOST...]: as if ananke had never been there.
cmd_uninstall() {
	need_site
	local hosts=("$@") name
	((${#hosts[@]})) || hosts=("${ANANKE_HOSTS[@]}")
	for name in "${hosts[@]}"; do
		need_ananke_host "$name"
		as admin "$name" "
			sudo systemctl disable --quiet --now ${ANANKE_UNITS[*]} 2>/dev/null
			cd /etc/systemd/system && sudo rm -rf ${ANANKE_UNITS[*]} ${ANANKE_UNITS[*]/%/.d}
			sudo rm -rf /usr/local/bin/ananke /etc/ananke /var/lib/ananke /run/ananke
			sudo systemctl daemon-reload
			sudo systemctl reset-failed ${ANANKE_UNITS[*]} 2>/dev/null
			sync -f /etc"
	done
}
