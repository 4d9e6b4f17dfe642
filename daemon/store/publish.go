package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// commit writes msgs in order, and their second copies, and returns one answer
// for each.
func (c *committer) commit(msgs []*nats.Msg, batch bool) ([]ack, error) {
	began := time.Now()
	acks, err := c.send(msgs, batch)
	if err != nil {
		return nil, err
	}
	return acks, c.after.written(msgs, acks, began)
}

// commitAll is commit of any number, in batches. It is for a start, when the
// committer's goroutine does not run yet.
func (c *committer) commitAll(msgs []*nats.Msg) (acks []ack, err error) {
	for part := range slices.Chunk(msgs, maxBatch) {
		some, err := c.commit(part, len(part) > 1)
		if err != nil {
			return nil, err
		}
		acks = append(acks, some...)
	}
	return acks, nil
}

// send writes msgs in order and returns one answer for each. A batch that the
// server rejects is written message by message, so that each is judged alone.
func (c *committer) send(msgs []*nats.Msg, batch bool) ([]ack, error) {
	began := time.Now()
	if batch {
		acks, err := c.batch(msgs)
		if err != nil {
			return nil, err
		}
		if acks != nil {
			c.cost.observe(len(msgs), true, time.Since(began), time.Now())
			return acks, nil
		}
		began = time.Now()
	}
	acks, err := c.single(msgs)
	if err == nil {
		c.cost.observe(len(msgs), false, time.Since(began), time.Now())
	}
	return acks, err
}

// single sends the messages in a pipeline; the server syncs each by itself.
func (c *committer) single(msgs []*nats.Msg) ([]ack, error) {
	c.round, c.expect = c.round+1, len(msgs)
	for i, m := range msgs {
		m.Reply = fmt.Sprintf("%s.%d-%d", c.inbox, c.round, i)
		if err := c.nc.PublishMsg(m); err != nil {
			return nil, fmt.Errorf("publish: %w", err)
		}
	}
	acks := make([]ack, len(msgs))
	for range msgs {
		i, a, err := c.answer()
		if err != nil {
			return nil, err
		}
		acks[i] = a
	}
	return acks, nil
}

// batch sends the messages as one atomic batch. Neither acks nor an error
// means that the server rejected it and wrote nothing.
func (c *committer) batch(msgs []*nats.Msg) ([]ack, error) {
	c.round, c.expect = c.round+1, 1
	id := nuid.Next()
	for i, m := range msgs {
		m.Header.Set(headerBatch, id)
		m.Header.Set(headerBatchSeq, strconv.Itoa(i+1))
		m.Reply = ""
		if i == len(msgs)-1 {
			m.Header.Set(headerBatchCommit, "1")
			m.Reply = fmt.Sprintf("%s.%d-%d", c.inbox, c.round, 0)
		}
		if err := c.nc.PublishMsg(m); err != nil {
			return nil, fmt.Errorf("publish batch: %w", err)
		}
	}
	_, last, err := c.answer()
	for _, m := range msgs {
		m.Header.Del(headerBatch)
		m.Header.Del(headerBatchSeq)
		m.Header.Del(headerBatchCommit)
	}
	switch {
	case err != nil:
		return nil, err
	case last.err != nil:
		c.log.Debug("the server rejected a batch; writing one by one", "messages", len(msgs), "error", last.err)
		return nil, nil //nolint:nilerr // rejected is no failure: the messages go one by one
	}
	return batchAcks(last.seq, len(msgs)), nil
}

// batchAcks spreads the last sequence over a batch: the server lets nothing come
// between its messages.
func batchAcks(last uint64, n int) []ack {
	acks := make([]ack, n)
	for i := range acks {
		acks[i].seq = last - uint64(n-1-i)
	}
	return acks
}

// answer waits for the next reply of this round. The server does not answer a
// message that it could not write, so its health is asked meanwhile. An error
// means that it cannot write.
func (c *committer) answer() (index int, a ack, err error) {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	began := time.Now()
	stop := c.stop
	limit := silence
	for {
		select {
		case m := <-c.replies:
			if i, ok := c.index(m.Subject); ok {
				a, err = readAck(m)
				return i, a, err
			}
		case <-stop:
			stop, limit = nil, lastSilence
		case <-tick.C:
			if err := c.health(); err != nil {
				return 0, ack{}, err
			}
			if time.Since(began) > limit {
				return 0, ack{}, fmt.Errorf("no acknowledgement for %v", limit)
			}
		}
	}
}

// index returns the number of the message in this round that a reply is for;
// replies to earlier rounds are none.
func (c *committer) index(subject string) (int, bool) {
	round, index, ok := strings.Cut(strings.TrimPrefix(subject, c.inbox+"."), "-")
	i, err := strconv.Atoi(index)
	return i, ok && err == nil && i >= 0 && i < c.expect && round == strconv.Itoa(c.round)
}

// readAck tells a written message, a rejected one (in ack.err) and a server
// that cannot write (err) apart.
func readAck(m *nats.Msg) (a ack, err error) {
	if len(m.Data) == 0 {
		return ack{}, fmt.Errorf("the server has no such stream (status %q)", m.Header.Get("Status"))
	}
	var reply struct {
		Seq   uint64
		Error *struct {
			Code    int
			ErrCode int    `json:"err_code"`
			Text    string `json:"description"`
		}
	}
	if err := json.Unmarshal(m.Data, &reply); err != nil {
		return ack{}, fmt.Errorf("acknowledgement: %w", err)
	}
	switch e := reply.Error; {
	case e == nil && reply.Seq == 0:
		return ack{}, errors.New("acknowledgement without a sequence")
	case e == nil:
		return ack{seq: reply.Seq}, nil
	case e.ErrCode == codeWrongSequence:
		return ack{err: fmt.Errorf("%w (%s)", ErrFenced, e.Text)}, nil
	case e.Code >= 500:
		return ack{}, fmt.Errorf("%s (%d)", e.Text, e.ErrCode)
	default:
		return ack{err: fmt.Errorf("the server rejected the write: %s (%d)", e.Text, e.ErrCode)}, nil
	}
}
