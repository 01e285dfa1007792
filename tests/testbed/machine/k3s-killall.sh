#!/bin/sh
# As k3s' script of this name: stops k3s and every container, whose shims outlive `systemctl stop k3s`.
[ "$(id -u)" = 0 ] || exec sudo --preserve-env=PATH "$0" "$@"
for service in k3s k3s-agent; do
	systemctl cat "$service.service" >/dev/null 2>&1 && systemctl stop "$service.service"
done
ctr -n k8s.io tasks ls -q | while read -r task; do
	ctr -n k8s.io tasks kill -s KILL "$task" || true
done
exit 0
