// Package systemd is how the process talks to its service manager: readiness,
// status, reloads, the time that a stop needs, the watchdog, sockets that the
// manager has opened, and the journal. Where there is no such manager, all of
// it does nothing or says that there is nothing.
//
// Beside it are the units: agentkeeper.service, agentkeeper.socket for `listen`
// and newer.conf, a drop-in for systemd 254 and later. Order matters in one
// place: STOPPING=1 is the last word on readiness, so that a reload that ends
// during the stop does not call the service ready again.
//
// Notifications, sockets and entries of the journal are sent by coreos/go-systemd.
// The handler for log/slog is ours: systemd/slog-journal leaves the attributes out of
// the message, which is what `journalctl` prints, drops those whose names are not in
// capitals, and loses an entry that the journal does not take.
package systemd
