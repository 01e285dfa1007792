# shellcheck shell=bash
# Container images, from plain files. `node` images lie on every node's own disk, as k3s' agent/images, and are imported
# at each start; on the big site everything of Flux's and the applications' is only in the site's own registry.

REGISTRY_NAME=registry.site.test

images_of() { # SIZE: FOLDER PREFIX IMAGE...
	case $1 in
	tiny | three) echo node rig.test pause app ;;
	small) echo node rig.test pause app coredns ingress git source-controller kustomize-controller ;;
	big)
		echo node rig.test pause coredns ingress registry
		echo registry $REGISTRY_NAME app git source-controller kustomize-controller
		;;
	esac
}

images_path() { # SIZE
	# shellcheck disable=SC2046
	echo "$TESTBED_CACHE/images-$1-$({
		cat "$(tools_path)" "$LIB/../images/build.py" "$LIB/images.sh"
		base_path
		source_path
		for p in $(programs_of "$1"); do go_artefact "$p"; done
	} | sha256sum | cut -c1-8)"
}

images_build() { # SIZE
	local out folder prefix names name
	out=$(images_path "$1")
	[[ -d $out ]] && return
	rm -rf "$out.new"
	while read -r folder prefix names; do
		mkdir -p "$out.new/$folder"
		for name in $names; do image_build "$name" "$prefix/$name:1" "$out.new/$folder/$name.tar"; done
	done < <(images_of "$1")
	mv "$out.new" "$out"
	# Those of other recipes are kept for a while: another checkout may share this cache.
	find "$TESTBED_CACHE" -maxdepth 1 -name "images-$1-????????" ! -path "$out" -mtime +7 -exec rm -rf {} +
}

image_build() { # NAME REFERENCE OUT
	local files=(--file /bin/busybox=/bin/busybox) cmd base file
	case $1 in
	pause | app | ingress | git) files+=(--file "$(tools_path)=/bin/rigtools") ;;
	source-controller) files+=(--file "$(source_path)=/bin/source-controller") ;;
	*) files+=(--file "$(go_artefact "$1")=/bin/$1") ;;
	esac
	case $1 in
	pause) cmd=(/bin/rigtools pause) ;;
	ingress) cmd=(/bin/rigtools ingress) ;;
	app) cmd=(/bin/rigtools serve :8080 app) ;;
	git)
		cmd=(/bin/rigtools gitd :3000 /srv/git)
		# git is linked against libraries: taken from the base image, with git itself.
		base=$(base_path)
		while read -r file; do
			files+=(--file "$base$(chroot "$base" readlink -f "$file")=$file")
		done < <(
			printf '%s\n' /usr/bin/git /usr/lib/git-core/git-http-backend
			chroot "$base" ldd /usr/bin/git /usr/lib/git-core/git-http-backend |
				awk '/\(0x/ && /\// { print $2 == "=>" ? $3 : $1 }' | sort -u
		)
		;;
	*) cmd=("/bin/$1") ;;
	esac
	python3 "$LIB/../images/build.py" "$3" "$2" "${files[@]}" --cmd "${cmd[@]}"
}
