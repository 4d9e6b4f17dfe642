package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"slices"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"agentkeeper/daemon/socket"
)

// Peer is who is at the other end of the control socket.
type Peer struct {
	UID, GID uint32
	PID      int32
	groups   []uint32 // further ones
	known    bool
}

// String names the peer for the audit log.
func (p Peer) String() string {
	if !p.known {
		return "unknown"
	}
	name := strconv.FormatUint(uint64(p.UID), 10)
	if u, err := user.LookupId(name); err == nil {
		return fmt.Sprintf("%s (uid %s)", u.Username, name)
	}
	return "uid " + name
}

type peerKey struct{}

// PeerOf returns the peer of a request's connection.
func PeerOf(ctx context.Context) Peer {
	p, _ := ctx.Value(peerKey{}).(Peer)
	return p
}

// ConnContext is an http.Server's, for a control socket: it asks the kernel
// who connected.
func ConnContext(ctx context.Context, conn net.Conn) context.Context {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return ctx
	}
	var cred *unix.Ucred
	var groups []uint32
	var failed error
	if err := raw.Control(func(fd uintptr) {
		groups = groupsOf(fd)
		cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil || failed != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, Peer{UID: cred.Uid, GID: cred.Gid, PID: cred.Pid, groups: groups, known: true})
}

// groupsOf asks the kernel for the further groups that who connected had then,
// whatever gave them: /etc/group, a directory service, a unit's
// SupplementaryGroups=. None where it does not tell.
func groupsOf(fd uintptr) []uint32 {
	const gid = 4 // bytes
	groups := make([]uint32, 64)
	for {
		size := uint32(len(groups) * gid)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // no call of the standard library's has a list for its answer
		switch {
		case errno == 0:
			return groups[:size/gid]
		case errno == unix.ERANGE && size > uint32(len(groups)*gid):
			groups = make([]uint32, size/gid)
		default:
			return nil
		}
	}
}

// Admit lets root, the service's own user and its group through, whatever the
// socket's mode became since.
func Admit(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if p := PeerOf(req.Context()); !admitted(p) {
			fail(w, http.StatusForbidden, p.String()+" may not control the service: ask as root, as the service's user or as a member of its group")
			return
		}
		h.ServeHTTP(w, req)
	})
}

func admitted(p Peer) bool {
	own := uint32(os.Getegid())
	return p.known && (p.UID == 0 || p.UID == uint32(os.Geteuid()) || p.GID == own || slices.Contains(p.groups, own))
}

// ListenControl opens the control socket for owner and group.
func ListenControl(path string) (net.Listener, error) {
	return socket.Listen(path, "control socket", "control")
}
