#!/bin/sh
# A machine for tests with a systemd of its own, in namespaces: its own
# processes, mounts, host name, IPC, control groups and network. Nothing of it
# reaches the machine around it, and a boot takes less than a second.
#
#   machine.sh build SUITE DIR      makes DIR, a root directory of Debian's SUITE
#   machine.sh boot NAME ROOT       boots a throw-away copy of ROOT; ends with it
#   machine.sh sweep NAME           removes the control groups that NAME left
#
# ROOT / is the machine itself, copied on write. Needs root, util-linux, overlay
# and cgroup2; build needs mmdebstrap and the machine's own Debian mirror.
set -eu

# What a test does not need, or what would reach for the machine's own things.
masked="console-getty.service getty@.service serial-getty@.service systemd-logind.service
systemd-timesyncd.service systemd-networkd.service systemd-networkd.socket systemd-resolved.service
systemd-udevd.service systemd-pstore.service systemd-sysctl.service systemd-binfmt.service networking.service
ssh.service cron.service prometheus.service prometheus-node-exporter.service modprobe@.service dev-hugepages.mount e2scrub_reap.service e2scrub_all.timer
apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer man-db.timer logrotate.timer"

fail() {
	echo "machine.sh: $*" >&2
	exit 1
}

# prepare makes a root directory boot the same way each time: no identity, a
# journal on disk without limits, no unit that is masked.
prepare() {
	: >"$1/etc/machine-id"
	mkdir -p "$1/var/log/journal" "$1/etc/systemd/journald.conf.d" "$1/etc/systemd/system"
	printf '[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\n' >"$1/etc/systemd/journald.conf.d/test.conf"
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$1/etc/hosts"
	for unit in $masked; do
		rm -rf "$1/etc/systemd/system/$unit"
		ln -s /dev/null "$1/etc/systemd/system/$unit"
	done
	ln -sfn /lib/systemd/system/multi-user.target "$1/etc/systemd/system/default.target"
}

build() {
	suite=$1 dir=$2
	command -v mmdebstrap >/dev/null || fail "mmdebstrap is missing: apt-get install mmdebstrap"
	mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep '/debian/*$' | head -n 1)
	rm -rf "$dir" "$dir.part"
	mkdir -p "$(dirname "$dir")"
	mmdebstrap --quiet --mode=root --variant=essential \
		--include=systemd,systemd-sysv,dbus,libnss-systemd,mount,procps,iproute2 \
		--aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io \
		--dpkgopt='path-exclude=/usr/share/locale/*' "$suite" "$dir.part" ${mirror:+"$mirror"}
	prepare "$dir.part"
	mv "$dir.part" "$dir"
}

group() { echo "$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)/$1"; }

# boot leaves this process as the parent of the machine's first one.
boot() {
	[ "$(id -u)" = 0 ] || fail "needs root"
	cgroup=$(group "$1")
	mkdir "$cgroup"
	echo $$ >"$cgroup/cgroup.procs"
	exec unshare --pid --mount --uts --ipc --net --cgroup --fork --kill-child sh "$0" inside "$1" "$2"
}

# inside is the machine's first process until systemd takes its place.
inside() {
	name=$1 root=$2
	mount --make-rprivate /
	mount -t tmpfs -o mode=755 tmpfs /mnt # what the machine writes
	mkdir /mnt/upper /mnt/work /mnt/root
	mount -t overlay -o "lowerdir=$root,upperdir=/mnt/upper,workdir=/mnt/work" overlay /mnt/root
	cd /mnt/root
	if [ "$root" = / ]; then
		prepare .
		for directory in tmp var/tmp var/log/journal; do # where others write meanwhile
			mount -t tmpfs -o mode=1777 tmpfs "$directory"
		done
	fi
	mount -t proc -o nosuid,noexec,nodev proc proc
	mount -t sysfs -o ro,nosuid,noexec,nodev sysfs sys
	mount --bind proc/sys proc/sys # most of it is the kernel's, not the machine's
	mount -o remount,bind,ro,nosuid,noexec,nodev proc/sys
	devices
	mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs run
	# Version 2 only: the root of a version 1 hierarchy would be the machine's own.
	mount -t cgroup2 -o nosuid,noexec,nodev cgroup2 sys/fs/cgroup
	hostname "$name"
	ip link set lo up
	mkdir -p .old
	pivot_root . .old
	cd /
	umount -l /.old
	rmdir /.old
	mount --make-rshared / # or credentials never reach a service
	exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=test TERM=dumb \
		setpriv --bounding-set=-sys_time,-sys_module,-sys_rawio \
		/lib/systemd/systemd --log-target=journal systemd.show_status=no
}

devices() {
	mount -t tmpfs -o mode=755,nosuid tmpfs dev
	mkdir dev/pts dev/shm dev/mqueue
	for device in null zero full random urandom tty; do
		touch "dev/$device"
		mount --bind "/dev/$device" "dev/$device"
	done
	mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
	ln -s pts/ptmx dev/ptmx
	ln -s /proc/self/fd dev/fd
	ln -s fd/0 dev/stdin
	ln -s fd/1 dev/stdout
	ln -s fd/2 dev/stderr
	mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs dev/shm
}

sweep() {
	cgroup=$(group "$1")
	tries=0
	while [ -d "$cgroup" ] && [ "$tries" -lt 50 ]; do
		find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
		tries=$((tries + 1))
	done
	[ ! -d "$cgroup" ] || fail "$cgroup is still in use"
}

case ${1-} in
build | boot | inside | sweep) "$@" ;;
*) sed -n '2,11p' "$0" >&2 && exit 2 ;;
esac
