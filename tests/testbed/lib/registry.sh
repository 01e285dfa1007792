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

# image-forget NAME:TAG...: no node has these images on its disk any more. A running container goes on; its next start
# has to pull. Every name with the same digest has to go.
cmd_image_forget() {
	need_site
	(($#)) || refuse "usage: testbed image-forget NAME:TAG..."
	local name nodes=() pids=() pid
	for name in $(site_names server) $(site_names agent); do
		if machine_is_on "$name"; then nodes+=("$name"); else say "$name is off: what is on its disk stays"; fi
	done
	for name in "${nodes[@]}"; do
		as admin "$name" "sudo /usr/bin/ctr -n k8s.io images ls | awk -v names='$*' '
			BEGIN { split(names, list, \" \"); for (i in list) wanted[list[i]] = 1 }
			NR > 1 { digest[\$1] = \$3 }
			END {
				for (n in digest) if (n in wanted) gone[digest[n]] = 1
				for (n in digest) if (digest[n] in gone) print n
			}' | xargs -r sudo /usr/bin/ctr -n k8s.io images rm --sync" >/dev/null &
		pids+=("$!")
	done
	for pid in "${pids[@]}"; do wait "$pid" || die "not all nodes have forgotten it"; done
}

# deadlock: what may have happened unnoticed on a site that hosts itself. The disks of the nodes were cleaned of images
# that "can always be pulled again", and the registry was stopped by hand for some work; only git says that it should
# run. As long as the power stays on nobody sees a difference. After a blackout nothing starts the first thing:
# Flux would start the registry, and its image is in there.
DEADLOCK_IMAGES=(app git source-controller kustomize-controller)
cmd_deadlock() {
	need_site
	[[ $SIZE == big ]] || refuse "only the big site hosts its own registry"
	local images=("${DEADLOCK_IMAGES[@]/#/$REGISTRY_NAME/}")
	cmd_image_forget "${images[@]/%/:1}"
	kube -n registry scale deployment registry --replicas=0 >/dev/null
	wait_for 60 "the registry to stop" registry_stopped
}
registry_stopped() { [[ -z $(kube -n registry get pods --request-timeout=3s -o name 2>&1) ]]; }
