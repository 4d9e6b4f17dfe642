package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
)

const (
	scanBatch = 500     // keys asked for at once: writes wait meanwhile
	scanBytes = 4 << 20 // or so many bytes
	keeperGet = "$JS.API.DIRECT.GET." + keeperName
)

// scan is read with the tombstones, whose value is empty. It asks for messages
// by their position: a watch waits for as many as the server has counted, and
// for ever where damage made it count wrong.
func (e *engine) scan(ctx context.Context, filter string, fn func(key string, value []byte, revision uint64)) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	for next, more := uint64(1), true; more; {
		var err, wrong error
		ask := getRequest{Seq: next, Subject: keyPrefix + filter, Batch: scanBatch, MaxBytes: scanBytes}
		more, err = getBatch(ctx, e.nc, keeperGet, ask, func(m *nats.Msg, revision uint64) {
			key, ours := strings.CutPrefix(m.Header.Get(headerSubject), keyPrefix)
			if !ours || revision < next {
				wrong = errors.New("the server answers without a key and its position")
				return
			}
			fn(key, m.Data, revision)
			next = revision + 1
		})
		if err = errors.Join(err, wrong); err != nil {
			return fmt.Errorf("read %s: %w", filter, err)
		}
	}
	return nil
}
