package wire

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// ear hears whether the server said something on a kept connection while nothing
// was asked: bytes behind the last answer, which would be taken for the next one,
// or its end. On a socket that is silent it costs one system call.
type ear struct {
	socket syscall.RawConn // nil: the connection is no socket
	look   func(fd uintptr)
	heard  bool
}

func newEar(conn net.Conn) *ear {
	e := &ear{}
	socket, ok := rawConn(conn).(syscall.Conn)
	if !ok {
		return e
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return e
	}
	e.socket, e.look = raw, e.peek
	return e
}

// peek sets heard unless the socket has nothing to read.
func (e *ear) peek(fd uintptr) {
	var one [1]byte
	_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	for errors.Is(err, syscall.EINTR) {
		_, _, err = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	}
	e.heard = !errors.Is(err, syscall.EAGAIN)
}

// recordLimit is how long the rest of a TLS record is waited for whose beginning
// is there.
const recordLimit = 20 * time.Millisecond

// silent reports whether conn can carry another request: nothing was said on it,
// and it is open. It moves the connection's deadlines. What TLS says for itself,
// such as a session ticket, is no word of the server: it is read, and forgotten.
func (e *ear) silent(conn net.Conn) bool {
	by := time.Unix(1, 0) // a read that only takes what is there already
	if e.socket != nil {
		if err := e.socket.Control(e.look); err != nil {
			return false
		}
		_, secure := conn.(*tls.Conn)
		switch {
		case e.heard && !secure:
			return false
		case e.heard:
			by = time.Now().Add(recordLimit)
		case !secure:
			return true
		}
	}
	if conn.SetReadDeadline(by) != nil {
		return false
	}
	var one [1]byte
	n, err := conn.Read(one[:])
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}
