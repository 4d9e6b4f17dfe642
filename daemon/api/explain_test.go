package api

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/gate"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.FixedZone("MSK", 3*3600))

func explained(change func(a *fleet.Agent, p *fleet.Platform)) []string {
	a := fleet.Agent{ID: session.ID{Platform: "hq", Login: "291"}, Vendor: "huawei", Group: "bots", By: "configuration", Why: "always online",
		Window: 2 * time.Minute, View: keeper.View{State: session.Online, Since: noon.Add(-90 * time.Second)}}
	p := fleet.Platform{Name: "hq", Vendor: "huawei"}
	change(&a, &p)
	return explain(explanation{a: a, p: p, now: noon})
}

// Every state with every reason, wished or not, with and without a next try,
// gets sentences; and what matters at three in the morning is among them.
func TestExplainEverything(t *testing.T) {
	reasons := append([]session.Reason{session.ReasonNone}, session.Reasons()...)
	for _, state := range session.States() {
		for _, reason := range reasons {
			for bits := range 8 {
				got := explained(func(a *fleet.Agent, p *fleet.Platform) {
					a.View.State, a.View.Reason = state, reason
					if bits&1 != 0 {
						a.Wish, a.By = session.Leave, "schedule"
						a.Why, a.NextWish = "shift", noon.Add(time.Hour)
					}
					if bits&2 != 0 {
						a.View.NextAttempt, a.View.Code = noon.Add(time.Second), "100-004"
						a.View.Detail = "wrong password"
					}
					if bits&4 != 0 {
						a.View.Queued, p.Gate = true, gate.Status{Quarantined: true, Held: "quarantined until 12:10:00"}
					}
				})
				text := strings.Join(got, "\n")
				wants := []string{"hq/291 ", "since 11:58:30 MSK (1 min 30 s ago)", reasonWords(reason)}
				switch state {
				case session.Waiting, session.SigningOut, session.SigningIn:
					wants = append(wants, "Next, ")
				case session.Parked:
					wants = append(wants, "Nothing is tried before its secret or configuration changes", "`agentkeeper resume hq/291 --reason …`")
				case session.Offline, session.Online:
				}
				if bits&2 != 0 && reason != session.ReasonNone {
					wants = append(wants, "100-004: wrong password")
				}
				if bits&4 != 0 {
					wants = append(wants, "Platform hq takes no log-ins: quarantined until 12:10:00")
				}
				for _, want := range wants {
					if !strings.Contains(text, want) {
						t.Errorf("%s %q %03b lacks %q:\n%s", state, reason, bits, want, text)
					}
				}
				for _, s := range got {
					if strings.Contains(s, "%!") || strings.Contains(s, "  ") || strings.Contains(s, "..") || !strings.HasSuffix(s, ".") {
						t.Errorf("%s %q %03b: no sentence: %q", state, reason, bits, s)
					}
				}
			}
		}
	}
}

func TestExplain(t *testing.T) {
	tests := []struct {
		name   string
		change func(a *fleet.Agent, p *fleet.Platform)
		want   []string
	}{
		{"online by schedule", func(a *fleet.Agent, _ *fleet.Platform) {
			a.By, a.NextWish = "schedule", noon.Add(6*time.Hour)
			a.Today = "a workday of the schedule, as Friday: sign-in at 09:00"
			a.View.Started, a.View.LastContact = noon.Add(-90*time.Second), noon.Add(-8*time.Second)
		}, []string{
			"hq/291 is online, since 11:58:30 MSK (1 min 30 s ago).",
			"The schedule wants it online until 18:00:00 MSK (6 h 0 min more), then offline. Today is a workday of the schedule, as Friday: sign-in at 09:00.",
			"Its last contact was 8.0 s ago; the platform forgives 1 min 52 s more.",
		}},
		{"adopted and silent", func(a *fleet.Agent, p *fleet.Platform) {
			a.View.State, a.View.Reason = session.Waiting, session.ReasonOutage
			a.View.Adopted = true
			a.View.Started, a.View.LastContact = noon.Add(-30*time.Hour), noon.Add(-130*time.Second)
			a.View.NextAttempt, a.View.Code = noon.Add(1500*time.Millisecond), "refused"
			a.View.Detail, a.View.Action = "10.0.0.5: connection refused", "look whether the gateway runs"
			p.Gate = gate.Status{Out: true, OutSince: noon.Add(-130 * time.Second), NextCanary: noon.Add(4 * time.Second), Held: "the platform is out"}
		}, []string{
			"hq/291 is not online and waits, since 11:58:30 MSK (1 min 30 s ago): the platform does not answer, or with nothing that helps.",
			"The configuration wants it online around the clock: it has no schedule.",
			"What went wrong last is refused: 10.0.0.5: connection refused.",
			"Next, the session, which is kept, is asked for again at 12:00:01 MSK (in 1.5 s); that goes on without end.",
			"What you can do: look whether the gateway runs.",
			"Platform hq cannot be reached, since 11:57:50 MSK (2 min 10 s ago). One sign-in, the canary, goes first, at 12:00:04 MSK (in 4.0 s); the others follow when it succeeds.",
			"Its last contact was 2 min 10 s ago, longer than the 2 min 0 s that the platform forgives: it may have signed the agent out.",
		}},
		{"a platform that answers with failures", func(_ *fleet.Agent, p *fleet.Platform) {
			p.Gate = gate.Status{Out: true, Answers: true, OutSince: noon.Add(-130 * time.Second), Held: "the platform is out"}
		}, []string{
			"hq/291 is online, since 11:58:30 MSK (1 min 30 s ago).",
			"The configuration wants it online around the clock: it has no schedule.",
			"Platform hq is reached but does not work, since 11:57:50 MSK (2 min 10 s ago). One sign-in, the canary, goes first; the others follow when it succeeds.",
		}},
		{"between two tries", func(a *fleet.Agent, _ *fleet.Platform) {
			a.View.State, a.View.Reason = session.Waiting, session.ReasonTaken
			a.View.NextAttempt = noon.Add(40 * time.Second)
		}, []string{
			"hq/291 is not online and waits, since 11:58:30 MSK (1 min 30 s ago): somebody else holds its session or its number.",
			"The configuration wants it online around the clock: it has no schedule.",
			"Next, it tries again at 12:00:40 MSK (in 40 s); that goes on, with growing pauses, for as long as it is to be online.",
			"What you can do: `agentkeeper sign-in hq/291 --reason …` tries at once.",
		}},
		{"refused", func(a *fleet.Agent, _ *fleet.Platform) {
			a.View.State, a.View.Reason = session.Parked, session.ReasonRefused
			a.View.Code, a.View.Detail = "100-004", "wrong user or password"
			a.View.Action = "correct the agent's password"
		}, []string{
			"hq/291 is parked, since 11:58:30 MSK (1 min 30 s ago): the platform refused its password or its settings.",
			"The configuration wants it online around the clock: it has no schedule.",
			"The platform answered 100-004: wrong user or password.",
			"Nothing is tried before its secret or configuration changes, or a person says so: that could lock the account, or two clients could sign each other out in turn.",
			"What you can do: correct the agent's password; `agentkeeper resume hq/291 --reason …` tries once more.",
		}},
		{"in a call at the end of its shift", func(a *fleet.Agent, _ *fleet.Platform) {
			a.View.State, a.View.Reason = session.SigningOut, session.ReasonBusy
			a.Wish = session.Leave
			a.By, a.NextWish = "schedule", noon.Add(6*time.Hour)
		}, []string{
			"hq/291 is signing out, since 11:58:30 MSK (1 min 30 s ago): the platform refuses the sign-out during a call.",
			"The schedule wants it offline until 18:00:00 MSK (6 h 0 min more), then online.",
			"Next, the sign-out is tried again by itself, and so on until the call has ended.",
		}},
		{"paused by a person", func(a *fleet.Agent, _ *fleet.Platform) {
			a.ID.Login, a.View.State = "a b", session.Offline
			a.Wish = session.Leave
			a.Override = &fleet.Override{Verb: fleet.Pause, By: "olga (uid 1000)", Reason: "training", At: noon.Add(-24 * time.Hour)}
		}, []string{
			"hq/a b is signed out, since 11:58:30 MSK (1 min 30 s ago).",
			`olga (uid 1000) said pause at Sun 1 Mar 2026 12:00:00 MSK (24 h 0 min ago): "training". That holds until somebody says resume, whatever the schedule says.`,
			"What you can do: `agentkeeper resume 'hq/a b' --reason …` ends the pause.",
		}},
		{"queued in a quarantine", func(a *fleet.Agent, p *fleet.Platform) {
			a.View.State, a.View.Reason = session.Waiting, session.ReasonQuarantine
			a.View.Code, a.View.Detail = "quarantine", "quarantined until 12:10:00: 3 log-ins refused"
			a.View.Queued = true
			p.Adopts, p.Gate = true, gate.Status{Quarantined: true, Held: a.View.Detail}
		}, []string{
			"hq/291 is not online and waits, since 11:58:30 MSK (1 min 30 s ago): log-ins to its platform are stopped, so that it locks out neither accounts nor our address.",
			"The configuration wants it online around the clock: it has no schedule.",
			"Next, its sign-in goes by itself when the platform's turn comes (see below).",
			"Platform hq takes no log-ins: quarantined until 12:10:00: 3 log-ins refused. Sessions that live are kept. " +
				"A session that is lost does not come back until the quarantine ends; a restart or an upgrade keeps those that live, a stop does not.",
		}},
		{"leaving by a reload, with a warning", func(a *fleet.Agent, _ *fleet.Platform) {
			a.View.State, a.View.Reason = session.SigningOut, session.ReasonBusy
			a.View.NextAttempt = noon.Add(3 * time.Second)
			a.Wish, a.Pending = session.Leave, fleet.PendingRemoval
			a.View.PasswordExpires = noon.Add(72 * time.Hour)
			a.View.Warnings = []session.Warning{{Code: "skills", Text: "the skills could not be set.", Action: "set them on the platform"}}
		}, []string{
			"hq/291 is signing out, since 11:58:30 MSK (1 min 30 s ago): the platform refuses the sign-out during a call.",
			"It is configured no longer: it signs out and is forgotten then.",
			"Next, the sign-out is tried again at 12:00:03 MSK (in 3.0 s), and so on until the call has ended.",
			"Warning skills: the skills could not be set. What you can do: set them on the platform.",
			"Its password expires at Thu 5 Mar 2026 12:00:00 MSK (in 3 days 0 h).",
		}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, explained(tt.change)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	known := []string{"hq/291", "hq/292", "pbx/101", "cabinet/bot1@demo"}
	for name, want := range map[string]string{
		"hq/29l": "; did you mean hq/291 or hq/292?", "bot1": "; did you mean cabinet/bot1@demo?", "HQ/291": "; did you mean hq/291 or hq/292?", "x/y": "",
	} {
		if got := DidYouMean(name, known); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
