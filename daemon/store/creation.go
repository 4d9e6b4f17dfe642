package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// Bounds of one consumer.
const (
	// DefaultInactive is after how long without a program that reads a durable
	// consumer is deleted where its creation names nothing else: a program may be
	// down over a long weekend.
	DefaultInactive = 7 * 24 * time.Hour
	// MaxInactive is the longest that may be named.
	MaxInactive = 30 * 24 * time.Hour

	maxFilters    = 64
	maxWaiting    = 512
	maxAckPending = 64 << 10
	maxBackOff    = 64
)

var errPush = errors.New("agentkeeper offers pull consumers only: leave deliver_subject out")

// create hands a request to create or change a consumer on, if it is one that
// pulls, of the user's own, within bounds. The request came to the subject api,
// with the consumer's name and perhaps a filter behind it, or with nothing, which
// the request's own name then makes up for.
func (c *clerk) create(user string, m *nats.Msg, api, nameAndFilter string) error {
	r, err := readCreation(m.Data, nameAndFilter)
	if err != nil {
		return err
	}
	if r.Config.Metadata == nil {
		r.Config.Metadata = map[string]string{}
	}
	r.Config.Metadata[ownerKey] = user
	isNew, err := c.admit(user, r.Config.Name)
	if err != nil {
		return err
	}
	if nameAndFilter == "" {
		nameAndFilter = r.Config.Name
	}
	data, err := json.Marshal(r)
	var answer []byte
	if err == nil {
		answer, err = c.ask(api+"."+nameAndFilter, data)
	}
	if refused := new(jetstream.APIError); isNew && errors.As(err, &refused) {
		c.owners.forget(r.Config.Name, user)
		return err
	}
	c.owners.made(r.Config.Name, user) // or it may have been: the next refresh tells
	if err == nil {
		err = c.link(user, r.Config.Name)
	}
	if err == nil {
		_ = m.Respond(answer) // a closed connection ends the store's run
	}
	return err
}

// admit takes a place for a consumer. It reports false for one that the user
// has already.
func (c *clerk) admit(user, name string) (isNew bool, err error) {
	limit := c.Limit(user)
	taken := c.owners.take(name, user, limit)
	if taken >= others { // perhaps of one that the server has deleted
		ctx, cancel := context.WithTimeout(context.Background(), authTimeout)
		defer cancel()
		if _, err := c.refresh(ctx); err != nil {
			return false, err
		}
		taken = c.owners.take(name, user, limit)
	}
	switch taken {
	case full:
		c.complain(user, limit)
		return false, &jetstream.APIError{Code: 400, ErrorCode: jetstream.JSErrCodeMaximumConsumersLimit, Description: fmt.Sprintf(
			"maximum consumers limit reached: %s has %d; delete one, or raise max_consumers of the user", user, limit)}
	case crowded:
		c.complain(user, maxConsumers)
		return false, &jetstream.APIError{Code: 400, ErrorCode: jetstream.JSErrCodeMaximumConsumersLimit, Description: fmt.Sprintf(
			"maximum consumers limit reached: all users together have %d", maxConsumers)}
	case others:
		return false, &jetstream.APIError{Code: 400, ErrorCode: jetstream.JSErrCodeConsumerNameExists, Description: fmt.Sprintf(
			"consumer name already in use: %s is another user's consumer; choose another name", name)}
	case unsigned:
		return false, c.must(user, name)
	default:
		return taken == fresh, nil
	}
}

// complain counts a consumer that was refused, and says so in the log now and
// then.
func (c *clerk) complain(user string, limit int) {
	c.refused(RefusedConsumers)
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.warned) > warnEvery {
		c.warned = now
		c.log.Warn("store: a consumer was refused, there are as many as may be; agentkeeper_stream_refused_total counts them", "user", user, "limit", limit)
	}
}

// readCreation decodes a request to create the consumer that its subject
// names. What is handed on is made anew from what was decoded, so that the
// server cannot read it otherwise.
func readCreation(data []byte, nameAndFilter string) (r server.CreateConsumerRequest, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return r, fmt.Errorf("the request cannot be read: %w", err)
	}
	config := &r.Config
	if config.DeliverSubject != "" || config.DeliverGroup != "" {
		return r, errPush
	}
	if config.Direct || config.Sourcing {
		return r, errors.New("direct and sourcing are for the server's own consumers: leave them out")
	}
	if err := nameConsumer(config, nameAndFilter); err != nil {
		return r, err
	}
	return r, boundConsumer(config)
}

// nameConsumer sets the consumer's name: the one in the subject, or the request's
// own where the subject has none (the JavaScript clients do so with consumers
// that are not durable), or else a new one, so that the consumer has an owner
// before the server has it.
func nameConsumer(config *server.ConsumerConfig, nameAndFilter string) error {
	name, _, _ := strings.Cut(nameAndFilter, ".")
	switch {
	case name == "" && config.Durable != "":
		return fmt.Errorf("the subject does not name the consumer %s: a durable consumer's name stands in both", config.Durable)
	case name == "" && config.Name != "":
		name = config.Name
	case name == "":
		name = nuid.Next()
	case (config.Name != "" && config.Name != name) || (config.Durable != "" && config.Durable != name):
		return fmt.Errorf("the subject names the consumer %s and the request another one", name)
	}
	// It becomes a part of the subject that the server is asked by.
	if len(name) > server.JSMaxNameLen || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`.*>/\`, r) }) {
		return fmt.Errorf("%.80q is no name of a consumer: at most %d bytes, without blanks and . * > / \\", name, server.JSMaxNameLen)
	}
	config.Name = name
	return nil
}

// boundConsumer refuses what would cost too much, and sets how long a durable
// consumer is kept that nobody reads.
func boundConsumer(config *server.ConsumerConfig) error {
	for _, b := range []struct {
		what      string
		got, most int64
	}{
		{"inactive_threshold (in seconds)", int64(config.InactiveThreshold / time.Second), int64(MaxInactive / time.Second)},
		{"filter_subjects", int64(len(config.FilterSubjects)), maxFilters},
		{"max_waiting", int64(config.MaxWaiting), maxWaiting},
		{"max_ack_pending", int64(config.MaxAckPending), maxAckPending},
		{"backoff", int64(len(config.BackOff)), maxBackOff},
	} {
		if b.got > b.most {
			return fmt.Errorf("%s is %d; write %d or less", b.what, b.got, b.most)
		}
	}
	if config.MaxAckPending < 0 {
		return fmt.Errorf("max_ack_pending is unlimited; write %d or less", maxAckPending)
	}
	if config.InactiveThreshold == 0 && config.Durable != "" {
		config.InactiveThreshold = DefaultInactive
	}
	return nil
}
