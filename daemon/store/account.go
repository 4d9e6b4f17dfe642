package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Clients ask before anything else whether there is JetStream, and which stream
// a subject belongs to. The server would answer with our own account and all of
// its streams, so the clerk answers by itself: a user has one stream, EVENTS, and
// its own consumers.

// account answers a request for what the user has and may have.
func (c *clerk) account(user string, m *nats.Msg) error {
	ctx, cancel := context.WithTimeout(context.Background(), authTimeout)
	defer cancel()
	if _, err := c.refresh(ctx); err != nil {
		return err
	}
	stats := &server.JetStreamAccountStats{API: server.JetStreamAPIStats{Level: server.JSApiLevel}}
	stats.Streams, stats.Consumers = 1, len(c.owners.names(user))
	// No bytes: a user stores nothing.
	stats.Limits = server.JetStreamAccountLimits{MaxStreams: 1, MaxConsumers: c.Limit(user), MaxAckPending: maxAckPending}
	c.respond(m, server.JSApiAccountInfoResponse{
		ApiResponse: server.ApiResponse{Type: server.JSApiAccountInfoResponseType}, JetStreamAccountStats: stats,
	})
	return nil
}

// streams answers a request for the names of the streams, or of those that have
// a subject.
func (c *clerk) streams(m *nats.Msg) error {
	var asked server.JSApiStreamNamesRequest
	if len(bytes.TrimSpace(m.Data)) > 0 {
		if err := json.Unmarshal(m.Data, &asked); err != nil {
			return fmt.Errorf("the request is no JSON: %w", err)
		}
	}
	names := []string{}
	if asked.Subject == "" || server.SubjectsCollide(asked.Subject, eventsSubjects) {
		names = append(names, eventsName)
	}
	from := min(max(asked.Offset, 0), len(names))
	c.respond(m, server.JSApiStreamNamesResponse{
		ApiResponse: server.ApiResponse{Type: server.JSApiStreamNamesResponseType},
		ApiPaged:    server.ApiPaged{Total: len(names), Offset: from, Limit: pageOf}, Streams: names[from:],
	})
	return nil
}
