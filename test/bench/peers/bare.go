package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// bufferSize holds any answer that a loop expects.
const bufferSize = 4096

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

func trusting(caFile, address string) (*tls.Config, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in " + caFile)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return &tls.Config{RootCAs: pool, ServerName: host, MinVersion: tls.VersionTLS13,
		NextProtos: []string{"http/1.1"}, ClientSessionCache: tls.NewLRUClientSessionCache(64)}, nil
}

// all runs one for every agent, at most o.Concurrent at once, each on a goroutine
// of its own that ends with it: what a handshake needs of a stack is not kept. It
// returns the first error.
func all(o options, one func(i int) error) error {
	var running sync.WaitGroup
	gate, failed := make(chan struct{}, o.Concurrent), make(chan error, 1)
	for i := range o.Agents {
		gate <- struct{}{}
		running.Go(func() {
			defer func() { <-gate }()
			if err := one(i); err != nil {
				select {
				case failed <- fmt.Errorf("agent %d: %w", firstLogin+i, err):
				default: // another one was first
				}
			}
		})
	}
	running.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// signInOver signs agent i in over a connection and returns its first poll's
// request.
func signInOver(c io.ReadWriter, o options, i int) ([]byte, error) {
	if _, err := c.Write(signInRequest(o.Address, i)); err != nil {
		return nil, err
	}
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	a, _, err := readAnswer(c, buf[:], 0)
	if err != nil {
		return nil, err
	}
	if len(a.GUID) == 0 {
		return nil, fmt.Errorf("no Guid: %q", a.Body)
	}
	return pollRequest(o.Address, firstLogin+i, a.GUID), nil
}

// readAnswer reads on behind the n bytes that buf has already, until an answer is
// whole. It returns how many bytes buf has then, also with an error.
func readAnswer(c io.Reader, buf []byte, n int) (a answer, has int, err error) {
	for {
		if a, whole, err := scan(buf[:n]); whole || err != nil {
			return a, n, err
		}
		if n == len(buf) {
			return answer{}, n, errors.New("an answer that is longer than the buffer")
		}
		more, err := c.Read(buf[n:])
		n += more
		if err != nil {
			return answer{}, n, err
		}
	}
}

// waiter is an agent of the goroutine loop.
type waiter struct {
	conn    *tls.Conn
	request []byte
	i       int
	one     [1]byte
}

func startGoroutines(o options, t *tally) error {
	conf, err := trusting(o.CAFile, o.Address)
	if err != nil {
		return err
	}
	return all(o, func(i int) error {
		raw, err := net.Dial("tcp", o.Address)
		if err != nil {
			return err
		}
		w := &waiter{conn: tls.Client(raw, conf), i: i}
		if w.request, err = signInOver(w.conn, o, i); err != nil {
			return err
		}
		go w.live(o, t)
		return nil
	})
}

func (w *waiter) live(o options, t *tally) {
	for {
		pause, err := w.poll(o, t)
		if err != nil {
			t.fail(err)
			return
		}
		if pause {
			time.Sleep(o.Pause)
		}
	}
}

func (w *waiter) poll(o options, t *tally) (pause bool, err error) {
	if err := w.conn.SetReadDeadline(time.Now().Add(o.Timeout)); err != nil {
		return false, err
	}
	if _, err := w.conn.Write(w.request); err != nil {
		return false, err
	}
	if _, err := io.ReadFull(w.conn, w.one[:]); err != nil {
		return false, err
	}
	return w.rest(o, t)
}

// rest reads what follows the first byte into a buffer that is only lent.
func (w *waiter) rest(o options, t *tally) (pause bool, err error) {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	buf[0] = w.one[0]
	a, _, err := readAnswer(w.conn, buf[:], 1)
	if err != nil {
		return false, err
	}
	if a.GUID != nil {
		w.request = pollRequest(o.Address, firstLogin+w.i, a.GUID)
	}
	return t.took(a.Body)
}
