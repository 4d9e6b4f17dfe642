package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"
)

// serve joins the connection to the server. The server's first line goes before
// a TLS handshake, as the protocol has it.
func (d *door) serve(g *guest) error {
	inside, err := d.inside()
	if err != nil {
		return err
	}
	defer inside.Close() //nolint:errcheck // a pipe's never fails
	began := time.Now()
	_ = inside.SetDeadline(began.Add(authTimeout))
	_ = g.conn.SetDeadline(began.Add(authTimeout))
	from := bufio.NewReaderSize(inside, infoLimit)
	line, err := from.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("the server's first line: %w", err)
	}
	if line, err = d.introduce(line); err != nil {
		return err
	}
	if _, err := io.WriteString(inside, proxyLine(g.peer)); err != nil {
		return fmt.Errorf("tell the server who is there: %w", err)
	}
	if _, err := g.conn.Write(line); err != nil {
		return err
	}
	outside := g.conn
	if d.TLS != nil {
		secure := tls.Server(g.conn, d.TLS)
		if err := secure.HandshakeContext(context.Background()); err != nil { // ends with the deadline
			return fmt.Errorf("TLS handshake: %w", err)
		}
		outside = secure
	}
	d.mu.Lock()
	g.talks = outside
	d.mu.Unlock()
	_ = inside.SetDeadline(time.Time{})
	_ = g.conn.SetDeadline(time.Time{}) // the server's own time-out for a login runs
	return d.join(outside, inside, from)
}

// introduce changes the server's first line to what holds for users.
func (d *door) introduce(line []byte) ([]byte, error) {
	text, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("INFO "))
	var info map[string]any
	if err := json.Unmarshal(text, &info); !ok || err != nil {
		return nil, fmt.Errorf("the server's first line is %q: %w", line, err)
	}
	info["max_payload"] = userPayload
	delete(info, "tls_available")
	if d.TLS != nil {
		info["tls_required"] = true
	}
	text, err := json.Marshal(info)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "INFO %s\r\n", text), nil
}

// proxyLine is the header of the PROXY protocol, version 1.
func proxyLine(peer netip.AddrPort) string {
	family, to := "TCP4", "127.0.0.1"
	if peer.Addr().Is6() {
		family, to = "TCP6", "::1"
	}
	return fmt.Sprintf("PROXY %s %s %s %d %d\r\n", family, peer.Addr(), to, peer.Port(), 4222)
}

// join copies both ways until one end is closed or takes nothing for too long.
func (d *door) join(outside, inside net.Conn, from io.Reader) error {
	done := make(chan error, 1)
	go func() {
		err := copyOperations(inside, outside)
		switch {
		case errors.Is(err, errPayload):
			tell(outside, "Maximum Payload Violation")
		case errors.Is(err, errLine):
			tell(outside, "maximum control line exceeded")
		case errors.Is(err, errOperation):
			tell(outside, "Unknown Protocol Operation")
		}
		_ = inside.Close()
		done <- err
	}()
	_, err := io.Copy(timedWriter{outside}, from)
	_ = outside.Close()
	_ = inside.Close()
	return errors.Join(err, <-done)
}

// tell says why a connection ends, in the protocol's words.
func tell(conn net.Conn, why string) {
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(conn, "-ERR '"+why+"'\r\n") // it ends whatever it hears
}

// timedWriter gives every write a time-out.
type timedWriter struct{ net.Conn }

// Write implements io.Writer.
func (w timedWriter) Write(p []byte) (int, error) {
	_ = w.SetWriteDeadline(time.Now().Add(guestWrite))
	return w.Conn.Write(p)
}
