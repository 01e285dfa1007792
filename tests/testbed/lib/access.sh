# shellcheck shell=bash
# Who may come in, and how: SSH keys, the list of host keys, the kubeconfig, and the facts that `env` and `config` print.

access_up() {
	local key name
	mkdir -p "$TESTBED_DIR/ssh" && chmod 700 "$TESTBED_DIR/ssh"
	for key in ananke admin "${ANANKE_HOSTS[@]/#/ananke@}" "${MACHINES[@]/#/host_}"; do
		[[ -e $TESTBED_DIR/ssh/$key.pub ]] && continue
		rm -f "$TESTBED_DIR/ssh/$key"
		ssh-keygen -q -t ed25519 -N '' -C "${key#host_}" -f "$TESTBED_DIR/ssh/$key"
	done
	for name in "${MACHINES[@]}"; do
		echo "[${IP[$name]}]:$SSH_PORT,[$name]:$SSH_PORT $(cut -d' ' -f1,2 "$TESTBED_DIR/ssh/host_$name.pub")"
	done >"$TESTBED_DIR/ssh/known_hosts"
	for name in "${MACHINES[@]}"; do
		cat <<-END
			Host $name
			    HostName ${IP[$name]}
		END
	done >"$TESTBED_DIR/ssh/config"
	cat >>"$TESTBED_DIR/ssh/config" <<-END
		Host *
		    Port $SSH_PORT
		    UserKnownHostsFile $TESTBED_DIR/ssh/known_hosts
		    GlobalKnownHostsFile none
		    StrictHostKeyChecking yes
		    IdentitiesOnly yes
		    BatchMode yes
		    ConnectTimeout 5
		Match user ananke
		    IdentityFile $TESTBED_DIR/ssh/ananke
		Match user admin
		    IdentityFile $TESTBED_DIR/ssh/admin
	END
}

# The kubeconfig for the place from which ananke works; with three servers also one for each of them.
access_kubeconfigs() {
	local name first
	first=$(site_names server)
	(
		umask 077
		if shares_api; then
			pki_kubeconfig admin "https://10.77.0.1:$API_PORT" >"$TESTBED_DIR/kubeconfig"
		else
			pki_kubeconfig admin "https://${IP[${first%% *}]}:$API_PORT" >"$TESTBED_DIR/kubeconfig"
		fi
		for name in $first; do
			pki_kubeconfig admin "https://${IP[$name]}:$API_PORT" >"$TESTBED_DIR/kubeconfig-$name"
		done
	)
}

# as USER MACHINE COMMAND...: over real SSH, from the site's network.
as() {
	local user=$1 name=$2
	shift 2
	in_site ssh -F "$TESTBED_DIR/ssh/config" -l "$user" "$name" "$@"
}
kube() { in_site "$(kubectl_path)" --kubeconfig "$TESTBED_DIR/kubeconfig" "$@"; }
kubectl_path() { echo "$TESTBED_DIR/bin/kubectl"; }

SUDOERS_PLAIN='ananke ALL=(root) NOPASSWD: /usr/bin/systemctl start k3s, /usr/bin/systemctl stop k3s'
SUDOERS_PLAIN+=', /usr/bin/systemctl start k3s-agent, /usr/bin/systemctl stop k3s-agent'

cmd_sudoers() {
	local file=/etc/sudoers.d/ananke-plain
	need_machine "${2:-}"
	case $1 in
	unguarded) as admin "$2" "echo '$SUDOERS_PLAIN' | sudo tee $file >/dev/null && sudo chmod 440 $file && sudo visudo -cqf $file" ;;
	none) as admin "$2" "sudo rm -f $file" ;;
	*) refuse "usage: testbed sudoers unguarded|none NODE" ;;
	esac
}

# The facts of a running site, for scripts (`eval "$(scripts/testbed env)"`) and as JSON.
site_facts() {
	cat <<-END
		TESTBED_DIR=$TESTBED_DIR
		TESTBED_SIZE=$SIZE
		TESTBED_NETNS=/run/netns/$SITE
		TESTBED_KUBECONFIG=$TESTBED_DIR/kubeconfig
		TESTBED_KUBECTL=$(kubectl_path)
		TESTBED_API=$(sed -n 's/^ *server: //p' "$TESTBED_DIR/kubeconfig")
		TESTBED_SSH_PORT=$SSH_PORT
		TESTBED_SSH_USER=ananke
		TESTBED_SSH_KEY=$TESTBED_DIR/ssh/ananke
		TESTBED_ADMIN_USER=admin
		TESTBED_ADMIN_KEY=$TESTBED_DIR/ssh/admin
		TESTBED_KNOWN_HOSTS=$TESTBED_DIR/ssh/known_hosts
		TESTBED_SSH_CONFIG=$TESTBED_DIR/ssh/config
		TESTBED_CONFIG=$TESTBED_DIR/ananke.yaml
		TESTBED_STATE_DIR=$TESTBED_DIR/ananke
		TESTBED_UPS='$(power_names)'
		TESTBED_SERVERS='$(site_names server)'
		TESTBED_AGENTS='$(site_names agent)'
		TESTBED_HOSTS='$(site_names host)'
		TESTBED_ANANKE_HOSTS='${ANANKE_HOSTS[*]}'
		TESTBED_JUMP_HOST=$JUMP_HOST
		TESTBED_CA=$PKI/ca.crt
	END
}
cmd_env() {
	need_site
	local name
	if [[ ${1:-} != --json ]]; then
		site_facts
		for name in "${MACHINES[@]}"; do
			echo "TESTBED_IP_${name//-/_}=${IP[$name]}"
		done
		return
	fi
	{
		site_facts | sed "s/'//g"
		for name in "${MACHINES[@]}"; do
			echo "machine=$name ${ROLE[$name]} ${IP[$name]} $(mac_of "$name") ${FED_BY[$name]}"
		done
	} | jq -Rn '
		reduce (inputs | capture("^(?<k>[^=]+)=(?<v>.*)$")) as {$k, $v} ({machines: {}};
			if $k == "machine" then ($v | split(" ")) as $m
				| .machines[$m[0]] = {role: $m[1], address: $m[2], mac: $m[3], ups: $m[4]}
			elif ($k | IN("TESTBED_SERVERS", "TESTBED_AGENTS", "TESTBED_HOSTS", "TESTBED_UPS", "TESTBED_ANANKE_HOSTS")) then
				.[$k | ltrimstr("TESTBED_") | ascii_downcase] = ($v | split(" "))
			else .[$k | ltrimstr("TESTBED_") | ascii_downcase] = $v end)'
}
