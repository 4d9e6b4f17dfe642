package daemon

import (
	"fmt"
	"log/slog"
	"net"

	"agentkeeper/systemd"
)

// publicSocket is the FileDescriptorName of `listen`'s sockets.
const publicSocket = "listen"

// listenPublic returns the sockets that systemd has opened for `listen`, or
// binds address where it has opened none.
func listenPublic(address string, log *slog.Logger) ([]net.Listener, error) {
	sockets, err := systemd.TakeSockets()
	if err != nil {
		return nil, err
	}
	defer sockets.Close()
	given := sockets.Take(publicSocket)
	if names := sockets.Names(); len(names) > 0 {
		log.Warn("sockets of systemd are not used: write FileDescriptorName="+publicSocket+" in their unit", "names", names)
	}
	if len(given) > 0 {
		for _, l := range given {
			log.Info("listening on a socket of systemd's", "address", l.Addr().String(), "configured", address)
		}
		return given, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w (set `listen` to a free address)", address, err)
	}
	return []net.Listener{l}, nil
}
