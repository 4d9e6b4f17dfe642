package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/view"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// A list in pages is the list: each answer says how to ask on, until the last.
func TestPages(t *testing.T) {
	s := newService()
	s.agents = nil
	for i := range 1234 {
		state := session.Online
		if i%100 == 7 {
			state = session.Parked
		}
		s.agents = append(s.agents, fleet.Agent{ID: session.ID{Platform: "hq", Login: fmt.Sprintf("a/%d", i)}, View: keeper.View{State: state, Since: time.Now()}})
	}
	c := s.controller()
	h := c.Reader.Handler()
	get := func(query string) (status int, ids []string, next string) {
		t.Helper()
		res := httptest.NewRecorder()
		h.ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/api/v1/agents?"+query, nil))
		var list struct {
			Agents []view.Agent `json:"agents"`
			Next   string       `json:"next"`
		}
		if err := json.Unmarshal(res.Body.Bytes(), &list); err != nil {
			t.Fatalf("%s: %v: %.200s", query, err, res.Body)
		}
		for _, a := range list.Agents {
			ids = append(ids, a.ID)
		}
		return res.Code, ids, list.Next
	}
	_, whole, next := get("")
	if len(whole) != 1234 || next != "" {
		t.Errorf("without a limit: %d agents, next %q", len(whole), next)
	}
	for _, tt := range []struct {
		filter string
		limit  int
		want   int // agents
		pages  int
	}{{"", 500, 1234, 3}, {"", 617, 1234, 2}, {"", pageLimit, 1234, 1}, {"state=parked&", 5, 13, 3}, {"state=parked&", 13, 13, 2}} {
		var got []string
		pages := 0
		for after := ""; ; pages++ {
			_, ids, next := get(fmt.Sprintf("%slimit=%d&after=%s", tt.filter, tt.limit, url.QueryEscape(after)))
			if got = append(got, ids...); len(ids) > tt.limit {
				t.Errorf("%d agents where %d were asked for", len(ids), tt.limit)
			}
			if next == "" {
				pages++
				break
			}
			after = next
		}
		if len(got) != tt.want || pages != tt.pages || (tt.filter == "" && strings.Join(got, " ") != strings.Join(whole, " ")) {
			t.Errorf("%+v: %d agents in %d pages", tt, len(got), pages)
		}
	}
	for _, bad := range []string{"limit=0", "limit=x", "limit=-1", fmt.Sprintf("limit=%d", pageLimit+1), "after=hq", "after=hq/" + strings.Repeat("x", idLimit)} {
		res := httptest.NewRecorder()
		h.ServeHTTP(res, httptest.NewRequest(http.MethodGet, "/api/v1/agents?"+bad, nil))
		if res.Code != http.StatusBadRequest || res.Body.Len() > 512 {
			t.Errorf("%.40s: %d, %.200s", bad, res.Code, res.Body)
		}
	}
}
