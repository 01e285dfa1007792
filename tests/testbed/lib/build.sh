# shellcheck shell=bash
# `build`: everything that takes long, once, into the cache. Each artefact is made under another name and renamed when
# it is whole, so a build that was killed is simply gone on with.

CORE_PROGRAMS=(etcd etcdctl kube-apiserver kube-controller-manager kube-scheduler kubelet kubectl)

programs_of() { # SIZE
	echo "${CORE_PROGRAMS[*]}"
	! has_flux "$1" || echo kube-proxy coredns kustomize-controller
	[[ $1 != big ]] || echo registry
}

tools_path() {
	echo "$TESTBED_CACHE/bin/rigtools-$(cat "$LIB/../tools/"*.go "$LIB/../tools/go.mod" | sha256sum | cut -c1-8)"
}
own_build() { # OUT FOLDER
	local out=$1
	[[ -x $out ]] && return
	go_env
	mkdir -p "$TESTBED_CACHE/bin"
	(cd "$LIB/../$2" && GOFLAGS=-buildvcs=false CGO_ENABLED=0 nice -n "$BUILD_NICE" go build -trimpath -ldflags="-s -w" -o "$out.new" .) ||
		die "building $2 failed"
	mv "$out.new" "$out"
}

# The stand-in for Flux's source-controller, a module of its own because it needs a git library.
source_path() {
	echo "$TESTBED_CACHE/bin/source-controller-$(cat "$LIB/../source/"*.go "$LIB/../source/go.mod" | sha256sum | cut -c1-8)"
}

# Built only if it keeps its contract, with the git server of our own tools at the other end.
source_build() {
	[[ -x $(source_path) ]] && return
	go_env
	(cd "$LIB/../source" && RIGTOOLS=$(tools_path) GOFLAGS=-buildvcs=false CGO_ENABLED=0 nice -n "$BUILD_NICE" go test . >&2) ||
		die "the stand-in for source-controller breaks its contract (tests/testbed/source/README.md)"
	own_build "$(source_path)" source
}

# What kstatus, the library by which Flux judges objects, makes of an object: for tests/real/kube.
kstatus_path() {
	local version
	version=$(sed -n 's|.*sigs.k8s.io/cli-utils ||p' "$LIB/../kstatus/go.mod")
	echo "$TESTBED_CACHE/bin/kstatus-$version-$(cat "$LIB/../kstatus/"*.go "$LIB/../kstatus/go.mod" | sha256sum | cut -c1-8)"
}

# build_missing SIZE: what of it the cache lacks, in words; empty when all is there.
build_missing() {
	local p
	[[ -d $(base_path) ]] || echo "base image"
	# shellcheck disable=SC2046 # names without blanks
	for p in $(programs_of "$1"); do [[ -x $(go_artefact "$p") ]] || echo "$p"; done
	[[ -x $(tools_path) ]] || echo "tools"
	[[ -x $(kstatus_path) ]] || echo "kstatus"
	! has_flux "$1" || [[ -x $(source_path) ]] || echo "source-controller"
}

# build_all SIZE: contained, so that Ctrl-C, a kill or the end of a terminal stops compilers and debootstrap, too.
build_all() {
	local builder rc=0
	host_packages
	build_complete "$1" && return
	contained "$SELF" _build "$1" &
	builder=$!
	trap 'kill -KILL "$builder" 2>/dev/null; say "stopped; the next build goes on from here"; exit 130' INT TERM HUP
	wait "$builder" || rc=$?
	trap - INT TERM HUP
	((rc == 0)) || exit "$rc"
}
build_complete() {
	[[ -z $(build_missing "$1") && -d $(images_path "$1") ]] && { ! has_flux "$1" || flux_crds_complete; }
}

build_here() { # SIZE
	local missing trouble started=$SECONDS
	cache_lock
	missing=$(build_missing "$1")
	if [[ -n $missing ]]; then
		trouble=$(go_check)
		[[ -z $trouble ]] || refuse "$trouble"
		say "to build: $(tr '\n' ' ' <<<"$missing")"
		# Unpacking Debian packages and compiling Go wait for different things, so they go on beside each other.
		base_build &
		local base=$!
		# shellcheck disable=SC2046
		go_build $(programs_of "$1")
		own_build "$(tools_path)" tools
		own_build "$(kstatus_path)" kstatus
		! has_flux "$1" || source_build
		wait "$base" || die "the base image was not built"
		say "built in $((SECONDS - started)) s"
	fi
	! has_flux "$1" || flux_crds_build
	images_build "$1"
}
