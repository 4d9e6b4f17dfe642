package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/session"
)

const (
	pageLimit = 10_000 // agents that a request may ask for at once; without a limit it gets all
	pageStep  = 500    // agents that are looked at in one go
)

// pageNames are the parameters of a page.
var pageNames = []string{"limit", "after"}

// page is which part of the agents a request asks for.
type page struct {
	after session.ID
	limit int // 0: all
}

// pageOf reads a page and says what is wrong with it.
func pageOf(q url.Values) (p page, err error) {
	if text := q.Get("limit"); text != "" {
		if p.limit, err = strconv.Atoi(text); err != nil || p.limit < 1 || p.limit > pageLimit {
			return page{}, fmt.Errorf("limit %q is no whole number from 1 to %d", session.Cut(text, textLimit), pageLimit)
		}
	}
	if text := q.Get("after"); text != "" {
		platform, login, found := strings.Cut(text, "/")
		if !found || len(text) > idLimit {
			return page{}, fmt.Errorf("after %q is no agent's full name; give what stood under next", session.Cut(text, textLimit))
		}
		p.after = session.ID{Platform: platform, Login: login}
	}
	return p, nil
}

// each calls fn for every agent behind one, sorted by name, until it returns false.
// It holds few of them at once.
func (r *Reader) each(after session.ID, fn func(fleet.Agent) bool) {
	for {
		step := r.Agents.Page(after, pageStep)
		for _, a := range step {
			if !fn(a) {
				return
			}
			after = a.ID
		}
		if len(step) < pageStep {
			return
		}
	}
}

// list answers {"agents":[…]}, filtered. Where a limit ended the list, "next" is
// the name to ask on with, as after. The answer is written as it is made: neither
// side needs room for a whole fleet.
func (r *Reader) list(w http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	want, err := choiceOf(q)
	var part page
	if err == nil {
		part, err = pageOf(q)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	out := bufio.NewWriter(w)
	next := r.write(req, out, want, part)
	if next != "" {
		text, _ := json.Marshal(next)
		_, _ = fmt.Fprintf(out, `,"next":%s`, text)
	}
	_, _ = out.WriteString("}\n")
	_ = out.Flush() // the client went away
}

// write writes the list up to its closing bracket, and returns the last agent's
// name where a limit ended it and there are more agents.
func (r *Reader) write(req *http.Request, out *bufio.Writer, want choice, part page) (next string) {
	enc := json.NewEncoder(out) // ends each agent with a line end
	enc.SetEscapeHTML(false)
	_, _ = out.WriteString(`{"agents":[`)
	now, n := time.Now(), 0
	r.each(part.after, func(a fleet.Agent) bool {
		if !want.place(a) {
			return true
		}
		one := r.show(a, now)
		if !want.condition(one) {
			return true
		}
		if n++; n > 1 {
			_ = out.WriteByte(',')
		}
		err := enc.Encode(one)
		if n == part.limit && len(r.Agents.Page(a.ID, 1)) > 0 {
			next = one.ID
		}
		return err == nil && n != part.limit && req.Context().Err() == nil
	})
	_ = out.WriteByte(']')
	return next
}
