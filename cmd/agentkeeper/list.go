package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"agentkeeper/daemon/view"
)

// listPage is how many agents are asked for at once: a fleet of any size is shown
// in the room of so many.
const listPage = 1000

// agentList is the agents of the service that a query chooses, page by page.
type agentList struct {
	client *client
	query  url.Values
}

// each calls fn with each page as the service wrote it; last tells that it is the
// last one. Without agents that is an empty one.
func (r agentList) each(ctx context.Context, fn func(page []json.RawMessage, last bool) error) error {
	q := url.Values{}
	for name, values := range r.query {
		q[name] = values
	}
	q.Set("limit", strconv.Itoa(listPage))
	for {
		body, err := r.client.call(ctx, http.MethodGet, "/api/v1/agents?"+q.Encode(), nil)
		if err != nil {
			return err
		}
		var page struct {
			Agents []json.RawMessage `json:"agents"`
			Next   string            `json:"next"`
		}
		if err := decode(body, &page); err != nil {
			return err
		}
		if err := fn(page.Agents, page.Next == ""); err != nil || page.Next == "" {
			return err
		}
		q.Set("after", page.Next)
	}
}

// agents is each with the agents decoded.
func (r agentList) agents(ctx context.Context, fn func(page []view.Agent, last bool) error) error {
	return r.each(ctx, func(raw []json.RawMessage, last bool) error {
		page := make([]view.Agent, len(raw))
		for i, text := range raw {
			if err := decode(text, &page[i]); err != nil {
				return err
			}
		}
		return fn(page, last)
	})
}

// json writes the API's {"agents":[…]}, and nothing where known fails, which is
// asked when there is no agent.
func (r agentList) json(ctx context.Context, to io.Writer, known func() error) error {
	out, n := bufio.NewWriter(to), 0
	err := r.each(ctx, func(page []json.RawMessage, last bool) error {
		if n == 0 && last && len(page) == 0 {
			if err := known(); err != nil {
				return err
			}
		}
		for _, text := range page {
			separator := ","
			if n++; n == 1 {
				separator = `{"agents":[`
			}
			_, _ = out.WriteString(separator)
			if _, err := out.Write(text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if n == 0 {
		_, _ = out.WriteString(`{"agents":[`)
	}
	_, _ = out.WriteString("]}\n")
	return out.Flush()
}

// table shows the agents of a list. A fleet that fits into one page is asked for
// once; a larger one twice, to measure and to print.
type table struct {
	list   agentList
	grid   *grid[view.Agent]
	totals totals
	only   []view.Agent // the one page there is
	paged  bool         // there are more
}

// newTable measures.
func newTable(ctx context.Context, r agentList, t terminal) (*table, error) {
	x := &table{list: r, grid: newGrid(columns, time.Now(), t.width > 0)}
	err := r.agents(ctx, func(page []view.Agent, last bool) error {
		x.add(page)
		x.paged = x.paged || !last
		x.only = page
		return nil
	})
	x.fit(t)
	return x, err
}

func (x *table) add(page []view.Agent) {
	x.totals.add(page)
	x.grid.measure(page)
}

// fit chooses the columns when all is measured.
func (x *table) fit(t terminal) {
	if !x.totals.labels {
		x.grid.drop("LABEL")
	}
	if !x.totals.works.told {
		x.grid.drop("WORK")
	}
	if t.width > 0 {
		x.grid.fit(t.width)
	}
}

// write writes a line per agent and the sum.
func (x *table) write(ctx context.Context, t terminal, to io.Writer) error {
	var b strings.Builder
	x.grid.head(&b)
	show := func(page []view.Agent, _ bool) error {
		x.grid.rows(&b, t, page)
		_, err := io.WriteString(to, b.String())
		b.Reset()
		return err
	}
	var err error
	if x.paged {
		err = x.list.agents(ctx, show)
	} else {
		err = show(x.only, true)
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(to, "\n"+x.totals.text(t)+"\n")
	return err
}
