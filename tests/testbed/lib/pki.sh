# shellcheck shell=bash
# One certificate authority for the whole site, made anew with each site. Kubernetes reads who somebody is from the
# client certificate: O is the group, CN the user.

pki_up() {
	local name names=localhost ips=127.0.0.1,10.43.0.1,10.77.0.1
	PKI=$TESTBED_DIR/pki
	mkdir -p "$PKI" && chmod 700 "$PKI"
	[[ -e $PKI/complete ]] && return
	rm -f "$PKI"/*
	pki_key "$PKI/ca"
	openssl req -x509 -new -key "$PKI/ca.key" -sha256 -days 3650 -subj /CN=testbed-ca \
		-addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature -out "$PKI/ca.crt"
	pki_key "$PKI/sa"
	openssl pkey -in "$PKI/sa.key" -pubout -out "$PKI/sa.pub"
	for name in "${MACHINES[@]}"; do
		if [[ ${ROLE[$name]} == server ]]; then
			names+=,$name
			ips+=,${IP[$name]}
		fi
	done
	pki_cert kube-apiserver /CN=kube-apiserver \
		"$names,kubernetes,kubernetes.default,kubernetes.default.svc,kubernetes.default.svc.cluster.local" "$ips"
	pki_cert admin /O=system:masters/CN=system:admin
	pki_cert kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
	pki_cert front-proxy /CN=front-proxy
	pki_cert controller-manager /CN=system:kube-controller-manager
	pki_cert scheduler /CN=system:kube-scheduler
	pki_cert kube-proxy /CN=system:kube-proxy
	pki_cert site "/CN=site.test" "${SERVICE_NAMES// /,}"
	for name in "${MACHINES[@]}"; do
		if is_node "$name"; then
			# The same certificate serves the kubelet, and on a server etcd and its peers.
			pki_cert "node-$name" "/O=system:nodes/CN=system:node:$name" "$name,localhost" "${IP[$name]},127.0.0.1"
		fi
	done
	touch "$PKI/complete"
}

pki_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" && chmod 600 "$1.key"; }

pki_cert() { # NAME SUBJECT [DNS,NAMES [IP,ADDRESSES]]
	local out=$PKI/$1 extra="extendedKeyUsage=clientAuth,serverAuth" san=
	[[ -z ${3:-} ]] || san=DNS:${3//,/,DNS:}
	[[ -z ${4:-} ]] || san+=,IP:${4//,/,IP:}
	[[ -z $san ]] || extra+=$'\n'"subjectAltName=$san"
	pki_key "$out"
	openssl req -new -key "$out.key" -subj "$2" |
		openssl x509 -req -sha256 -days 365 -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" -set_serial "0x$(openssl rand -hex 8)" \
			-extfile <(echo "$extra") -out "$out.crt" 2>/dev/null
}

# pki_kubeconfig CERT SERVER: a kubeconfig that needs no other file, as k3s.yaml.
pki_kubeconfig() {
	cat <<-END
		apiVersion: v1
		kind: Config
		clusters:
		- name: default
		  cluster:
		    certificate-authority-data: $(base64 -w0 "$PKI/ca.crt")
		    server: $2
		contexts:
		- name: default
		  context: {cluster: default, user: default}
		current-context: default
		users:
		- name: default
		  user:
		    client-certificate-data: $(base64 -w0 "$PKI/$1.crt")
		    client-key-data: $(base64 -w0 "$PKI/$1.key")
	END
}
