package wire

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"reflect"
	"sync"
	"unsafe"
)

// slim is a TLS connection that holds no buffer between two reads. It is no larger
// than the pointer in it.
type slim struct{ *tls.Conn }

// Slim returns conn, whose handshake is over, as a connection that holds no buffer
// while nobody reads from it, unless a message has come in part: crypto/tls alone
// keeps those of the handshake, 3 KiB, for as long as the connection lasts. Reads
// must not overlap; writes and Close may come at any time. It returns conn itself
// where crypto/tls is not the one that it knows.
func Slim(conn *tls.Conn) net.Conn { return known.slim(conn) }

// known is the layout of this Go's tls.Conn; nil: another one than expected, which
// errLayout describes. Then connections keep their buffers, and nothing else changes.
var known, errLayout = layoutOf(reflect.TypeFor[tls.Conn]())

// layout is where a tls.Conn has its private buffers, in bytes from its beginning.
// Only reads and the handshake touch them.
type layout struct {
	raw   uintptr // bytes.Buffer rawInput: what came, as it is on the wire
	input uintptr // bytes.Reader input: what is decrypted, within rawInput's memory
	hand  uintptr // bytes.Buffer hand: messages of the handshake, copied when they are taken
}

// layoutOf finds the buffers in the type of a connection.
func layoutOf(conn reflect.Type) (*layout, error) {
	l := &layout{}
	for _, f := range []struct {
		name string
		want reflect.Type
		at   *uintptr
	}{
		{"rawInput", reflect.TypeFor[bytes.Buffer](), &l.raw},
		{"input", reflect.TypeFor[bytes.Reader](), &l.input},
		{"hand", reflect.TypeFor[bytes.Buffer](), &l.hand},
	} {
		field, ok := conn.FieldByName(f.name)
		if !ok || field.Type != f.want || len(field.Index) != 1 {
			return nil, fmt.Errorf("%v has no field %s of type %v", conn, f.name, f.want)
		}
		*f.at = field.Offset
	}
	return l, nil
}

func (l *layout) slim(conn *tls.Conn) net.Conn {
	if l == nil {
		return conn
	}
	l.of(conn).release()
	return slim{conn}
}

// buffers are those of one connection.
type buffers struct {
	raw, hand *bytes.Buffer
	input     *bytes.Reader
}

func (l *layout) of(conn *tls.Conn) buffers {
	at := unsafe.Pointer(conn) //nolint:gosec // the fields' names and types were compared
	return buffers{
		raw:   (*bytes.Buffer)(unsafe.Add(at, l.raw)),
		hand:  (*bytes.Buffer)(unsafe.Add(at, l.hand)),
		input: (*bytes.Reader)(unsafe.Add(at, l.input)),
	}
}

// spareSize is how much is lent for a read, in bytes. A connection that needs more,
// for a message of up to 16 KiB, grows a buffer of its own out of it.
const spareSize = 2 << 10

// spare are the buffers to lend, of *[spareSize]byte.
var spare = sync.Pool{New: func() any { return new([spareSize]byte) }}

// Read implements net.Conn.
func (s slim) Read(p []byte) (int, error) {
	b := known.of(s.Conn)
	if b.raw.Cap() == 0 {
		*b.raw = *bytes.NewBuffer(spare.Get().(*[spareSize]byte)[:0])
	}
	n, err := s.Conn.Read(p)
	b.release()
	return n, err
}

// release takes the buffers from the connection that hold nothing.
func (b buffers) release() {
	if b.hand.Len() == 0 {
		*b.hand = bytes.Buffer{}
	}
	if b.raw.Len() > 0 || b.input.Len() > 0 {
		return
	}
	b.raw.Reset()
	if buffer := b.raw.AvailableBuffer(); cap(buffer) == spareSize {
		spare.Put((*[spareSize]byte)(buffer[:spareSize]))
	}
	*b.raw, *b.input = bytes.Buffer{}, bytes.Reader{} // input points into the same memory
}
