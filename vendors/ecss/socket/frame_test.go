package socket

import (
	"bytes"
	"testing"
)

func unmask(t *testing.T, data []byte) frame {
	t.Helper()
	start := 2
	switch data[1] &^ maskBit {
	case 126:
		start = 4
	case 127:
		start = 10
	}
	f := frame{fin: data[0]&finBit != 0, op: data[0] & 0x0f, payload: bytes.Clone(data[start+4:])}
	for i := range f.payload {
		f.payload[i] ^= data[start+i&3]
	}
	return f
}

func TestEncodeMasksEveryLength(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
		want := bytes.Repeat([]byte("x"), n)
		data := encode(opText, want)
		if data[1]&maskBit == 0 {
			t.Errorf("%d bytes: not masked", n)
		}
		if f := unmask(t, data); !f.fin || f.op != opText || !bytes.Equal(f.payload, want) {
			t.Errorf("%d bytes: came out as %d of opcode %d", n, len(f.payload), f.op)
		}
	}
	if bytes.Equal(encode(opText, []byte("same")), encode(opText, []byte("same"))) {
		t.Error("two frames with one mask")
	}
}

func TestParseNeedsTheWholeFrame(t *testing.T) {
	for _, whole := range []string{"\x81\x03abc", "\x82\x7e\x00\x80" + string(make([]byte, 128)), "\x8a\x00"} {
		for cut := range len(whole) {
			if _, n, err := parse([]byte(whole[:cut]), 1024); n != 0 || err != nil {
				t.Errorf("%q cut at %d: took %d, %v", whole, cut, n, err)
			}
		}
		if _, n, err := parse([]byte(whole+"next"), 1024); n != len(whole) || err != nil {
			t.Errorf("%q: took %d, %v", whole, n, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "\x81", "\x81\x00", "\x81\x05hello", "\x01\x01a\x80\x01b", "\x88\x02\x03\xe8", "\x89\x00", "\x81\x7e\x00\x7e", "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff", "\x83\x00", "\xc1\x00", "\x81\x80abcd"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 64
		got, n, err := parse(data, limit)
		switch {
		case n < 0 || n > len(data):
			t.Fatalf("took %d of %d bytes", n, len(data))
		case err != nil && n != 0:
			t.Fatalf("took %d bytes of a bad frame", n)
		case n == 0 && len(got.payload) > 0:
			t.Fatal("a payload of an unfinished frame")
		case len(got.payload) > max(limit, maxControl) || n > maxHeader+max(limit, maxControl):
			t.Fatalf("a payload of %d bytes", len(got.payload))
		}
		if n > 0 {
			again, m, err := parse(data[:n], limit)
			if err != nil || m != n || again.op != got.op || !bytes.Equal(again.payload, got.payload) {
				t.Fatal("the frame alone reads differently")
			}
		}
	})
}

func FuzzCloseError(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{3})
	f.Add([]byte("\x03\xe8bye"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		e := closeError(payload)
		if back := closePayload(e.Code, e.Reason); len(payload) >= 2 && len(payload) <= maxControl && !bytes.Equal(back, payload) {
			t.Errorf("%q came back as %q", payload, back)
		}
	})
}
