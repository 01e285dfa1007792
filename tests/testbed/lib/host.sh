# shellcheck shell=bash
# The one setting of this computer that a site changes. Every systemd, kubelet and containerd wants some inotify
# instances, and the usual 128 for one user are gone with five nodes: the kubelet of the last one then ends with "too many
# open files". `down` of the last site puts the old value back.

INOTIFY=/proc/sys/fs/inotify/max_user_instances
INOTIFY_BEFORE=/run/ananke-testbed.inotify

host_up() {
	(($(<$INOTIFY) < 2048)) || return 0
	[[ -e $INOTIFY_BEFORE ]] || cat $INOTIFY >$INOTIFY_BEFORE
	echo 2048 >$INOTIFY
}
host_down() {
	compgen -G '/run/netns/rig*' >/dev/null && return
	[[ -e $INOTIFY_BEFORE ]] || return 0
	cat $INOTIFY_BEFORE >$INOTIFY
	rm -f $INOTIFY_BEFORE
}
