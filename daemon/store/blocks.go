package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/minio/highwayhash"
)

// The streams' files are read before the server reads them. With its index the
// server takes the events' for whole, and when it comes upon a damaged record
// later, it drops all events behind that record, gives their positions to new
// events, or counts for ever on a position that the damage has made huge. Without
// its index it drops all that lies behind the damage, too; of the records' stream
// it was seen to look for ever, afterwards, for the oldest value of a key. So the
// damaged bytes are cut out here, which costs only the records that
// they belonged to; those around them stay byte for byte as the server wrote them.
//
// A record of a block is
//
//	LENGTH SEQUENCE TIME SUBJECTLENGTH SUBJECT [HEADERLENGTH HEADERS] DATA HASH
//
// in little-endian numbers of 4, 8, 8, 2 and 4 bytes. The highest bit of LENGTH
// says that there are headers, the two highest of SEQUENCE that the event at
// that position is gone. HASH is a keyed HighwayHash of 8 bytes over all but the
// lengths.
const (
	recordHead    = 22
	recordHash    = 8
	recordMax     = 32 << 20
	recordHeaders = 1 << 31
	recordErased  = 1 << 63
	recordDeleted = 1 << 62

	// checkFor bounds how long a start takes to read a stream's files, the newest
	// first. What it does not reach is read by the server alone.
	checkFor = 2 * time.Second
	// resyncMost bounds the bytes that are hashed in search of the next record,
	// as a multiple of the block.
	resyncMost = 16
)

// mendFiles cuts what is damaged out of the streams' files. Where that fails the
// server reads them as they are.
func mendFiles(set settings) {
	mendStream(set, keeperName, 0)
	last := uint64(0)
	if set.mark != nil {
		last = set.mark.position()
	}
	mendStream(set, eventsName, last)
}

// mendStream mends a stream's files. With last, the newest one ends at that
// position at least.
func mendStream(set settings, stream string, last uint64) {
	deadline := time.Now().Add(checkFor)
	dir := filepath.Join(streamDir(set.dir, stream), "msgs")
	for _, number := range blocksOf(dir) {
		if time.Now().After(deadline) {
			return
		}
		name := filepath.Join(dir, strconv.Itoa(number)+".blk")
		data, err := os.ReadFile(name)
		if err != nil {
			set.log.Warn("store: a file of a stream cannot be read", "error", err)
			continue
		}
		b := newBlock(stream, number, data)
		if b.check(); b.cut > 0 {
			if err = b.mend(name, last, indexOf(set.dir, stream)); err != nil {
				set.log.Warn("store: damage on disk: a file of a stream cannot be mended", "error", err)
			} else {
				set.log.Warn("store: damage on disk: cut damaged bytes out of a file of a stream", "file", name, "bytes", b.cut)
			}
		}
		last = 0 // older files are followed by others
	}
}

// blocksOf lists the numbers of a stream's blocks, the newest first.
func blocksOf(dir string) (numbers []int) {
	entries, _ := os.ReadDir(dir) // a missing directory has none
	for _, e := range entries {
		digits, ok := strings.CutSuffix(e.Name(), ".blk")
		if n, err := strconv.Atoi(digits); ok && err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	slices.Reverse(numbers)
	return numbers
}

// subjects begin so in each stream.
var subjects = map[string][]byte{keeperName: []byte(keyPrefix), eventsName: []byte("ev.")}

// block is one file of a stream.
type block struct {
	begin  []byte // of every subject
	hash   hash.Hash64
	data   []byte
	whole  [][]byte // runs of whole records
	cut    int      // bytes that are in none
	last   uint64   // position of the last whole record
	hashed int      // bytes hashed in search of records
	digest [recordHash]byte
}

func newBlock(stream string, number int, data []byte) *block {
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", stream, number))
	h, err := highwayhash.NewDigest64(key[:])
	if err != nil {
		panic(err) // only for a key of another length
	}
	return &block{begin: subjects[stream], hash: h, data: data}
}

// check finds the whole records.
func (b *block) check() {
	for at := 0; at < len(b.data); {
		begin := at
		for n := b.record(at); n > 0; n = b.record(at) {
			at += n
		}
		if at > begin {
			b.whole = append(b.whole, b.data[begin:at])
		}
		for at < len(b.data) && !b.found(at) {
			at++
			b.cut++
		}
	}
}

// found reports whether a whole record begins at a byte. It is cheap
// where none does.
func (b *block) found(at int) bool {
	rest := b.data[at:]
	if len(rest) < recordHead+recordHash || b.hashed > resyncMost*len(b.data) {
		return false
	}
	slen := int(binary.LittleEndian.Uint16(rest[20:]))
	if slen > 0 && !bytes.HasPrefix(rest[recordHead:], b.begin) {
		return false
	}
	length := int(binary.LittleEndian.Uint32(rest) &^ recordHeaders)
	if length < recordHead+recordHash+slen || length > len(rest) {
		return false
	}
	b.hashed += length
	return b.record(at) > 0
}

// record returns the length of the record at a byte, 0 where it is not whole.
func (b *block) record(at int) int {
	rest := b.data[at:]
	if len(rest) < recordHead+recordHash {
		return 0
	}
	length := int(binary.LittleEndian.Uint32(rest))
	headers := length&recordHeaders != 0
	length &^= recordHeaders
	if length < recordHead+recordHash || length > min(len(rest), recordMax) {
		return 0
	}
	head, body := rest[:recordHead], rest[recordHead:length-recordHash]
	slen := int(binary.LittleEndian.Uint16(head[20:]))
	if slen > len(body) || (headers && !wholeHeaders(body[slen:])) {
		return 0
	}
	subject, content := body[:slen], body[slen:]
	if headers {
		content = content[4:]
	}
	seq := binary.LittleEndian.Uint64(head[4:])
	if !bytes.Equal(b.sum(head[4:20], subject, content), rest[length-recordHash:length]) {
		return 0
	}
	if seq&recordDeleted == 0 {
		b.last = max(b.last, seq&^recordErased)
	}
	return length
}

// wholeHeaders checks the length in front of headers, which the hash leaves out.
func wholeHeaders(text []byte) bool {
	if len(text) < 4 {
		return false
	}
	n := int(binary.LittleEndian.Uint32(text))
	return n <= len(text)-4 && bytes.HasSuffix(text[4:4+n], []byte("\r\n\r\n"))
}

func (b *block) sum(parts ...[]byte) []byte {
	b.hash.Reset()
	for _, part := range parts {
		_, _ = b.hash.Write(part)
	}
	return b.hash.Sum(b.digest[:0])
}

// mend writes the block anew from its whole records and makes the server read
// it. With a last position above theirs it says that the events up to there are
// gone, or else the server would give their positions to others. A block with no
// whole record is left to the server.
func (b *block) mend(name string, last uint64, index string) error {
	if err := os.Remove(index); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(b.whole) == 0 {
		return nil
	}
	data := bytes.Join(b.whole, nil)
	if last > b.last {
		data = append(data, b.erased(last)...)
	}
	return writeFile(name, data)
}

// erased is the record that the server writes for a position without an event.
func (b *block) erased(seq uint64) []byte {
	record := make([]byte, recordHead)
	binary.LittleEndian.PutUint32(record, recordHead+recordHash)
	binary.LittleEndian.PutUint64(record[4:], seq|recordErased)
	binary.LittleEndian.PutUint64(record[12:], uint64(time.Now().UnixNano()))
	hash := b.sum(record[4:20])
	return slices.Concat(record, hash)
}
