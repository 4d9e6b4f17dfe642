package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
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
	inbox := e.nc.NewInbox()
	sub, err := e.nc.SubscribeSync(inbox)
	if err != nil {
		return fmt.Errorf("read %s: %w", filter, err)
	}
	defer func() { _ = sub.Unsubscribe() }() // a closed connection has ended it
	for next, more := uint64(1), true; more; {
		if next, more, err = e.scanPart(ctx, sub, inbox, filter, next, fn); err != nil {
			return fmt.Errorf("read %s: %w", filter, err)
		}
	}
	return nil
}

// scanPart asks for one batch from position next on, and returns where the next
// one begins.
func (e *engine) scanPart(ctx context.Context, sub *nats.Subscription, inbox, filter string, next uint64,
	fn func(key string, value []byte, revision uint64),
) (after uint64, more bool, err error) {
	ask := getRequest{Seq: next, Subject: keyPrefix + filter, Batch: scanBatch, MaxBytes: scanBytes}
	if err := e.nc.PublishRequest(keeperGet, inbox, ask.encode()); err != nil {
		return 0, false, err
	}
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return 0, false, err
		}
		switch status := m.Header.Get(headerStatus); status {
		case "":
		case "204": // the end of this batch
			return next, true, nil
		case "404": // the end of all
			return next, false, nil
		default:
			return 0, false, fmt.Errorf("the server answers with status %s: %s", status, m.Header.Get("Description"))
		}
		revision, err := strconv.ParseUint(m.Header.Get(headerSequence), 10, 64)
		key, ours := strings.CutPrefix(m.Header.Get(headerSubject), keyPrefix)
		if err != nil || !ours || revision < next {
			return 0, false, errors.New("the server answers without a key and its position")
		}
		fn(key, m.Data, revision)
		next = revision + 1
	}
}
