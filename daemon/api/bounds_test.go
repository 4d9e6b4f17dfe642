package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/session"
	"agentkeeper/vendors/option"
)

// A reason is taken up to the bound, whatever it is for; one byte above it is a
// clear 400, and nothing is stored.
func TestReasonLimit(t *testing.T) {
	s := newService()
	h := s.controller().Handler()
	for _, path := range []string{"/api/v1/agents/hq/291/pause", "/api/v1/agents/hq/291/resume", "/api/v1/webhooks/crm/resume"} {
		for length, status := range map[int]int{session.TextLimit: http.StatusAccepted, session.TextLimit + 1: http.StatusBadRequest} {
			before := len(s.commands) + len(s.resumed)
			w := call(h, http.MethodPost, path, `{"reason":"`+strings.Repeat("x", length)+`"}`)
			if w.Code != status {
				t.Errorf("%s with a reason of %d bytes: %d %.200s", path, length, w.Code, w.Body)
			}
			if stored := len(s.commands)+len(s.resumed) > before; stored != (status == http.StatusAccepted) {
				t.Errorf("%s with a reason of %d bytes: stored is %v", path, length, stored)
			}
			if status == http.StatusBadRequest && !strings.Contains(w.Body.String(), "1025 bytes, and 1024 at most") {
				t.Errorf("the answer does not say what is wrong: %s", w.Body)
			}
		}
	}
}

// A body is read up to the bound.
func TestBodyLimit(t *testing.T) {
	h := newService().controller().Handler()
	for length, status := range map[int]int{bodyLimit: http.StatusAccepted, bodyLimit + 1: http.StatusRequestEntityTooLarge} {
		body := `{"reason":"x"` // and spaces
		body += strings.Repeat(" ", length-len(body)-1) + "}"
		if w := call(h, http.MethodPost, "/api/v1/agents/hq/291/pause", body); w.Code != status {
			t.Errorf("%d bytes: %d %.200s", length, w.Code, w.Body)
		}
	}
}

func TestWaitLimit(t *testing.T) {
	h := newService().controller().Handler()
	for wait, status := range map[time.Duration]int{waitLimit: http.StatusOK, waitLimit + time.Second: http.StatusBadRequest} {
		if w := call(h, http.MethodPost, "/api/v1/agents/hq/291/sign-in?wait="+wait.String(), `{"reason":"x"}`); w.Code != status {
			t.Errorf("%v: %d %.200s", wait, w.Code, w.Body)
		}
	}
}

// Whatever a stranger writes, an answer repeats little of it.
func TestAnswersRepeatLittle(t *testing.T) {
	h, long := newService().controller().Handler(), strings.Repeat("x", 60_000)
	for _, tt := range []struct{ method, target, body string }{
		{"GET", "/api/v1/agents/hq/" + long, ""},
		{"GET", "/api/v1/agents/" + long + "/291", ""},
		{"GET", "/api/v1/agents?" + long + "=1", ""},
		{"GET", "/api/v1/agents?state=" + long, ""},
		{"GET", "/api/v1/events?follow=" + long, ""},
		{"GET", "/api/v1/agents/hq/291/credential?after=" + long, ""},
		{"GET", "/api/v1/agents/hq/291/credential?wait=" + long, ""},
		{"GET", "/api/v1/agents/hq/" + long + "/credential", ""},
		{"POST", "/api/v1/agents/hq/" + long + "/pause", `{"reason":"x"}`},
		{"POST", "/api/v1/agents/hq/291/" + long, `{"reason":"x"}`},
		{"POST", "/api/v1/agents/hq/" + long + "/command", `{"do":"busy","reason":"x"}`},
		{"POST", "/api/v1/agents/hq/291/command", `{"` + long + `":"x"}`},
		{"POST", "/api/v1/agents/hq/291/command", `{"do":"` + long + `","reason":"x"}`},
		{"POST", "/api/v1/agents/hq/291/command", `{"do":"busy","timeout":"` + long + `","reason":"x"}`},
		{"POST", "/api/v1/agents/hq/291/pause", `{"reason":"x","for":"` + long + `"}`},
		{"POST", "/api/v1/agents/hq/291/pause", `{"` + long + `":"x"}`},
		{"POST", "/api/v1/agents/hq/291/pause?wait=" + long, `{"reason":"x"}`},
		{"POST", "/api/v1/webhooks/" + long + "/resume", `{"reason":"x"}`},
		{"POST", "/api/v1/plan", `{"file":"` + long + `"}`},
	} {
		w := call(h, tt.method, tt.target, tt.body)
		if w.Body.Len() > 5<<10 || (w.Code < 400 && !strings.HasSuffix(tt.target, long)) {
			t.Errorf("%s %.60s: %d with %d bytes", tt.method, tt.target, w.Code, w.Body.Len())
		}
		var answer struct{ Error string }
		if err := json.Unmarshal(w.Body.Bytes(), &answer); w.Code >= 400 && err != nil {
			t.Errorf("%s %.60s: %v", tt.method, tt.target, err)
		}
	}
}

// A mistyped name costs a bounded search, however long it is and however many
// agents there are: each suggestion stays, and what is compared is counted.
func TestSuggestionsAreBounded(t *testing.T) {
	known := make([]string, 50_000)
	for i := range known {
		known[i] = fmt.Sprintf("hq/%s-%05d", strings.Repeat("x", 80), i)
	}
	at := strings.Repeat("y", option.DistanceLimit)
	if got := DidYouMean(at[:option.DistanceLimit-1]+"z", slices.Concat([]string{at}, known)); !strings.Contains(got, at) {
		t.Errorf("%.80s", got)
	}
	if got := DidYouMean(at, []string{at[1:] + "z"}); got == "" {
		t.Error("no suggestion for a name at the bound")
	}
	if got := DidYouMean(at+"y", []string{at}); got != "" {
		t.Errorf("a suggestion for a name above the bound: %.80s", got)
	}
	if got := DidYouMean("-49999", known); got != "; did you mean "+known[49_999]+"?" {
		t.Errorf("a part of a name is not found: %q", got)
	}
	// With the budget spent a near name is not found any more, only a part of one.
	near := "hq/" + strings.Repeat("x", 79) + "q-00000"
	if got := DidYouMean(near, known); !strings.Contains(got, known[0]) {
		t.Errorf("the first is not found: %q", got)
	}
	if got := DidYouMean("hq/"+strings.Repeat("w", 80)+"-49999", slices.Concat(known, []string{"hq/" + strings.Repeat("w", 79) + "v-49999"})); got != "" {
		t.Errorf("beyond the budget there is still a search: %.120s", got)
	}
}

func BenchmarkUnknownAgent(b *testing.B) {
	s := newService()
	for i := range 10_000 {
		s.agents = append(s.agents, fleet.Agent{ID: session.ID{Platform: "hq", Login: fmt.Sprint(20_000 + i)}})
	}
	h := s.controller().Reader.Handler()
	for _, length := range []int{5, 100, 200, 15_000} {
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			target := "/api/v1/agents/hq/" + url.PathEscape(strings.Repeat("9", length))
			for b.Loop() {
				if w := call(h, http.MethodGet, target, ""); w.Code != http.StatusNotFound && w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
