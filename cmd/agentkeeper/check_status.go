package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

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
		some(", stopped: ", t.parked), some(", in quarantine: ", t.quarantined), some(", not yet: ", t.waiting))
	if len(notes) > 0 {
		text = strings.Join(notes, "; ") + "; " + text
	}
	_, _ = fmt.Fprintf(w, "%s - %s | online=%d wished=%d parked=%d quarantined=%d waiting=%d unmet=%d problems=%d\n",
		pluginWords[code], text, t.online, t.wished, len(t.parked), len(t.quarantined), len(t.waiting), t.unmet, len(service.Problems))
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
}

func (t *tally) add(agents []view.Agent) {
	t.seen += len(agents)
	for _, a := range agents {
		if a.Unmet() {
			t.unmet++
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
	case len(t.waiting) > 0:
		return pluginWarning
	}
	return pluginOK
}
