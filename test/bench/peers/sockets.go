package main

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// The kinds of websocket frames (RFC 6455, 5.2).
const (
	frameText  = 1
	frameClose = 8
	framePing  = 9
	framePong  = 10
)

// frame is a client's frame with a mask of zeros, which leaves the payload as it
// is. The payload has less than 64 KiB.
func frame(kind byte, payload []byte) []byte {
	const (
		fin    = 0x80
		masked = 0x80
		two    = 126
	)
	f := []byte{fin | kind}
	if len(payload) < two {
		f = append(f, masked|byte(len(payload)))
	} else {
		f = binary.BigEndian.AppendUint16(append(f, masked|two), uint16(len(payload)))
	}
	return append(append(f, 0, 0, 0, 0), payload...)
}

// cut takes a server's frame from the front of b; whole is false as long as there
// is more to come.
func cut(b []byte) (kind byte, payload, rest []byte, whole bool) {
	const (
		lengthBits = 0x7f
		two        = 126
		eight      = 127
	)
	if len(b) < 2 {
		return 0, nil, nil, false
	}
	length, head := uint64(b[1]&lengthBits), 2
	switch length {
	case two:
		head = 4
	case eight:
		head = 10
	}
	if len(b) < head {
		return 0, nil, nil, false
	}
	switch head {
	case 4:
		length = uint64(binary.BigEndian.Uint16(b[2:]))
	case 10:
		length = binary.BigEndian.Uint64(b[2:])
	}
	if uint64(len(b)-head) < length {
		return 0, nil, nil, false
	}
	end := head + int(length)
	return b[0] & 0x0f, b[head:end], b[end:], true
}

// operator is an agent of the loop without a library.
type operator struct {
	conn  *tls.Conn
	ping  time.Time // when the next one is due
	asked time.Time // when the unanswered one left; zero: none
	one   [1]byte
}

func startSockets(o options, t *tally) error {
	conf, err := trusting(o.CAFile, o.Address)
	if err != nil {
		return err
	}
	return all(o, func(i int) error {
		raw, err := net.Dial("tcp", o.Address)
		if err != nil {
			return err
		}
		p := &operator{conn: tls.Client(raw, conf)}
		if err := p.enter(o.Address, i); err != nil {
			return err
		}
		p.ping = time.Now().Add(firstPing(o.Ping))
		go func() { t.fail(p.live(o, t)) }()
		return nil
	})
}

// enter upgrades the connection, logs in and subscribes. Each answer is whole
// before the next request leaves, so nothing is left in the reader.
func (p *operator) enter(address string, i int) error {
	_, err := fmt.Fprintf(p.conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", address)
	if err != nil {
		return err
	}
	in := bufio.NewReader(p.conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusSwitchingProtocols || !strings.EqualFold(res.Header.Get("Upgrade"), "websocket") {
		return errors.New("no websocket: " + res.Status)
	}
	for _, text := range greeting(i) {
		if _, err := p.conn.Write(frame(frameText, text)); err != nil {
			return err
		}
		answer, err := readText(in)
		if err != nil {
			return err
		}
		if err := granted(answer); err != nil {
			return err
		}
	}
	if in.Buffered() > 0 {
		return errors.New("something that nobody asked for behind the answers")
	}
	return nil
}

// readText reads one text frame.
func readText(in *bufio.Reader) ([]byte, error) {
	for have := 2; ; have++ {
		b, err := in.Peek(have)
		if err != nil {
			return nil, err
		}
		kind, payload, _, whole := cut(b)
		if !whole {
			continue
		}
		if kind != frameText {
			return nil, fmt.Errorf("frame of kind %d", kind)
		}
		text := append([]byte{}, payload...)
		_, err = in.Discard(have)
		return text, err
	}
}

// live waits for one byte, for as long as no ping is due.
func (p *operator) live(o options, t *tally) error {
	ping := frame(framePing, nil)
	for {
		until := p.ping
		if !p.asked.IsZero() {
			until = p.asked.Add(o.Timeout)
		}
		if err := p.conn.SetReadDeadline(until); err != nil {
			return err
		}
		_, err := io.ReadFull(p.conn, p.one[:])
		switch {
		case err == nil:
			err = p.rest(o, t)
		case errors.Is(err, os.ErrDeadlineExceeded) && p.asked.IsZero():
			p.asked = time.Now()
			_, err = p.conn.Write(ping)
		}
		if err != nil {
			return err
		}
	}
}

// rest reads what has come into a buffer that is only lent.
func (p *operator) rest(o options, t *tally) error {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	buf[0] = p.one[0]
	for have := buf[:1]; ; {
		kind, payload, rest, whole := cut(have)
		switch {
		case !whole:
			n := copy(buf[:], have)
			if n == len(buf) {
				return errors.New("a frame that is longer than the buffer")
			}
			more, err := p.conn.Read(buf[n:])
			if err != nil {
				return err
			}
			have = buf[:n+more]
			continue
		case kind == framePong:
			p.asked, p.ping = time.Time{}, p.ping.Add(o.Ping)
			t.rounds.Add(1)
		case kind == frameText:
			t.events.Add(1)
		default:
			return fmt.Errorf("frame of kind %d: %q", kind, payload)
		}
		if have = rest; len(have) == 0 {
			return nil
		}
	}
}
