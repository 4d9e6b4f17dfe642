#!/bin/sh
# Runs after the files are in place. deb: configure; rpm: 1 at an installation, 2
# at an upgrade.
set -e
unit=agentkeeper.service

case "${1-}" in
configure)
	first=
	if [ -e /run/agentkeeper.install ]; then
		rm /run/agentkeeper.install
		first=yes
	fi
	;;
1) first=yes ;;
2) first= ;;
*) exit 0 ;;
esac

# The service's user, and what it may read.
systemd-sysusers agentkeeper.conf
chgrp agentkeeper /etc/agentkeeper
[ ! -e /etc/agentkeeper/agentkeeper.yaml ] || chgrp agentkeeper /etc/agentkeeper/agentkeeper.yaml

# Systemd before 254 would warn of the lines that it does not know.
newer=/usr/lib/systemd/system/$unit.d/50-newer.conf
version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
if [ "${version:-0}" -ge 254 ]; then
	ln -sf /usr/share/agentkeeper/newer.conf "$newer"
else
	rm -f "$newer"
fi

[ -z "$first" ] || systemctl enable --quiet "$unit" || true
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload

# In the environment of the service, where there is one: its credentials and
# variables are there.
check() {
	pid=$(systemctl show --value -p MainPID "$unit")
	if [ "$pid" -gt 0 ] && [ -r "/proc/$pid/environ" ]; then
		xargs -0 -a "/proc/$pid/environ" sh -c 'exec env "$@" /usr/bin/agentkeeper check' sh
	else
		/usr/bin/agentkeeper check
	fi
}

if [ -n "$first" ]; then
	if check >/dev/null 2>&1; then
		systemctl start "$unit"
	else
		echo "agentkeeper is enabled and not started: write /etc/agentkeeper/agentkeeper.yaml, then"
		echo "  agentkeeper check && systemctl start agentkeeper"
	fi
elif systemctl is-active --quiet "$unit"; then
	# A restart hands the sessions over: no agent signs in anew.
	if problems=$(check 2>&1); then
		systemctl try-restart "$unit"
	else
		echo "agentkeeper goes on with the old version, for the new one would not start:" >&2
		echo "$problems" >&2
		echo "mend that, then: systemctl restart agentkeeper" >&2
	fi
fi
