package wire

import (
	"bytes"
	"crypto/cipher"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"os"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"agentkeeper/test/sim"
)

// The content types and messages of RFC 5246 and RFC 8446.
const (
	handshakeRecord = 22
	helloRequest    = 0
	sessionTicket   = 4
	keyUpdate       = 24
)

// forge returns a record of the connection's next number, encrypted by its own
// cipher: crypto/tls sends none of these messages when it is asked.
func forge(t *testing.T, conn *tls.Conn, content byte, message []byte) []byte {
	t.Helper()
	out := reflect.ValueOf(conn).Elem().FieldByName("out")
	aead, ok := (*(*any)(unsafe.Pointer(out.FieldByName("cipher").UnsafeAddr()))).(cipher.AEAD)
	if !ok {
		t.Fatal("the connection's cipher is no AEAD")
	}
	seq := (*[8]byte)(unsafe.Pointer(out.FieldByName("seq").UnsafeAddr()))
	var record []byte
	if conn.ConnectionState().Version == tls.VersionTLS13 {
		record = []byte{23, 3, 3, 0, 0}
		plain := append(bytes.Clone(message), content)
		binary.BigEndian.PutUint16(record[3:], uint16(len(plain)+aead.Overhead()))
		record = aead.Seal(record, seq[:], plain, bytes.Clone(record))
	} else {
		beside := append(bytes.Clone(seq[:]), content, 3, 3, 0, byte(len(message)))
		record = append([]byte{content, 3, 3, 0, 0}, seq[:]...)
		record = aead.Seal(record, seq[:], message, beside)
		binary.BigEndian.PutUint16(record[3:], uint16(len(record)-5))
	}
	binary.BigEndian.PutUint64(seq[:], binary.BigEndian.Uint64(seq[:])+1)
	return record
}

// forged connects with a TLS version and no session tickets behind the handshake.
func forged(t *testing.T, version uint16) ends {
	t.Helper()
	ca, err := sim.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	conf, err := ca.TLS(sim.CertGood)
	if err != nil {
		t.Fatal(err)
	}
	conf.SessionTicketsDisabled = true
	conf.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	return meet(t, "loopback", version, &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1"}, conf)
}

// A message of the handshake that comes in two records, the wait in between: its
// first half must not be lost with the buffer.
func TestPartOfATicketIsKept(t *testing.T) {
	c := forged(t, tls.VersionTLS13)
	ticket := append([]byte{sessionTicket, 0, 0, 0, 0, 0, 14, 16, 0, 0, 0, 0, 1, 0, 0, 200}, make([]byte, 202)...)
	ticket[3] = byte(len(ticket) - 4)
	for _, part := range [][]byte{ticket[:3], ticket[3:100], ticket[100:]} {
		_, _ = c.below.Conn.Write(forge(t, c.server, handshakeRecord, part))
		c.waits(t)
		raw, input, hand := has(c.client.Conn)
		if whole := len(part) > 100; raw+input > 0 || (hand == 0) != whole {
			t.Errorf("behind %d bytes: rawInput has %d bytes, input %d, hand %d", len(part), raw, input, hand)
		}
		lend(bytes.Repeat([]byte{0xff}, spareSize))
	}
	c.says(t, []byte("answer"))
	light(t, c.client.Conn)
}

// New keys, in answer to a request of ours, in front of the data under them.
func TestKeyUpdate(t *testing.T) {
	c := forged(t, tls.VersionTLS13)
	_, _ = c.client.NetConn().Write(forge(t, c.client.Conn, handshakeRecord, []byte{keyUpdate, 0, 0, 1, 1}))
	_ = c.server.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := c.server.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	for range 3 {
		c.says(t, []byte("answer"))
		light(t, c.client.Conn)
	}
}

// A server that wants to negotiate anew is refused, as it is without us.
func TestRenegotiationIsRefused(t *testing.T) {
	c := forged(t, tls.VersionTLS12)
	c.says(t, []byte("answer"))
	_, _ = c.below.Conn.Write(forge(t, c.server, handshakeRecord, []byte{helloRequest, 0, 0, 0}))
	_, err := c.client.Read(make([]byte, 1))
	if trouble, ok := TLSTrouble(err); !ok || trouble.Code != "tls renegotiation" {
		t.Errorf("%v: %q", err, trouble.Code)
	}
	light(t, c.client.Conn)
}
