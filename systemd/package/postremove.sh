#!/bin/sh
# Runs when the files are gone. State stays, for a later installation; deb's
# purge removes it. /etc/agentkeeper may hold secrets, which are not a package's:
# it goes only when it is empty. The user stays, as files may belong to it.
set -e
case "${1-}" in
purge)
	rm -rf /var/lib/agentkeeper /var/lib/private/agentkeeper
	rmdir --ignore-fail-on-non-empty /etc/agentkeeper 2>/dev/null || true
	;;
remove | 0) ;;
abort-install)
	rm -f /run/agentkeeper.install
	exit 0
	;;
*) exit 0 ;;
esac
[ ! -d /run/systemd/system ] || systemctl daemon-reload || true
