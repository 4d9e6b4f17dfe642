package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/view"
)

// Exit codes of a monitoring plugin.
const (
	pluginOK = iota
	pluginWarning
	pluginCritical
	pluginUnknown
)

var pluginWords = []string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}

// check is a monitoring plugin: critical when an agent is parked or its platform
// is quarantined, or the service has a critical problem; warning when an agent
// is not as it is wished, or the service has another problem; unknown while the
// service ends: the next process goes on with the agents, or nobody does. Notices
// are left out.
func check(w io.Writer, service api.Service, t tally) error {
	service.Problems = slices.DeleteFunc(slices.Clone(service.Problems), func(p api.Problem) bool { return p.Severity == api.Noticed })
	code := max(t.code(), codeOf(service.Problems))
	var notes []string
	switch service.Phase {
	case api.PhaseHandingOver:
		code, notes = pluginUnknown, append(notes, "handing over")
	case api.PhaseStopping:
		code, notes = pluginUnknown, append(notes, "stopping, every agent is signed out")
	}
	for _, p := range service.Problems {
		notes = append(notes, plain(p.Text))
	}
	text := fmt.Sprintf("%d of %d agents online%s%s%s", t.online, t.wished,
		some(", stopped: ", t.parked), some(", in quarantine: ", t.quarantined), some(", not yet: ", t.waiting)) + some(", no calls: ", t.idle)
	if len(notes) > 0 {
		text = strings.Join(notes, "; ") + "; " + text
	}
	figures := fmt.Sprintf("online=%d wished=%d parked=%d quarantined=%d waiting=%d unmet=%d problems=%d",
		t.online, t.wished, len(t.parked), len(t.quarantined), len(t.waiting), t.unmet, len(service.Problems))
	if t.ready {
		figures += fmt.Sprintf(" able=%d not_ready=%d no_calls=%d", t.works.able, t.works.notReady, len(t.idle))
	}
	_, _ = fmt.Fprintf(w, "%s - %s | %s\n", pluginWords[code], text, figures)
	if code == pluginOK {
		return nil
	}
	return &exit{code, nil}
}

// plain keeps a text within the plugin's one line, before its figures.
func plain(text string) string {
	return strings.NewReplacer("|", "/", "\n", " ", "\r", " ").Replace(text)
}

func codeOf(problems []api.Problem) int {
	code := pluginOK
	for _, p := range problems {
		if p.Severity == api.Critical {
			return pluginCritical
		}
		code = pluginWarning
	}
	return code
}

// tally is what became of the agents' wishes.
type tally struct {
	seen                         int      // agents
	wished, online               int      // those that are wished online, and those of them that are
	parked, quarantined, waiting []string // the names of the others
	unmet                        int      // those that are not as they are wished, online or offline

	ready bool // what follows is asked for, as of now
	now   time.Time
	works works
	idle  []string // the names of those that are wished ready, and get no calls for a while
}

func (t *tally) add(agents []view.Agent) {
	t.seen += len(agents)
	for _, a := range agents {
		if a.Unmet() {
			t.unmet++
		}
		if t.ready {
			t.works.add(a)
			if lastingly(a, t.now) {
				t.idle = append(t.idle, a.ID)
			}
		}
		if a.Wish != "online" {
			continue
		}
		t.wished++
		switch {
		case a.State == "online":
			t.online++
		case a.State == "parked":
			t.parked = append(t.parked, a.ID)
		case a.Reason == "quarantine":
			t.quarantined = append(t.quarantined, a.ID)
		default:
			t.waiting = append(t.waiting, a.ID)
		}
	}
}

func (t tally) code() int {
	switch {
	case len(t.parked)+len(t.quarantined) > 0:
		return pluginCritical
	case len(t.waiting)+len(t.idle) > 0:
		return pluginWarning
	}
	return pluginOK
}
