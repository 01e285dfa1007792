# shellcheck shell=bash
# Go programs from the module proxy into the cache.
#
# A module other than ours is built from a small module of our own that requires it. `replace` lines in a
# dependency's go.mod do not count in ours, so the ones that matter are repeated here.

# Kubernetes reports "v0.0.0-master" unless the version is given at link time.
kubernetes_ldflags() {
	local v=k8s.io/component-base/version
	echo "-s -w -X $v.gitVersion=$KUBERNETES_REPORTED -X $v.gitMajor=1 -X $v.gitMinor=36"
}

# go_recipe NAME: prints "MODULE VERSION PACKAGE CGO LDFLAGS" of a program, tab-separated. What runs in a container is
# linked without C libraries (CGO 0), since its image has none.
go_recipe() {
	case $1 in
	kube-apiserver | kube-controller-manager | kube-scheduler | kubelet | kubectl | kube-proxy)
		printf '%s\t%s\t%s\t1\t%s\n' k8s.io/kubernetes "$KUBERNETES_VERSION" "k8s.io/kubernetes/cmd/$1" "$(kubernetes_ldflags)" ;;
	etcd)
		printf '%s\t%s\t%s\t1\t%s\n' go.etcd.io/etcd/server/v3 "$ETCD_VERSION" go.etcd.io/etcd/server/v3 "-s -w" ;;
	etcdctl)
		printf '%s\t%s\t%s\t1\t%s\n' go.etcd.io/etcd/etcdctl/v3 "$ETCD_VERSION" go.etcd.io/etcd/etcdctl/v3 "-s -w" ;;
	kustomize-controller)
		printf '%s\t%s\t%s\t0\t%s\n' github.com/fluxcd/kustomize-controller "$KUSTOMIZE_CONTROLLER_VERSION" \
			github.com/fluxcd/kustomize-controller "-s -w" ;;
	coredns) # not its own main, which links every cloud's SDK: see coredns/main.go
		printf '%s\t%s\t%s\t0\t%s\n' github.com/coredns/coredns "$COREDNS_VERSION" . "-s -w" ;;
	registry)
		printf '%s\t%s\t%s\t0\t%s\n' github.com/distribution/distribution/v3 "$REGISTRY_VERSION" \
			github.com/distribution/distribution/v3/cmd/registry "-s -w" ;;
	*) die "no recipe to build $1" ;;
	esac
}

# The replace lines that the program's own go.mod has and ours must repeat.
go_replaces() {
	local module=$1 version=$2
	case $module in
	k8s.io/kubernetes)
		# Its go.mod lists each staging module at v0.0.0 and replaces it by a folder of its source tree.
		local gomod
		gomod=$(go mod download -json "$module@$version" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
		sed -n 's|^[[:space:]]*\(k8s.io/[a-z-]*\) v0\.0\.0\( .*\)\?$|\1|p' "$gomod" | sort -u |
			while read -r name; do echo "replace $name => $name $KUBERNETES_STAGING"; done ;;
	github.com/fluxcd/kustomize-controller)
		cat <<-END
			replace github.com/fluxcd/kustomize-controller/api => github.com/fluxcd/kustomize-controller/api $version
			replace github.com/opencontainers/go-digest => github.com/opencontainers/go-digest v1.0.1-0.20220411205349-bde1400a84be
			replace sigs.k8s.io/kustomize/api => sigs.k8s.io/kustomize/api v0.21.1
			replace sigs.k8s.io/kustomize/kyaml => sigs.k8s.io/kustomize/kyaml v0.21.1
			replace gopkg.in/yaml.v3 => gopkg.in/yaml.v3 v3.0.1
		END
		;;
	esac
}

go_env() {
	# Caches of our own: what a later build needs is then all in one folder, which CI can keep.
	export GOCACHE=$TESTBED_CACHE/go-build GOMODCACHE=$TESTBED_CACHE/go-mod
	export GOFLAGS='-mod=mod -buildvcs=false' GOTOOLCHAIN=local GOWORK=off
}

# Says what is wrong with the Go at hand, or nothing.
go_check() {
	command -v go >/dev/null || { echo "Go is not installed: Kubernetes $KUBERNETES_VERSION needs $GO_MINIMUM or newer"; return; }
	local have
	have=$(go env GOVERSION)
	have=${have#go}
	have=${have%%[-a-z]*}
	[[ $(printf '%s\n%s\n' "$GO_MINIMUM" "$have" | sort -V | head -n1) == "$GO_MINIMUM" ]] ||
		echo "Go $have is too old: Kubernetes $KUBERNETES_VERSION needs $GO_MINIMUM or newer"
}

# The cache entry of a program: its version and a hash of the whole recipe are in the name.
go_artefact() {
	local recipe version
	recipe=$(go_recipe "$1")
	version=$(cut -f2 <<<"$recipe")
	# A main of our own (coredns) is part of the recipe.
	[[ ! -d $LIB/../$1 ]] || recipe+=$(cat "$LIB/../$1"/*.go)
	echo "$TESTBED_CACHE/bin/$1-$version-$(sha256sum <<<"$recipe" | cut -c1-8)"
}

# go_build NAME...: builds what the cache lacks. Programs of one module are built one after the other and share
# almost all of their compilation through Go's build cache.
go_build() {
	local name out recipe module version package cgo ldflags dir started
	go_env
	mkdir -p "$TESTBED_CACHE/bin" "$TESTBED_CACHE/go-src"
	for name in "$@"; do
		out=$(go_artefact "$name")
		[[ -x $out ]] && continue
		recipe=$(go_recipe "$name")
		IFS=$'\t' read -r module version package cgo ldflags <<<"$recipe"
		dir=$TESTBED_CACHE/go-src/${module//\//_}@$version
		if [[ ! -e $dir/go.mod ]]; then
			# Under another name until it is whole: a build that was killed here starts again.
			rm -rf "$dir.new" && mkdir -p "$dir.new"
			{
				echo "module testbed"
				echo "go $GO_MINIMUM"
				echo "require $module $version"
				go_replaces "$module" "$version"
			} >"$dir.new/go.mod"
			rm -rf "$dir" && mv "$dir.new" "$dir"
		fi
		[[ ! -d $LIB/../$name ]] || cp "$LIB/../$name"/*.go "$dir/"
		say "building $name $version"
		started=$SECONDS
		(cd "$dir" && CGO_ENABLED=$cgo nice -n "$BUILD_NICE" go build -trimpath -ldflags="$ldflags" -o "$out.new" "$package") ||
			die "building $name failed"
		mv "$out.new" "$out"
		say "built $name in $((SECONDS - started)) s ($(($(stat -c %s "$out") / 1048576)) MB)"
	done
}
