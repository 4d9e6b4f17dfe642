#!/bin/sh
# Runs after the files are in place. deb: configure [OLD VERSION]; rpm: 1 at an
# installation, 2 at an upgrade. A service that does not start is told, and is no
# failure of the installation.
set -e
unit=agentkeeper.service
config=/etc/agentkeeper/agentkeeper.yaml
marker=/run/agentkeeper.install

first=
case "${1-}" in
configure) [ ! -e $marker ] && [ -n "${2-}" ] || first=yes ;;
1) first=yes ;;
[2-9]) ;;
*) exit 0 ;;
esac

# The service's user, and what it may read. A group that somebody chose stays;
# rpm gives the directory root's at each upgrade.
systemd-sysusers agentkeeper.conf
for path in /etc/agentkeeper $config; do
	[ "$(stat -c %G "$path" 2>/dev/null)" != root ] || chgrp agentkeeper "$path"
done

# Systemd before 254 would warn of the lines that it does not know.
newer=/usr/lib/systemd/system/$unit.d/50-newer.conf
version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
if [ "${version:-0}" -ge 254 ]; then
	ln -sf /usr/share/agentkeeper/newer.conf "$newer"
else
	rm -f "$newer"
fi

[ -z "$first" ] || systemctl enable --quiet "$unit" || true
rm -f $marker # not before: a configuration that failed above is tried again
if [ -n "$first" ] && [ ! -e $config ]; then
	echo "agentkeeper is enabled and not started: write $config (agentkeeper check --sample prints an example), then: agentkeeper check && systemctl start agentkeeper"
fi
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload || true

# Debian lets an administrator forbid starts, by /usr/sbin/policy-rc.d.
invoke() {
	if command -v deb-systemd-invoke >/dev/null; then
		deb-systemd-invoke "$@"
	else
		systemctl "$@"
	fi || echo "agentkeeper could not be started; see: systemctl status $unit" >&2
}

# In the environment of the service, where there is one, and of its file: its
# credentials and variables are there. No command line may show these, so no
# xargs or env.
check() (
	file=
	pid=$(systemctl show --value -p MainPID "$unit")
	if [ "${pid:-0}" -gt 0 ] && [ -r "/proc/$pid/environ" ]; then
		file=$(tr '\0' '\n' <"/proc/$pid/cmdline" | sed -n '/^\(-c\|--config\)$/{n;p;}')
		eval "$(tr '\n\0' '\1\n' <"/proc/$pid/environ" |
			LC_ALL=C sed -n "s/'/'\\\\''/g; s/^\([A-Za-z_][A-Za-z0-9_]*\)=\(.*\)\$/export \1='\2'/p" | tr '\1' '\n')"
	fi
	exec /usr/bin/agentkeeper check ${file:+-c "$file"}
)

if [ -n "$first" ]; then
	if [ ! -e $config ]; then
		:
	elif check >/dev/null 2>&1; then
		invoke start "$unit"
	else
		echo "agentkeeper is enabled and not started: mend what agentkeeper check says, then: systemctl start agentkeeper"
	fi
	exit 0
fi
case "$(systemctl show --value -p ActiveState "$unit")" in
active | activating | reloading) # a restart hands the sessions over: no agent signs in anew
	if problems=$(check 2>&1); then
		invoke try-restart "$unit"
	else
		echo "agentkeeper goes on with the old version, for the new one would not start:" >&2
		echo "$problems" >&2
		echo "mend that, then: systemctl restart agentkeeper" >&2
	fi
	;;
esac
