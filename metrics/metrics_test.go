package metrics

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/gate"
	"agentkeeper/daemon/store"
	"agentkeeper/daemon/webhook"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/session/work"
)

type source Snapshot

func (s source) Snapshot() Snapshot { return Snapshot(s) }

// scrape returns what Prometheus would get, without comments and buckets, the
// clock, and what the runtime and the process add.
func scrape(t *testing.T, m *Metrics) []string {
	t.Helper()
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	if rec.Code != 200 {
		t.Fatalf("status %d: %s", rec.Code, rec.Body)
	}
	var lines []string
	for line := range strings.Lines(rec.Body.String()) {
		if strings.HasPrefix(line, namespace) && !strings.Contains(line, "_bucket{") && !strings.HasPrefix(line, namespace+"time_seconds") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

var number = regexp.MustCompile(` [^ ]+$`)

// names are scrape's lines without their values.
func names(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = number.ReplaceAllString(line, "")
	}
	slices.Sort(out)
	return out
}

func expand(format string, values ...string) []string {
	var out []string
	for _, v := range values {
		out = append(out, fmt.Sprintf(format, v))
	}
	return out
}

// every is all series of a fleet with the platform hq and the sink stream, as
// the product's contract names them.
func every() []string {
	results := []string{"ok", "outage", "lost", "taken", "doubt", "refused", "busy"}
	return slices.Concat(
		[]string{
			`agentkeeper_config_last_reload_successful`,
			`agentkeeper_config_last_reload_success_timestamp_seconds`,
			`agentkeeper_agents_wished_online{platform="hq"}`, `agentkeeper_agents_stuck{platform="hq"}`, `agentkeeper_agents_warned{platform="hq"}`,
			`agentkeeper_platform_up{platform="hq"}`, `agentkeeper_contact_window_seconds{platform="hq"}`, `agentkeeper_store_up`, `agentkeeper_agents_traced`,
			`agentkeeper_store_damage{outcome="mended"}`, `agentkeeper_store_damage{outcome="records_lost"}`, `agentkeeper_store_damage{outcome="events_lost"}`,
			`agentkeeper_sign_in_duration_seconds_sum`, `agentkeeper_sign_in_duration_seconds_count`,
			`agentkeeper_operations_in_flight{platform="hq"}`, `agentkeeper_sign_in_queue_length{platform="hq"}`,
			`agentkeeper_first_contact_delay_seconds_sum`, `agentkeeper_first_contact_delay_seconds_count`,
			`agentkeeper_contact_gap_seconds_sum{platform="hq"}`, `agentkeeper_contact_gap_seconds_count{platform="hq"}`,
			`agentkeeper_quarantined{platform="hq"}`, `agentkeeper_refusals_left{platform="hq"}`,
			`agentkeeper_listener_refused_total{listener="control",reason="full"}`, `agentkeeper_listener_refused_total{listener="control",reason="share"}`,
			`agentkeeper_listener_refused_total{listener="listen",reason="full"}`, `agentkeeper_listener_refused_total{listener="listen",reason="share"}`,
			`agentkeeper_events_received_total{platform="hq"}`, `agentkeeper_events_delivered_total{sink="stream"}`,
			`agentkeeper_events_dropped_total{reason="age"}`,
			`agentkeeper_event_followers{door="listen"}`, `agentkeeper_event_followers_refused_total{door="listen"}`,
			`agentkeeper_event_delivery_seconds_sum{sink="stream"}`, `agentkeeper_event_delivery_seconds_count{sink="stream"}`,
		},
		[]string{`agentkeeper_stream_connections`, `agentkeeper_stream_connections_limit`, `agentkeeper_stream_refused_total{reason="login"}`},
		expand(`agentkeeper_stream_%s{user="bi"}`, "consumers", "consumer_lag_events"),
		expand(`agentkeeper_webhook_%s{webhook="crm"}`, "lag_events", "lag_seconds", "stopped"),
		expand(`agentkeeper_webhook_dead_letters{reason="%s",webhook="crm"}`, "retention", "refused", "skipped", "gone"),
		expand(`agentkeeper_agents{platform="hq",state="%s"}`,
			"offline", "signing_in", "online", "signing_out", "waiting", "parked"),
		expand(`agentkeeper_agents_missing{platform="hq",reason="%s"}`,
			"queued", "starting", "outage", "lost", "taken", "doubt", "refused", "quarantine", "busy", "replaced"),
		expand(`agentkeeper_agents_parked{platform="hq",reason="%s"}`,
			"outage", "lost", "taken", "doubt", "refused", "quarantine", "busy", "replaced"),
		expand(`agentkeeper_sign_ins_total{platform="hq",result="%s"}`, results...),
		expand(`agentkeeper_sign_outs_total{platform="hq",result="%s"}`, results...),
		expand(`agentkeeper_contacts_total{platform="hq",result="%s"}`, "ok", "outage", "lost"),
		expand(`agentkeeper_sessions_lost_total{platform="hq",reason="%s"}`, "outage", "lost", "taken", "closed", "expired"),
		expand(`agentkeeper_agents_work{platform="hq",state="%s"}`, "unknown", "ready", "busy", "rest", "wrap_up", "offered", "talking"),
		[]string{`agentkeeper_agents_wished_ready{platform="hq"}`, `agentkeeper_agents_not_ready{platform="hq"}`},
		expand(`agentkeeper_agents_held_back{platform="hq",reason="%s"}`,
			"inspector", "program", "unknown", "platform", "limit", "canary", "in_call", "wrap_up", "offline", "unsupported"),
		expand(`agentkeeper_work_restores_total{platform="hq",result="%s"}`, "restored", "no_effect"),
		expand(`agentkeeper_work_forced_total{by="%s",platform="hq"}`, "platform", "inspector"),
		expand(`agentkeeper_commands_total{outcome="%s",platform="hq"}`, "done", "rejected", "not_sent", "doubt", "refused"),
		expand(`agentkeeper_command_duration_seconds_%s{platform="hq"}`, "sum", "count"),
		expand(`agentkeeper_sessions_adopted_total{platform="hq",result="%s"}`, "ok", "lost", "outage"),
	)
}

func fresh(s source, o Options) *Metrics {
	o.DropReasons, o.StreamRefusals = []string{"age"}, []string{"login"}
	o.Doors, o.RestoreResults = []string{"listen"}, []string{"restored", "no_effect"}
	o.Listeners, o.RefusalReasons = []string{"listen", "control"}, []string{"full", "share"}
	m := New(s, o)
	m.SetPlatforms(map[string]time.Duration{"hq": 2 * time.Minute})
	m.SetSinks([]string{"stream"})
	return m
}

func TestEverySeriesFromTheStart(t *testing.T) {
	m := fresh(source{Platforms: []fleet.Platform{{Name: "hq", Gate: gate.Status{Out: true}}}, Webhooks: []webhook.Status{{Name: "crm", Dead: map[string]uint64{"retention": 0, "refused": 0, "skipped": 0, "gone": 0}}},
		Stream: StreamStatus{Listening: true, Users: []StreamUser{{Name: "bi"}}}, Working: []Working{{Platform: "hq"}}}, Options{})
	want := every()
	slices.Sort(want)
	lines := scrape(t, m)
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "agentkeeper_build_info") })
	if diff := cmp.Diff(want, names(lines)); diff != "" {
		t.Error(diff)
	}
	for _, line := range lines {
		if !strings.HasSuffix(line, " 0") {
			t.Errorf("not zero at the start: %s", line)
		}
	}
}

func TestLint(t *testing.T) {
	agents := []fleet.Agent{{ID: session.ID{Platform: "hq", Login: "291"}, View: keeper.View{LastContact: time.Now(), PasswordExpires: time.Now()}}}
	for _, perAgent := range []bool{false, true} {
		m := fresh(source{Platforms: []fleet.Platform{{Name: "hq", PasswordExpires: time.Now()}}, Agents: agents}, Options{PerAgent: perAgent})
		m.SetPlatforms(map[string]time.Duration{"hq": 2 * time.Minute, "branch": time.Minute})
		problems, err := testutil.GatherAndLint(m.registry)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestSnapshotAsGauges(t *testing.T) {
	expiry := time.Unix(1_800_000_000, 0)
	s := source{
		Platforms: []fleet.Platform{{
			Name: "hq", Window: 2 * time.Minute, Stuck: 1, PasswordExpires: expiry,
			Counts: []fleet.Count{
				{State: session.Online, Wish: session.Stay, Agents: 4}, {State: session.Online, Wish: session.Stay, Warned: true, Agents: 3},
				{State: session.Parked, Reason: session.ReasonRefused, Wish: session.Stay, Agents: 2},
				{State: session.Waiting, Wish: session.Stay, Queued: true, Agents: 5}, {State: session.Waiting, Wish: session.Leave, Agents: 1},
			},
			Gate: gate.Status{InFlight: 3, Queue: 4, Quarantined: true, RefusalsLeft: 1},
		}},
		StoreUp: true, StoreDamage: store.Damage{Restored: 1, Copies: 2, Gates: []string{"hq"}, Unknown: true, Events: 7},
		Agents: []fleet.Agent{
			{ID: session.ID{Platform: "hq", Login: "291"}, View: keeper.View{State: session.Online, LastContact: time.UnixMilli(1_700_000_000_500), PasswordExpires: expiry}},
			{ID: session.ID{Platform: "hq", Login: "292\xff"}},
		},
	}
	common := []string{
		`agentkeeper_agents{platform="hq",state="online"} 7`, `agentkeeper_agents{platform="hq",state="parked"} 2`,
		`agentkeeper_agents{platform="hq",state="offline"} 0`, `agentkeeper_agents_wished_online{platform="hq"} 14`,
		`agentkeeper_agents_parked{platform="hq",reason="refused"} 2`, `agentkeeper_operations_in_flight{platform="hq"} 3`,
		`agentkeeper_sign_in_queue_length{platform="hq"} 4`, `agentkeeper_quarantined{platform="hq"} 1`,
		`agentkeeper_refusals_left{platform="hq"} 1`, `agentkeeper_agents_missing{platform="hq",reason="queued"} 5`,
		`agentkeeper_agents_missing{platform="hq",reason="refused"} 2`, `agentkeeper_agents_missing{platform="hq",reason="lost"} 0`,
		`agentkeeper_agents_stuck{platform="hq"} 1`, `agentkeeper_agents_warned{platform="hq"} 3`, `agentkeeper_platform_up{platform="hq"} 1`,
		`agentkeeper_contact_window_seconds{platform="hq"} 120`, `agentkeeper_store_up 1`,
		`agentkeeper_store_damage{outcome="mended"} 3`, `agentkeeper_store_damage{outcome="records_lost"} 2`, `agentkeeper_store_damage{outcome="events_lost"} 7`,
	}
	tests := map[bool][]string{
		false: append([]string{`agentkeeper_password_expiry_timestamp_seconds{platform="hq"} 1.8e+09`}, common...),
		true: append([]string{
			`agentkeeper_password_expiry_timestamp_seconds{agent="291",platform="hq"} 1.8e+09`,
			`agentkeeper_agent_online{agent="291",platform="hq"} 1`, `agentkeeper_agent_online{agent="292` + "\uFFFD" + `",platform="hq"} 0`,
			`agentkeeper_agent_last_contact_timestamp_seconds{agent="291",platform="hq"} 1.7000000005e+09`,
		}, common...),
	}
	for perAgent, want := range tests {
		lines := scrape(t, fresh(s, Options{PerAgent: perAgent}))
		for _, line := range want {
			if !slices.Contains(lines, line) {
				t.Errorf("per agent %v: no line %s", perAgent, line)
			}
		}
		if got := strings.Contains(strings.Join(lines, "\n"), "agent="); got != perAgent {
			t.Errorf("per agent %v: a label for agents: %v", perAgent, got)
		}
		if n := strings.Count(strings.Join(lines, "\n"), "password_expiry"); n != 1 {
			t.Errorf("per agent %v: %d expiries, want the one that is known", perAgent, n)
		}
	}
}

func TestBuildInfo(t *testing.T) {
	lines := scrape(t, New(source{}, Options{Version: "1.2.3", Commit: "abc"}))
	if !regexp.MustCompile(`(?m)^agentkeeper_build_info\{commit="abc",goversion="go[^"]+",version="1.2.3"\} 1$`).MatchString(strings.Join(lines, "\n")) {
		t.Error("no build info")
	}
}

// Each report changes its series and nothing else.
func TestReports(t *testing.T) {
	hist := func(name, labels, sum string) []string {
		return []string{name + "_sum" + labels + " " + sum, name + "_count" + labels + " 1"}
	}
	tests := map[string]struct {
		report func(*Metrics)
		want   []string
	}{
		"sign-in": {func(m *Metrics) { m.SignIn("hq", session.Taken, 2*time.Second) },
			append(hist("agentkeeper_sign_in_duration_seconds", "", "2"), `agentkeeper_sign_ins_total{platform="hq",result="taken"} 1`)},
		"sign-out":      {func(m *Metrics) { m.SignOut("hq", session.Busy) }, []string{`agentkeeper_sign_outs_total{platform="hq",result="busy"} 1`}},
		"first contact": {func(m *Metrics) { m.FirstContact("hq", 50*time.Millisecond) }, hist("agentkeeper_first_contact_delay_seconds", "", "0.05")},
		"contact": {func(m *Metrics) { m.Contact("hq", session.OK, 10*time.Second) },
			append(hist("agentkeeper_contact_gap_seconds", `{platform="hq"}`, "10"), `agentkeeper_contacts_total{platform="hq",result="ok"} 1`)},
		"failed contact": {func(m *Metrics) { m.Contact("hq", session.Doubt, time.Second) }, []string{`agentkeeper_contacts_total{platform="hq",result="outage"} 1`}},
		"evicted":        {func(m *Metrics) { m.Contact("hq", session.Taken, time.Second) }, []string{`agentkeeper_contacts_total{platform="hq",result="lost"} 1`}},
		"loss":           {func(m *Metrics) { m.SessionLost("hq", "closed") }, []string{`agentkeeper_sessions_lost_total{platform="hq",reason="closed"} 1`}},
		"unknown loss":   {func(m *Metrics) { m.SessionLost("hq", "eaten") }, []string{`agentkeeper_sessions_lost_total{platform="hq",reason="lost"} 1`}},
		"adoption":       {func(m *Metrics) { m.Adopted("hq", session.Lost) }, []string{`agentkeeper_sessions_adopted_total{platform="hq",result="lost"} 1`}},
		"restored":       {func(m *Metrics) { m.WorkRestored("hq", "restored") }, []string{`agentkeeper_work_restores_total{platform="hq",result="restored"} 1`}},
		"forced":         {func(m *Metrics) { m.WorkForced("hq", work.ByInspector) }, []string{`agentkeeper_work_forced_total{by="inspector",platform="hq"} 1`}},
		"received":       {func(m *Metrics) { m.EventsReceived("hq", 3) }, []string{`agentkeeper_events_received_total{platform="hq"} 3`}},
		"delivered":      {func(m *Metrics) { m.EventsDelivered("stream", 3) }, []string{`agentkeeper_events_delivered_total{sink="stream"} 3`}},
		"dropped":        {func(m *Metrics) { m.EventsDropped("age", 3) }, []string{`agentkeeper_events_dropped_total{reason="age"} 3`}},
		"dropped, new":   {func(m *Metrics) { m.EventsDropped("size", 1) }, []string{`agentkeeper_events_dropped_total{reason="size"} 1`}},
		"delivery":       {func(m *Metrics) { m.EventDelivery("stream", time.Second) }, hist("agentkeeper_event_delivery_seconds", `{sink="stream"}`, "1")},
		"follower":       {func(m *Metrics) { m.FollowerCame("listen"); m.FollowerCame("listen"); m.FollowerLeft("listen") }, []string{`agentkeeper_event_followers{door="listen"} 1`}},
		"refused":        {func(m *Metrics) { m.FollowerRefused("listen") }, []string{`agentkeeper_event_followers_refused_total{door="listen"} 1`}},
		"failed reload":  {func(m *Metrics) { m.Reload(false) }, nil},
		"unknown":        {func(m *Metrics) { report(m, "gone", session.OK) }, []string{`agentkeeper_events_dropped_total{reason="gone"} 1`}},
		"no operation":   {func(m *Metrics) { m.SignIn("hq", session.Woken, 0); m.SignOut("hq", session.Woken) }, nil},
		"no contact":     {func(m *Metrics) { m.Contact("hq", session.Woken, 0); m.Adopted("hq", session.Woken) }, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := fresh(source{}, Options{})
			before := scrape(t, m)
			tt.report(m)
			got := slices.DeleteFunc(scrape(t, m), func(l string) bool { return slices.Contains(before, l) })
			slices.Sort(got)
			slices.Sort(tt.want)
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// report calls every method once.
func report(m *Metrics, name string, k session.Kind) {
	m.SignIn(name, k, 0)
	m.SignOut(name, k)
	m.FirstContact(name, 0)
	m.Contact(name, k, 0)
	m.SessionLost(name, "lost")
	m.Adopted(name, k)
	m.EventsReceived(name, 1)
	m.EventsDelivered(name, 1)
	m.EventDelivery(name, 0)
	m.EventsDropped(name, 1)
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(source{}, Options{})
		m.Reload(true)
		at := time.Now()
		time.Sleep(time.Hour)
		m.Reload(false)
		if got := testutil.ToFloat64(m.reloaded); got != 0 {
			t.Errorf("successful: %v after a failed reload", got)
		}
		if got := testutil.ToFloat64(m.reloadedAt); got != float64(at.Unix()) {
			t.Errorf("last success at %v, want %v", got, at.Unix())
		}
		m.Reload(true)
		if got := testutil.ToFloat64(m.reloaded); got != 1 {
			t.Errorf("successful: %v after a good reload", got)
		}
	})
}

func TestPlatformsAndSinksComeAndGo(t *testing.T) {
	m := fresh(source{}, Options{})
	m.SignIn("hq", session.OK, 0)
	m.Contact("hq", session.OK, time.Second)
	m.EventsDelivered("stream", 1)
	m.SetPlatforms(map[string]time.Duration{"hq": 2 * time.Minute, "branch": time.Minute})
	m.SetSinks([]string{"stream", "crm"})
	m.SignOut("branch", session.OK)
	lines := scrape(t, m)
	for _, want := range []string{
		`agentkeeper_sign_ins_total{platform="hq",result="ok"} 1`, `agentkeeper_contact_gap_seconds_count{platform="hq"} 1`,
		`agentkeeper_sign_outs_total{platform="branch",result="ok"} 1`, `agentkeeper_contact_gap_seconds_count{platform="branch"} 0`,
		`agentkeeper_events_delivered_total{sink="stream"} 1`, `agentkeeper_events_delivered_total{sink="crm"} 0`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %s", want)
		}
	}
	m.SetPlatforms(map[string]time.Duration{"branch": time.Minute})
	m.SetSinks([]string{"crm"})
	report(m, "hq", session.OK)
	if left := strings.Join(scrape(t, m), "\n"); strings.Contains(left, `platform="hq"`) || strings.Contains(left, `sink="stream"`) {
		t.Error("a platform or a sink that is gone is still shown")
	}
	m.SetPlatforms(map[string]time.Duration{"branch": time.Hour})
	m.Contact("branch", session.OK, time.Minute)
	if got := buckets(t, m, "branch"); got[len(got)-1] != "3600" {
		t.Errorf("buckets %v after the window became an hour", got)
	}
}

func TestGapBucketsEndAtTheWindow(t *testing.T) {
	m := New(source{}, Options{})
	m.SetPlatforms(map[string]time.Duration{"hq": 2 * time.Minute, "ecss": 75 * time.Second})
	for platform, window := range map[string]string{"hq": "120", "ecss": "75"} {
		got := buckets(t, m, platform)
		if got[len(got)-1] != window {
			t.Errorf("%s: buckets %v, want up to %s", platform, got, window)
		}
	}
	if got := buckets(t, m, "hq"); !slices.Contains(got, "60") || !slices.Contains(got, "90") || !slices.Contains(got, "105") {
		t.Errorf("no buckets at half, three and seven eighths of the window: %v", got)
	}
}

// buckets returns the finite bounds of a platform's histogram of gaps.
func buckets(t *testing.T, m *Metrics, platform string) []string {
	t.Helper()
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	bound := regexp.MustCompile(`agentkeeper_contact_gap_seconds_bucket\{platform="` + platform + `",le="([0-9.]+)"\}`)
	var out []string
	for _, match := range bound.FindAllStringSubmatch(rec.Body.String(), -1) {
		out = append(out, match[1])
	}
	if len(out) == 0 {
		t.Fatalf("no histogram for %s", platform)
	}
	return out
}

// Reports, scrapes and reloads at once; the race detector watches.
func TestConcurrentUse(t *testing.T) {
	m := fresh(source{Platforms: []fleet.Platform{{Name: "hq"}}}, Options{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := range 200 {
				report(m, "hq", session.Kind(n%8))
			}
		})
	}
	for n := range 20 {
		m.SetPlatforms(map[string]time.Duration{"hq": 2 * time.Minute, fmt.Sprint("p", n): time.Minute})
		m.SetSinks([]string{fmt.Sprint("s", n)})
		scrape(t, m)
	}
	wg.Wait()
	if got := testutil.ToFloat64(m.received.WithLabelValues("hq")); got != 800 {
		t.Errorf("%v events counted, want 800", got)
	}
}

func BenchmarkContact(b *testing.B) {
	m := New(source{}, Options{})
	m.SetPlatforms(map[string]time.Duration{"hq": 2 * time.Minute})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Contact("hq", session.OK, 10*time.Second)
		}
	})
}

// Agents that are signed in and of which nothing was told are unknown.
func TestWorkingStates(t *testing.T) {
	lines := scrape(t, fresh(source{Working: []Working{{Platform: "hq", Online: 10, Tally: work.Tally{
		States: map[work.State]int{work.Ready: 5, work.Busy: 2, work.Unknown: 1}, WishedReady: 4, Ready: 3, HeldBack: map[work.Hold]int{work.HoldLimit: 2},
	}}}}, Options{}))
	for _, want := range []string{
		`agentkeeper_agents_work{platform="hq",state="ready"} 5`, `agentkeeper_agents_work{platform="hq",state="unknown"} 3`,
		`agentkeeper_agents_wished_ready{platform="hq"} 4`, `agentkeeper_agents_not_ready{platform="hq"} 1`, `agentkeeper_agents_held_back{platform="hq",reason="limit"} 2`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %s", want)
		}
	}
}
