package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// page is the server's for lists and names.
type page struct {
	response
	Total  int `json:"total"`
	Offset int `json:"offset"`
	Limit  int `json:"limit"`
}

const pageOf = 256

// pageFor cuts the part that is asked for out of a user's consumers.
func (c *clerk) pageFor(user string, m *nats.Msg, verb string) (page, []string, error) {
	var asked struct {
		Offset int `json:"offset"`
	}
	if len(bytes.TrimSpace(m.Data)) > 0 {
		if err := json.Unmarshal(m.Data, &asked); err != nil {
			return page{}, nil, fmt.Errorf("the request is no JSON: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), authTimeout)
	defer cancel()
	if _, err := c.refresh(ctx); err != nil {
		return page{}, nil, err
	}
	all := c.owners.names(user)
	from := min(max(asked.Offset, 0), len(all))
	return page{response{Type: typeOf(verb)}, len(all), from, pageOf}, all[from:min(from+pageOf, len(all))], nil
}

func (c *clerk) names(user string, m *nats.Msg) error {
	p, names, err := c.pageFor(user, m, "names")
	if err != nil {
		return err
	}
	c.respond(m, struct {
		page
		Consumers []string `json:"consumers"`
	}{p, names})
	return nil
}

func (c *clerk) list(user string, m *nats.Msg) error {
	p, names, err := c.pageFor(user, m, "list")
	if err != nil {
		return err
	}
	infos := []*jetstream.ConsumerInfo{}
	ctx, cancel := context.WithTimeout(context.Background(), authTimeout)
	defer cancel()
	for _, name := range names {
		consumer, err := c.js.Consumer(ctx, eventsName, name)
		switch {
		case errors.Is(err, jetstream.ErrConsumerNotFound): // since the list was made
		case err != nil:
			return err
		default:
			infos = append(infos, consumer.CachedInfo())
		}
	}
	c.respond(m, struct {
		page
		Consumers []*jetstream.ConsumerInfo `json:"consumers"`
	}{p, infos})
	return nil
}
