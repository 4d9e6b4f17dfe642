package store

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

var (
	errOperation = errors.New("no operation of the protocol")
	errLine      = fmt.Errorf("a line of more than %d bytes", maxControlLine)
	errPayload   = fmt.Errorf("a message of more than %d bytes", userPayload)
)

// copyOperations copies what a NATS client sends, operation by operation, until
// from ends or sends what the protocol has not or what is too large. The
// server's own bound of a message is what the service itself needs, and the
// server sets that much memory aside as soon as a message is announced.
func copyOperations(to io.Writer, from io.Reader) error {
	in, out := bufio.NewReaderSize(from, maxControlLine), bufio.NewWriter(to)
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return errLine
		case err != nil:
			return err
		}
		payload, err := announced(line)
		if err != nil {
			return err
		}
		if _, err := out.Write(line); err != nil {
			return err
		}
		if _, err := io.CopyN(out, in, payload); err != nil {
			return err
		}
		if next, _ := in.Peek(in.Buffered()); bytes.IndexByte(next, '\n') >= 0 {
			continue // there is more to hand on at once
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
}

// announced returns how many bytes follow a line, with the end of line behind
// them.
func announced(line []byte) (int64, error) {
	words := bytes.Fields(line)
	if len(words) == 0 {
		return 0, errOperation
	}
	switch string(bytes.ToUpper(words[0])) {
	case "CONNECT", "PING", "PONG", "SUB", "UNSUB":
		return 0, nil
	case "PUB", "HPUB":
	default:
		return 0, errOperation
	}
	size, err := strconv.ParseUint(string(words[len(words)-1]), 10, 31)
	switch {
	case err != nil || len(words) < 3:
		return 0, errOperation
	case size > userPayload:
		return 0, errPayload
	}
	return int64(size) + int64(len("\r\n")), nil
}
