package socket

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
)

// The opcodes of RFC 6455, section 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

const (
	finBit     = 0x80
	rsvBits    = 0x70
	maskBit    = 0x80
	maxControl = 125
	maxHeader  = 14
)

// ErrTooBig means that a message is larger than the limit; the connection is
// closed then.
var ErrTooBig = errors.New("websocket message above the size limit")

// errProtocol is what every violation of the framing rules wraps.
var errProtocol = errors.New("websocket protocol violation")

type frame struct {
	fin     bool
	op      byte
	payload []byte // of the buffer that was parsed, not a copy
}

func (f frame) control() bool { return f.op&0x8 != 0 }

// kind names the frame for a trace.
func (f frame) kind() string {
	return map[byte]string{opContinuation: "continuation", opText: "text", opBinary: "binary", opClose: "close", opPing: "ping", opPong: "pong"}[f.op]
}

// told is the payload as a trace shows it: that of a close frame as text.
func (f frame) told() []byte {
	if f.op != opClose || len(f.payload) < 2 {
		return f.payload
	}
	c := closeError(f.payload)
	return []byte(strconv.Itoa(c.Code) + " " + c.Reason)
}

// parse reads one frame from the start of buf and returns how many bytes it
// took; 0 means that buf does not hold the whole frame yet. A payload above
// limit is ErrTooBig as soon as the header tells.
func parse(buf []byte, limit int) (f frame, n int, err error) {
	if len(buf) < 2 {
		return frame{}, 0, nil
	}
	f = frame{fin: buf[0]&finBit != 0, op: buf[0] & 0x0f}
	if err := check(f, buf); err != nil {
		return frame{}, 0, err
	}
	size, start, ok := payloadSize(buf)
	switch {
	case !ok:
		return frame{}, 0, nil
	case size > uint64(max(limit, maxControl)):
		return frame{}, 0, ErrTooBig
	case uint64(len(buf)-start) < size:
		return frame{}, 0, nil
	}
	end := start + int(size)
	f.payload = buf[start:end:end]
	return f, end, nil
}

func check(f frame, buf []byte) error {
	switch {
	case buf[0]&rsvBits != 0:
		return fmt.Errorf("%w: reserved bits set, though no extension was agreed on", errProtocol)
	case buf[1]&maskBit != 0:
		return fmt.Errorf("%w: masked frame from the server", errProtocol)
	case f.control() && !f.fin:
		return fmt.Errorf("%w: fragmented control frame", errProtocol)
	case f.control() && buf[1] > maxControl:
		return fmt.Errorf("%w: control frame above %d bytes", errProtocol, maxControl)
	}
	switch f.op {
	case opContinuation, opText, opBinary, opClose, opPing, opPong:
		return nil
	}
	return fmt.Errorf("%w: unknown opcode %#x", errProtocol, f.op)
}

// payloadSize reads the length field of an unmasked frame; ok is false while
// bytes of it are missing.
func payloadSize(buf []byte) (size uint64, start int, ok bool) {
	switch short := buf[1]; {
	case short < 126:
		return uint64(short), 2, true
	case short == 126 && len(buf) >= 4:
		return uint64(binary.BigEndian.Uint16(buf[2:])), 4, true
	case short == 127 && len(buf) >= 10:
		return binary.BigEndian.Uint64(buf[2:]), 10, true
	}
	return 0, 0, false
}

// encode returns one unfragmented, masked frame.
func encode(op byte, payload []byte) []byte {
	out := make([]byte, 0, maxHeader+len(payload))
	out = append(out, finBit|op)
	switch n := len(payload); {
	case n < 126:
		out = append(out, maskBit|byte(n))
	case n <= 0xffff:
		out = binary.BigEndian.AppendUint16(append(out, maskBit|126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, maskBit|127), uint64(n))
	}
	var mask [4]byte
	_, _ = rand.Read(mask[:]) // never fails
	out = append(out, mask[:]...)
	for i, b := range payload {
		out = append(out, b^mask[i&3])
	}
	return out
}

func closePayload(code int, reason string) []byte {
	if len(reason) > maxControl-2 {
		reason = reason[:maxControl-2]
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
}

// CloseError is the close frame that the server sent.
type CloseError struct {
	Code   int    // 1005 where the server gave none
	Reason string // the server's words, unchecked
}

// Error names the code alone; the reason is the server's text and may hold
// anything.
func (e *CloseError) Error() string {
	return fmt.Sprintf("websocket closed by the server with code %d", e.Code)
}

func closeError(payload []byte) *CloseError {
	if len(payload) < 2 {
		return &CloseError{Code: CodeNone}
	}
	return &CloseError{Code: int(binary.BigEndian.Uint16(payload)), Reason: string(payload[2:])}
}

// Malformed reports whether err is about what the server sent: not HTTP, not
// an upgrade, not a websocket.
func Malformed(err error) bool { return errors.Is(err, errProtocol) || errors.Is(err, ErrTooBig) }
