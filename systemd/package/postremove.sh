#!/bin/sh
# Runs when the files are gone. State and configuration stay, for a later
# installation; deb's purge removes them. /etc/agentkeeper may hold secrets, which
# are not a package's: it goes only when it is empty. The user stays, as files may
# belong to it.
set -e
config=/etc/agentkeeper/agentkeeper.yaml
case "${1-}" in
purge)
	rm -f $config $config.dpkg-*
	rm -rf /var/lib/agentkeeper /var/lib/private/agentkeeper
	rmdir --ignore-fail-on-non-empty /etc/agentkeeper 2>/dev/null || true
	;;
remove) ;;
0)
	if [ -e $config.kept ]; then
		mv -f $config.kept $config
	fi
	;;
abort-install)
	rm -f /run/agentkeeper.install
	exit 0
	;;
*) exit 0 ;;
esac
[ ! -d /run/systemd/system ] || systemctl daemon-reload || true
