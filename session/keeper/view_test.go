package keeper_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/session/sessiontest"
)

// only picks some attributes of log lines.
func only(lines []map[string]any, names ...string) (picked []map[string]any) {
	for _, line := range lines {
		m := map[string]any{}
		for _, name := range names {
			if value, ok := line[name]; ok {
				m[name] = value
			}
		}
		picked = append(picked, m)
	}
	return picked
}

func TestAuditLinePerOperationSent(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.gate = gateFor(time.Second, time.Second)
		b.vendor.script("sign in", answer{err: errOutage}, answer{})
		b.start(stay)
		pass(time.Minute)
		b.keeper.Set(leave)
		pass(time.Minute)
		b.keeper.Set(stay)
		pass(500 * time.Millisecond)
		b.stop(quit)
		want := []map[string]any{
			{"platform": "hq", "agent": "hq/291", "operation": "sign_in", "by": "schedule", "reason": "shift"},
			{"platform": "hq", "agent": "hq/291", "operation": "sign_in", "by": "schedule", "reason": "shift"},
			{"platform": "hq", "agent": "hq/291", "operation": "sign_out", "by": "person uid 0", "reason": "lunch"},
		}
		got := only(b.log.lines(b.T, "audit"), "platform", "agent", "operation", "by", "reason", "force")
		if diff := cmp.Diff(want, got); diff != "" {
			b.Error(diff)
		}
	})
}

// Sign-ins of an agent that somebody else holds are counted, and told every ten
// minutes and when one ends in another way.
func TestTakenIsCounted(t *testing.T) {
	inBubble(t, func(b *bench) {
		var script []answer
		for range 40 {
			script = append(script, answer{err: &session.Fault{Kind: session.Taken, Code: "100-002"}})
		}
		b.vendor.script("sign in", append(script, answer{err: errOutage}, answer{})...)
		b.start(stay)
		pass(2 * time.Hour)
		b.stop(quit)
		lines, sum := b.log.lines(b.T, "audit"), 0
		for _, line := range lines {
			n, _ := line["repeats"].(float64)
			sum += 1 + int(n)
		}
		if sum != 42 || len(lines) < 4 || len(lines) > 12 {
			b.Errorf("%d lines tell of %d sign-ins, want some for 42", len(lines), sum)
		}
		if got := len(b.log.lines(b.T, "agent")); got != 3 { // taken, outage, online
			b.Errorf("%d transitions", got)
		}
	})
}

func TestForceIsAudited(t *testing.T) {
	inBubble(t, func(b *bench) {
		taken := &session.Fault{Kind: session.Taken, Code: "100-002"}
		b.vendor.script("sign in", answer{err: taken})
		b.policy.Terms.Force = true
		b.start(stay)
		pass(time.Minute)
		if got := b.vendor.said(); got != "sign in, force, poll" {
			b.Errorf("said %q", got)
		}
		got := only(b.log.lines(b.T, "audit"), "force")
		if diff := cmp.Diff([]map[string]any{{}, {"force": true}}, got); diff != "" {
			b.Error(diff)
		}
		b.stop(quit)
	})
}

func TestOneLinePerTransition(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("sign in", answer{err: errOutage}, answer{err: errOutage}, answer{err: errOutage}, answer{}, answer{err: errRefused})
		b.vendor.script("poll", answer{takes: hold}, answer{takes: hold}, answer{takes: hold}, answer{err: errLost})
		b.start(stay)
		pass(10 * time.Minute)
		o := stay
		o.Resume = true
		b.keeper.Set(o)
		pass(10 * time.Minute)
		b.keeper.Set(leave)
		pass(time.Minute)
		b.stop(quit)
		want := []map[string]any{
			{"state": "waiting", "reason": "outage", "code": "http 502", "attempt": 1.0, "detail": "bad gateway"},
			{"state": "online", "reason": "", "code": "", "attempt": 0.0, "repeats": 2.0},
			{"state": "waiting", "reason": "lost", "code": "100-006", "attempt": 0.0, "detail": "not signed in"},
			{"state": "parked", "reason": "refused", "code": "100-004", "attempt": 0.0, "detail": "wrong password", "action": "correct the password"},
			{"state": "parked", "reason": "refused", "code": "100-004", "attempt": 0.0, "detail": "wrong password", "action": "correct the password"},
			{"state": "offline", "reason": "", "code": "", "attempt": 0.0},
		}
		lines := b.log.lines(b.T, "agent")
		got := only(lines, "state", "reason", "code", "attempt", "detail", "action", "repeats")
		if diff := cmp.Diff(want, got); diff != "" {
			b.Error(diff)
		}
		levels := []map[string]any{{"level": "WARN"}, {"level": "INFO"}, {"level": "WARN"}, {"level": "ERROR"}, {"level": "ERROR"}, {"level": "INFO"}}
		if diff := cmp.Diff(levels, only(lines, "level")); diff != "" {
			b.Error(diff)
		}
		if _, ok := lines[0]["next_attempt"]; !ok {
			b.Error("no next attempt in the first line")
		}
		names := []string{".signed_in", ".lost", ".parked", ".parked"}
		if diff := cmp.Diff(names, b.sink.names()); diff != "" {
			b.Error(diff)
		}
	})
}

func TestPollsAreNoTransitions(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.start(stay)
		pass(24 * time.Hour)
		b.vendor.script("poll", answer{err: errLost}, answer{takes: hold})
		pass(time.Minute)
		b.stop(quit)
		for _, line := range b.log.lines(b.T, "agent") {
			if line["repeats"] != nil {
				b.Errorf("repeats in %v", line)
			}
		}
		if n := len(b.log.lines(b.T, "agent")); n != 3 {
			b.Errorf("%d lines, want online, waiting, online", n)
		}
	})
}

// life is a view's states, reasons and codes.
func life(v keeper.View) (list [][3]string) {
	for _, h := range v.History {
		list = append(list, [3]string{string(h.State), string(h.Reason), h.Code})
	}
	return list
}

func TestHistoryKeepsTheLastTransitions(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("sign in", answer{err: errOutage}, answer{}, answer{err: errRefused})
		b.vendor.script("poll", answer{takes: hold}, answer{takes: hold, err: errLost})
		b.start(stay)
		pass(time.Minute)
		early := b.keeper.View()
		want := [][3]string{
			{"offline", "", ""}, {"waiting", "", ""}, {"signing_in", "", ""}, {"waiting", "outage", "http 502"}, {"signing_in", "", ""},
			{"online", "", ""}, {"waiting", "lost", "100-006"}, {"signing_in", "", ""}, {"parked", "refused", "100-004"},
		}
		if diff := cmp.Diff(want, life(early)); diff != "" {
			b.Error(diff)
		}
		for i := 1; i < len(early.History); i++ {
			if early.History[i].At.Before(early.History[i-1].At) {
				b.Errorf("history %v", early.History)
			}
		}
		b.keeper.Set(leave)
		pass(time.Minute)
		b.keeper.Set(stay)
		pass(time.Minute)
		late := life(b.keeper.View())
		want = append(want, [3]string{"offline", "", ""}, [3]string{"parked", "refused", "100-004"})[1:]
		if diff := cmp.Diff(want, late); diff != "" {
			b.Error(diff)
		}
		if len(early.History) != 9 || early.History[0].State != session.Offline {
			b.Error("a view that was handed out has changed")
		}
		b.stop(quit)
	})
}

func TestViewWhileItQueuesAndSigns(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.gate = gateFor(time.Minute, 0)
		b.vendor.script("sign in", answer{takes: 20 * time.Second})
		b.vendor.script("sign out", answer{err: errBusy})
		b.start(stay)
		pass(30 * time.Second)
		if v := b.keeper.View(); !v.Queued || v.State != session.Waiting || v.Reason != session.ReasonNone {
			b.Errorf("queued: %+v", v)
		}
		pass(40 * time.Second)
		if v := b.keeper.View(); v.Queued || v.State != session.SigningIn {
			b.Errorf("in flight: %+v", v)
		}
		pass(time.Minute)
		v := b.keeper.View()
		if v.State != session.Online || v.SignIns != 1 || v.Started.IsZero() || time.Since(v.LastContact) > hold || v.Wish != session.Stay {
			b.Errorf("online: %+v", v)
		}
		b.keeper.Set(leave)
		pass(30 * time.Second)
		v = b.keeper.View()
		if v.State != session.SigningOut || v.Reason != session.ReasonBusy || v.Code != "100-017" || v.Wish != session.Leave || v.NextAttempt.IsZero() {
			b.Errorf("busy: %+v", v)
		}
		b.stop(quit)
	})
}

func TestLostAgentQueuesWithItsReason(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.gate = gateFor(time.Minute, 0)
		b.vendor.script("poll", answer{err: errLost})
		b.start(stay)
		pass(90 * time.Second)
		if v := b.keeper.View(); !v.Queued || v.Reason != session.ReasonLost || v.Code != "100-006" || !v.Started.IsZero() {
			b.Errorf("view %+v", v)
		}
		b.stop(quit)
	})
}

func TestNextAttempt(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("sign in", answer{err: &session.Fault{Kind: session.Outage, After: 5 * time.Minute}})
		b.start(stay)
		pass(time.Minute)
		if left := time.Until(b.keeper.View().NextAttempt); left != 4*time.Minute+100*time.Millisecond && left != 4*time.Minute {
			b.Errorf("next attempt in %v", left)
		}
		b.stop(quit)
	})
}

func TestWarningsShowUpWithoutANewKey(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.start(stay)
		pass(5 * time.Minute)
		warning := session.Warning{Code: "password_change_required"}
		expires := time.Now().Add(time.Hour)
		b.vendor.mu.Lock()
		b.vendor.info = session.Info{Warnings: []session.Warning{warning}, PasswordExpires: expires}
		b.vendor.infos = 0
		b.vendor.mu.Unlock()
		pass(time.Minute)
		v := b.keeper.View()
		if diff := cmp.Diff([]session.Warning{warning}, v.Warnings); diff != "" || !v.PasswordExpires.Equal(expires) {
			b.Errorf("view %+v", v)
		}
		if b.vendor.infos > 2 {
			b.Errorf("asked %d times in a minute", b.vendor.infos)
		}
		b.keeper.Set(leave)
		pass(time.Minute)
		if v := b.keeper.View(); v.Warnings != nil || !v.PasswordExpires.IsZero() {
			b.Errorf("view %+v", v)
		}
		b.stop(quit)
	})
}

func TestKeeperWithoutALog(t *testing.T) {
	inBubble(t, func(b *bench) {
		k := keeper.New(keeper.Config{Setup: &setup{account: account("old"), policy: policy()}, Platform: &keeper.Platform{Adapter: b.vendor, Gate: sessiontest.Open}, Site: b.site(nil)})
		k.Set(end)
		if k.Run(b.Context()); !k.Record().Key.IsZero() {
			b.Errorf("record %+v", k.Record())
		}
	})
}

// No secret is in any log line of any life.
func TestLogsHoldNoSecret(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.log = &logbook{}
		log := slog.New(slog.NewJSONHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		b.vendor.script("poll", answer{takes: hold, rotate: true})
		k := keeper.New(keeper.Config{Setup: &setup{account: account("hunter2"), policy: policy()}, Platform: &keeper.Platform{Adapter: b.vendor, Gate: sessiontest.Open}, Site: b.site(log)})
		k.Set(stay)
		done := make(chan struct{})
		go func() { defer close(done); k.Run(b.Context()) }()
		pass(time.Minute)
		b.disk.set(0, errDisk)
		pass(time.Minute)
		k.Set(end)
		<-done
		if len(b.log.lines(b.T, "record not saved")) == 0 {
			b.Error("the failing store is not in the log")
		}
		for _, secret := range []string{"hunter2", "key-"} {
			if text := b.log.buf.String(); contains(text, secret) {
				b.Errorf("%q is in the log: %s", secret, text)
			}
		}
	})
}

// A live session whose request fails shows why, until one succeeds.
func TestAFailedPollIsAWarning(t *testing.T) {
	inBubble(t, func(b *bench) {
		fault := &session.Fault{Kind: session.Outage, Code: "too large", Text: "the answer is too large", Action: "look"}
		b.vendor.script("poll", answer{err: fault}, answer{takes: time.Minute})
		b.start(stay)
		pass(150 * time.Millisecond)
		want := []session.Warning{{Code: "request_failed", Text: "the session is kept, but its last request failed: too large the answer is too large", Action: "look"}}
		if v := b.keeper.View(); v.State != session.Online || cmp.Diff(want, v.Warnings) != "" {
			b.Errorf("%s: %s", v.State, cmp.Diff(want, v.Warnings))
		}
		pass(2 * time.Minute)
		if v := b.keeper.View(); v.State != session.Online || v.Warnings != nil {
			b.Errorf("%s, %v", v.State, v.Warnings)
		}
		b.stop(quit)
	})
}

// Warnings are logged when they appear, and again only after they were gone;
// a refused renewal is one, and else nobody would hear of it.
func TestWarningsAreLoggedOnce(t *testing.T) {
	inBubble(t, func(b *bench) {
		warned := func(codes ...string) {
			b.vendor.mu.Lock()
			defer b.vendor.mu.Unlock()
			b.vendor.info.Warnings = nil
			for _, code := range codes {
				b.vendor.info.Warnings = append(b.vendor.info.Warnings, session.Warning{Code: code, Text: "why", Action: "what"})
			}
		}
		b.start(stay)
		for _, codes := range [][]string{{"a"}, {"a", "b"}, {"a"}, nil, {"b"}} {
			warned(codes...)
			pass(5 * time.Minute)
		}
		b.stop(quit)
		want := []map[string]any{
			{"agent": "hq/291", "code": "a", "detail": "why", "action": "what"},
			{"agent": "hq/291", "code": "b", "detail": "why", "action": "what"},
			{"agent": "hq/291", "code": "b", "detail": "why", "action": "what"},
		}
		if diff := cmp.Diff(want, only(b.log.lines(b.T, "warning"), "agent", "code", "detail", "action")); diff != "" {
			b.Error(diff)
		}
	})
}

// Whoever forces already is not advised to do so once it was no use: whether
// force displaced nobody, or the other client came back.
func TestAdviceAfterForceWasOfNoUse(t *testing.T) {
	taken := answer{err: &session.Fault{Kind: session.Taken, Code: "100-002", Action: "set taken: force"}}
	for name, test := range map[string]struct {
		forced answer
		state  session.State
		reason session.Reason
	}{
		"taken all the same": {taken, session.Waiting, session.ReasonTaken},
		"taken back":         {answer{}, session.Parked, session.ReasonReplaced},
	} {
		inBubble(t, func(b *bench) {
			b.vendor.script("sign in", taken)
			b.vendor.script("force", test.forced)
			b.vendor.script("poll", taken)
			b.start(stay)
			u := &setup{account("old"), policy(), keeper.Hashes{Secret: "old", Settings: "settings"}}
			u.policy.Terms.Force, u.policy.Terms.ForceLimit = true, 1
			u.policy.Terms.ForceWithin = time.Hour
			b.keeper.Update(u, true)
			pass(10 * time.Minute)
			if v := b.keeper.View(); v.State != test.state || v.Reason != test.reason || v.Code != "100-002" || !strings.Contains(v.Action, "other client") {
				b.Errorf("%s: %s %s %s: %q", name, v.State, v.Reason, v.Code, v.Action)
			}
			b.stop(quit)
		})
	}
}

// What a vendor says is shown, kept and warned of up to a limit, also where an
// older program kept more of it.
func TestTextsOfVendorsAreCut(t *testing.T) {
	long := strings.Repeat("занято ", 100_000)
	within := func(b *bench, what string, texts ...string) {
		for _, text := range texts {
			if len(text) > session.TextLimit {
				b.Errorf("%s: %d bytes", what, len(text))
			}
		}
	}
	inBubble(t, func(b *bench) {
		b.disk.rec.SecretHash, b.disk.rec.SettingsHash = "old", "settings"
		b.disk.rec.Memo = session.Memo{Parked: session.ReasonRefused, Reason: session.ReasonRefused, Code: "1", Text: long, Action: long}
		b.start(stay)
		pass(time.Second)
		v := b.keeper.View()
		within(b, "restored", v.Code, v.Detail, v.Action)
		if v.Detail == "" {
			b.Error("the detail is lost")
		}
		b.stop(quit)
	})
	inBubble(t, func(b *bench) {
		b.vendor.script("sign in", answer{err: &session.Fault{Kind: session.Refused, Cause: session.CauseCredential, Code: long, Text: long, Action: long}})
		b.start(stay)
		pass(time.Minute)
		v := b.keeper.View()
		within(b, "refused", v.Code, v.Detail, v.Action)
		if v.State != session.Parked || !strings.HasSuffix(v.Detail, "…") {
			b.Errorf("%s: %.40q", v.State, v.Detail)
		}
		b.stop(quit)
	})
	inBubble(t, func(b *bench) {
		b.vendor.info = session.Info{Warnings: []session.Warning{{Code: long, Text: long, Action: long}}}
		b.start(stay)
		pass(time.Minute)
		for _, w := range b.keeper.View().Warnings {
			within(b, "warning", w.Code, w.Text, w.Action)
		}
		if len(b.keeper.View().Warnings) != 1 {
			b.Errorf("%d warnings", len(b.keeper.View().Warnings))
		}
		b.stop(quit)
	})
}
