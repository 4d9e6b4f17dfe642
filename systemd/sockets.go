package systemd

import (
	"fmt"
	"net"
	"os"

	"github.com/coreos/go-systemd/v22/activation"
)

// Sockets are the listening sockets that the manager has opened for the
// process, by their FileDescriptorName. They stay open there while the process
// is replaced, so that whoever connects meanwhile waits and is not refused.
type Sockets map[string][]net.Listener

// TakeSockets takes what the environment (LISTEN_FDS) offers to this process. A
// second call finds nothing.
func TakeSockets() (Sockets, error) {
	s := Sockets{}
	for _, f := range activation.Files(true) {
		if err := s.add(f); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

func (s Sockets) add(f *os.File) error {
	defer func() { _ = f.Close() }() // FileListener has its own copy
	l, err := net.FileListener(f)
	if err != nil {
		return fmt.Errorf("the socket %q of the service manager is none to listen on: %w (write ListenStream= in its unit)", f.Name(), err)
	}
	s[f.Name()] = append(s[f.Name()], l)
	return nil
}

// Take returns the sockets of a name and leaves the others; none: nil.
func (s Sockets) Take(name string) []net.Listener {
	list := s[name]
	delete(s, name)
	return list
}

// Names lists what is left.
func (s Sockets) Names() (names []string) {
	for name := range s {
		names = append(names, name)
	}
	return names
}

// Close closes what is left.
func (s Sockets) Close() {
	for name := range s {
		for _, l := range s.Take(name) {
			_ = l.Close()
		}
	}
}
