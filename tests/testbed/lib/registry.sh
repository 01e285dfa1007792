# shellcheck shell=bash
# The big site's own registry: a pod on w-1, reached by every node through its own NodePort. Flux's, the git server's and
# the applications' images are nowhere else, so that the site can lock itself out, as sites of this kind do.

REGISTRY_NODE_PORT=30500

# disk_registry DISK IP: where this node's containerd finds registry.site.test.
disk_registry() {
	local dir=$1/etc/containerd/certs.d/$REGISTRY_NAME
	mkdir -p "$dir"
	cat >"$dir/hosts.toml" <<-END
		server = "http://$REGISTRY_NAME"
		[host."http://$2:$REGISTRY_NODE_PORT"]
		  capabilities = ["pull", "resolve"]
	END
}

registry_url() { echo "http://${IP[w-1]}:$REGISTRY_NODE_PORT"; }
registry_answers() { in_site curl -sfm 2 -o /dev/null "$(registry_url)/v2/"; }
registry_up() {
	kube create namespace registry --dry-run=client -o yaml | kube apply -f - >/dev/null
	kube apply -f "$1/repo/infra/registry" >/dev/null
	wait_for 90 "the registry" registry_answers
	registry_push
}
registry_push() { in_site python3 "$LIB/../images/push.py" "$(registry_url)" "$(images_path "$SIZE")"/registry/*.tar; }

cmd_push_images() {
	need_site
	[[ $SIZE == big ]] || refuse "only the big site has a registry"
	registry_push
}

# image-forget NAME:TAG: no node has the image on its disk any more. A running container goes on; its next start has to
# pull. Every name with the same digest has to go.
cmd_image_forget() {
	need_site
	[[ -n ${1:-} ]] || refuse "usage: testbed image-forget NAME:TAG"
	local name
	for name in $(site_names server) $(site_names agent); do
		machine_is_on "$name" || continue
		as admin "$name" "sudo /usr/bin/ctr -n k8s.io images ls | awk -v name='$1' '
			NR > 1 { digest[\$1] = \$3 } END { for (n in digest) if (digest[n] == digest[name]) print n }' |
			xargs -r sudo /usr/bin/ctr -n k8s.io images rm" >/dev/null
	done
}
