# shellcheck shell=bash
# `build`: everything that takes long, once, into the cache. Each artefact is made under another name and renamed when
# it is whole, so a build that was killed is simply gone on with.

CORE_PROGRAMS=(etcd etcdctl kube-apiserver kube-controller-manager kube-scheduler kubelet kubectl)

programs_of() { # SIZE
	echo "${CORE_PROGRAMS[*]}"
	[[ $1 == tiny ]] || echo kustomize-controller
	[[ $1 != big ]] || echo kube-proxy
}

tools_path() {
	echo "$TESTBED_CACHE/bin/rigtools-$(cat "$LIB/../tools/"*.go "$LIB/../tools/go.mod" | sha256sum | cut -c1-8)"
}
tools_build() {
	local out
	out=$(tools_path)
	[[ -x $out ]] && return
	go_env
	mkdir -p "$TESTBED_CACHE/bin"
	(cd "$LIB/../tools" && CGO_ENABLED=0 nice -n "$BUILD_NICE" go build -trimpath -ldflags="-s -w" -o "$out.new" .) ||
		die "building the testbed's own tools failed"
	mv "$out.new" "$out"
}

# Images that a node has on its own disk, as k3s' agent/images: imported at every start of the node.
images_path() {
	echo "$TESTBED_CACHE/images-$(cat "$(tools_path)" "$LIB/../images/build.py" "${BASH_SOURCE[0]}" | sha256sum | cut -c1-8)"
}
images_build() {
	local out tools
	out=$(images_path)
	tools=$(tools_path)
	[[ -d $out ]] && return
	rm -rf "$out.new" && mkdir -p "$out.new"
	image() { # FILE NAME CMD...
		local file=$1 name=$2
		shift 2
		python3 "$LIB/../images/build.py" "$out.new/$file.tar" "$name" \
			--file "$tools=/bin/rigtools" --file /bin/busybox=/bin/busybox --cmd "$@"
	}
	image pause rig.test/pause:1 /bin/rigtools pause
	image app rig.test/app:1 /bin/rigtools serve :8080 app
	mv "$out.new" "$out"
}

# build_missing SIZE: what of it the cache lacks, in words; empty when all is there.
build_missing() {
	local p
	[[ -d $(base_path) ]] || echo "base image"
	# shellcheck disable=SC2046 # names without blanks
	for p in $(programs_of "$1"); do [[ -x $(go_artefact "$p") ]] || echo "$p"; done
	[[ -x $(tools_path) ]] || echo "tools"
}

build_all() { # SIZE
	local missing trouble started=$SECONDS
	host_packages
	missing=$(build_missing "$1")
	if [[ -n $missing ]]; then
		trouble=$(go_check)
		[[ -z $trouble ]] || refuse "$trouble"
		say "to build: $(tr '\n' ' ' <<<"$missing")"
		cache_lock
		base_build
		# shellcheck disable=SC2046
		go_build $(programs_of "$1")
		tools_build
		exec 8>&-
		say "built in $((SECONDS - started)) s"
	fi
	images_build
}
