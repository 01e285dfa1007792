# shellcheck shell=bash disable=SC2153
# What is on each machine's disk. A machine's disk is a layer above the shared base image; it is written here once, when
# the site is made, and belongs to the machine from then on.

disk_of() { echo "$TESTBED_DIR/machines/$1/disk"; }

disk_up() {
	local name=$1 disk
	disk=$(disk_of "$name")
	[[ -e $TESTBED_DIR/machines/$name/complete ]] && return
	rm -rf "$TESTBED_DIR/machines/$name"
	# containerd's own overlay cannot sit on ours: its folder and the kubelet's are plain folders, bound in.
	mkdir -p "$disk" "$TESTBED_DIR/machines/$name"/{work,root,containerd,kubelet}
	disk_identity "$name" "$disk"
	disk_access "$name" "$disk"
	if is_node "$name"; then
		disk_node "$name" "$disk"
	else
		mkdir -p "$disk/etc/systemd/system"
		ln -s /dev/null "$disk/etc/systemd/system/containerd.service" # the image is that of the nodes
	fi
	touch "$TESTBED_DIR/machines/$name/complete"
}

disk_identity() {
	local name=$1 disk=$2
	mkdir -p "$disk/etc/rig"
	echo "$name" >"$disk/etc/hostname"
	openssl rand -hex 16 >"$disk/etc/machine-id"
	site_hosts >"$disk/etc/hosts"
}

disk_access() {
	local name=$1 disk=$2 key
	mkdir -p "$disk/etc/ssh/sshd_config.d" "$disk/etc/ssh/authorized_keys"
	cp "$TESTBED_DIR/ssh/host_$name" "$disk/etc/ssh/ssh_host_ed25519_key"
	cp "$TESTBED_DIR/ssh/host_$name.pub" "$disk/etc/ssh/ssh_host_ed25519_key.pub"
	chmod 600 "$disk/etc/ssh/ssh_host_ed25519_key"
	# The tool from outside, and from each machine that it may be installed on: a key for each.
	for key in ananke "${ANANKE_HOSTS[@]/#/ananke@}"; do cat "$TESTBED_DIR/ssh/$key.pub"; done \
		>"$disk/etc/ssh/authorized_keys/ananke"
	cp "$TESTBED_DIR/ssh/admin.pub" "$disk/etc/ssh/authorized_keys/admin"
	cat >"$disk/etc/ssh/sshd_config.d/site.conf" <<-END
		Port $SSH_PORT
		PasswordAuthentication no
		PermitRootLogin no
		AuthorizedKeysFile /etc/ssh/authorized_keys/%u
	END
}

# etcd's list of members, which is also the list of servers that an agent's load balancer tries.
servers_with_ip() {
	local name out=()
	for name in $(site_names server); do out+=("$name=${IP[$name]}"); done
	echo "${out[*]}"
}

disk_node() {
	local name=$1 disk=$2 role=${ROLE[$1]} tls k3s
	k3s=$disk/var/lib/rancher/k3s
	tls=$k3s/agent
	mkdir -p "$tls/images" "$disk/etc/rancher/k3s" "$disk/etc/rancher/node" "$disk/usr/local/bin" \
		"$disk/etc/systemd/system/multi-user.target.wants" "$disk/etc/cni/net.d" "$disk/etc/containerd" "$disk/var/lib/site"
	chmod 700 "$disk/etc/rancher/k3s"
	{
		echo "NAME=$name"
		echo "NODE_IP=${IP[$name]}"
		echo "SERVERS='$(servers_with_ip)'"
		echo "KUBE_PROXY=$(has_flux "$SIZE" && echo yes || echo no)"
	} >"$disk/etc/rig/node.env"
	cp "$PKI/ca.crt" "$tls/client-ca.crt"
	install -m 600 "$PKI/node-$name.crt" "$tls/serving-kubelet.crt"
	install -m 600 "$PKI/node-$name.key" "$tls/serving-kubelet.key"
	# An agent, like a server, talks to the API through an address of its own machine.
	local api=https://127.0.0.1:6444
	[[ $role != server ]] || api=https://127.0.0.1:$API_PORT
	(umask 077 && pki_kubeconfig "node-$name" "$api" >"$tls/kubelet.kubeconfig")
	(umask 077 && pki_kubeconfig kube-proxy "$api" >"$tls/kubeproxy.kubeconfig")
	cp "$MACHINE/kubelet.yaml" "$tls/kubelet.yaml"
	cp "$MACHINE/containerd.toml" "$disk/etc/containerd/config.toml"
	sed "s/@PODS@/$(pods_of "$name")/" "$MACHINE/cni.conflist" >"$disk/etc/cni/net.d/10-site.conflist"
	install -m 755 "$MACHINE/k3s" "$disk/usr/local/bin/k3s"
	install -m 755 "$MACHINE/k3s-killall.sh" "$disk/usr/local/bin/k3s-killall.sh"
	ln -sf k3s "$disk/usr/local/bin/kubectl"
	ln -sf k3s "$disk/usr/local/bin/ctr"
	disk_registry "$disk" "${IP[$name]}"
	disk_unit "$disk" rig-cgroups.service
	if [[ $role == server ]]; then
		disk_server "$name" "$disk" "$k3s/server"
		disk_unit "$disk" k3s.service
	else
		disk_unit "$disk" k3s-agent.service
	fi
}

disk_unit() {
	cp "$MACHINE/$2" "$1/etc/systemd/system/$2"
	ln -sf "../$2" "$1/etc/systemd/system/multi-user.target.wants/$2"
}

disk_server() {
	local disk=$2 server=$3 tls=$3/tls f
	mkdir -p "$tls/etcd" "$server/cred" "$server/db/snapshots"
	chmod 700 "$server/db" "$server/cred"
	for f in ca.crt sa.key sa.pub kube-apiserver.crt kube-apiserver.key kubelet-client.crt kubelet-client.key \
		front-proxy.crt front-proxy.key; do
		install -m 600 "$PKI/$f" "$tls/$f"
	done
	# k3s' own names for these, so that what is written for k3s finds them.
	install -m 600 "$PKI/ca.crt" "$tls/etcd/server-ca.crt"
	for f in client server-client peer-server-client; do
		install -m 600 "$PKI/node-$1.crt" "$tls/etcd/$f.crt"
		install -m 600 "$PKI/node-$1.key" "$tls/etcd/$f.key"
	done
	(
		umask 077
		pki_kubeconfig controller-manager "https://127.0.0.1:$API_PORT" >"$server/cred/controller.kubeconfig"
		pki_kubeconfig scheduler "https://127.0.0.1:$API_PORT" >"$server/cred/scheduler.kubeconfig"
		pki_kubeconfig admin "https://127.0.0.1:$API_PORT" >"$disk/etc/rancher/k3s/k3s.yaml"
	)
}
