package metrics

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/webhook"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// What ships beside the program: rules, runbook and dashboard must name what
// there is, and what there is must be documented.

// rule is one rule of alerts.yaml or recording.yaml.
type rule struct {
	Alert, Record, Expr, For string
	Labels, Annotations      map[string]string
}

func rules(t *testing.T, file string) (all []rule) {
	t.Helper()
	var doc struct {
		Groups []struct {
			Name, Interval string
			Rules          []rule
		}
	}
	d := yaml.NewDecoder(strings.NewReader(read(t, file)))
	d.KnownFields(true)
	if err := d.Decode(&doc); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for _, g := range doc.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// exposed returns the names of all metrics that a scrape can show.
func exposed(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	family := regexp.MustCompile(`(?m)^# TYPE (\S+) `)
	now := time.Now()
	s := source{Platforms: []fleet.Platform{{Name: "hq", PasswordExpires: now}},
		Agents:   []fleet.Agent{{ID: session.ID{Platform: "hq", Login: "291"}, View: keeper.View{LastContact: now}}},
		Webhooks: []webhook.Status{{Name: "crm", Dead: map[string]uint64{"retention": 1}}},
		Stream:   StreamStatus{Listening: true, Users: []StreamUser{{Name: "crm", Limit: 1}}}, Working: []Working{{Platform: "hq"}}}
	for _, perAgent := range []bool{false, true} {
		m := fresh(s, Options{PerAgent: perAgent})
		rec := httptest.NewRecorder()
		m.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
		for _, found := range family.FindAllStringSubmatch(rec.Body.String(), -1) {
			all[found[1]] = true
		}
	}
	return all
}

var (
	named  = regexp.MustCompile(`(?:[a-z]+:)?\bagentkeeper_[a-z][a-z0-9_:]*`) // a package's file has its version behind the name
	suffix = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// Every metric that anything of ours names exists.
func TestNamedMetricsExist(t *testing.T) {
	exists := exposed(t)
	for _, file := range []string{"alerts.yaml", "recording.yaml"} {
		for _, r := range rules(t, file) {
			if r.Record != "" {
				exists[r.Record] = true
			}
		}
	}
	for _, file := range []string{"alerts.yaml", "recording.yaml", "dashboard.json", "runbook.md", "README.md", "testdata/alerts_test.yaml", "testdata/objective_test.yaml"} {
		for _, name := range named.FindAllString(read(t, file), -1) {
			if !exists[name] && !exists[suffix.ReplaceAllString(name, "")] && name != "agentkeeper_agent_" {
				t.Errorf("%s names %s, which there is not", file, name)
			}
		}
	}
}

// Every metric that there is stands in this directory's README.md.
func TestMetricsAreDocumented(t *testing.T) {
	readme := read(t, "README.md")
	for name := range exposed(t) {
		if strings.HasPrefix(name, namespace) && !strings.Contains(readme, "`"+name+"`") {
			t.Errorf("README.md does not name %s", name)
		}
	}
}

// Every alert says how bad it is, what it is, and where to read on; and the
// runbook and the tests have it.
func TestAlertsAreWhole(t *testing.T) {
	const base = "file:///usr/share/doc/agentkeeper/runbook.md#"
	runbook, tests := read(t, "runbook.md"), read(t, "testdata/alerts_test.yaml")+read(t, "testdata/objective_test.yaml")
	alertmanager := read(t, "alertmanager.yaml")
	var alerts []string
	for _, r := range rules(t, "alerts.yaml") {
		if r.Alert == "" {
			continue
		}
		alerts = append(alerts, r.Alert)
		if !regexp.MustCompile(`^Agentkeeper([A-Z][a-z]+)+$`).MatchString(r.Alert) {
			t.Errorf("%s is not Agentkeeper and CamelCase", r.Alert)
		}
		if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) {
			t.Errorf("%s: severity %q", r.Alert, r.Labels["severity"])
		}
		for _, name := range []string{"summary", "description"} {
			if text := r.Annotations[name]; !strings.HasSuffix(strings.TrimSuffix(text, "{{ end }}"), ".") {
				t.Errorf("%s: the %s %q is no sentence", r.Alert, name, text)
			}
		}
		if got, want := r.Annotations["runbook_url"], base+strings.ToLower(r.Alert); got != want {
			t.Errorf("%s: runbook_url %q, want %q", r.Alert, got, want)
		}
		if !strings.Contains(tests, `{alertname="`+r.Alert+`",alertstate="firing"`) && !strings.Contains(tests, "alertname: "+r.Alert+"\n") {
			t.Errorf("%s has no test in which it fires", r.Alert)
		}
	}
	var headings []string
	for _, found := range regexp.MustCompile(`(?m)^## (\S+)$`).FindAllStringSubmatch(runbook, -1) {
		headings = append(headings, found[1])
	}
	if !slices.Equal(slices.Sorted(slices.Values(alerts)), slices.Sorted(slices.Values(headings))) {
		t.Errorf("alerts %v\nheadings of the runbook %v", alerts, headings)
	}
	for _, section := range strings.Split(runbook, "\n## ")[1:] {
		name, text, _ := strings.Cut(section, "\n")
		for _, part := range []string{"**Means**", "**Impact**", "**Look**", "```promql", "**Do**"} {
			if !strings.Contains(text, part) && !(part == "**Do**" && strings.Contains(text, "**do**")) {
				t.Errorf("runbook, %s: no %s", name, part)
			}
		}
	}
	for _, name := range regexp.MustCompile(`Agentkeeper[A-Z][A-Za-z]+`).FindAllString(alertmanager, -1) {
		if !slices.Contains(alerts, name) {
			t.Errorf("alertmanager.yaml names %s, which there is not", name)
		}
	}
	inhibited := regexp.MustCompile(`Agentkeeper\((\S+)\)`)
	for _, found := range inhibited.FindAllStringSubmatch(alertmanager, -1) {
		for _, name := range strings.Split(found[1], "|") {
			if !slices.Contains(alerts, "Agentkeeper"+name) {
				t.Errorf("alertmanager.yaml names Agentkeeper%s, which there is not", name)
			}
		}
	}
}

// dashboardPanel is a panel of dashboard.json.
type dashboardPanel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ H, W, X, Y int }
	Datasource               struct{ Type, UID string }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Targets                  []struct {
		RefID, Expr string
		Datasource  struct{ Type, UID string }
	}
}

func dashboard(t *testing.T) (panels []dashboardPanel) {
	t.Helper()
	var d struct {
		UID        string
		ID         *int
		Title      string
		Templating struct {
			List []struct{ Name, Type, Query any }
		}
		Panels []dashboardPanel
	}
	if err := json.Unmarshal([]byte(read(t, "dashboard.json")), &d); err != nil {
		t.Fatalf("dashboard.json: %v", err)
	}
	if d.UID != "agentkeeper" {
		t.Errorf("the dashboard's uid is %q: links to it and its next import go by the one that it always had", d.UID)
	}
	if d.ID != nil {
		t.Error("the dashboard has an id of its own: it would clash with another one")
	}
	if v := d.Templating.List; len(v) == 0 || v[0].Type != "datasource" || v[0].Name != "datasource" {
		t.Error("the first variable is not the data source")
	}
	return d.Panels
}

// Every panel can be read without its maker, and hangs on no one's data source.
func TestDashboard(t *testing.T) {
	panels := dashboard(t)
	if len(panels) < 20 {
		t.Fatalf("%d panels", len(panels))
	}
	for i, p := range panels {
		if p.ID != i+1 || p.Title == "" || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d %q at %v", p.ID, p.Title, p.GridPos)
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("panel %q lacks a description, a unit, the data source's variable or a query", p.Title)
		}
		for _, target := range p.Targets {
			if target.Expr == "" || target.RefID == "" || target.Datasource.UID != "${datasource}" {
				t.Errorf("panel %q: a query lacks something: %+v", p.Title, target)
			}
		}
		for _, q := range panels[:i] {
			if q.GridPos.X < p.GridPos.X+p.GridPos.W && p.GridPos.X < q.GridPos.X+q.GridPos.W &&
				q.GridPos.Y < p.GridPos.Y+p.GridPos.H && p.GridPos.Y < q.GridPos.Y+q.GridPos.H {
				t.Errorf("the panels %q and %q overlap", q.Title, p.Title)
			}
		}
	}
}

// Every metric of ours is on the dashboard, but for those of single agents, which
// few switch on.
func TestDashboardShowsEverything(t *testing.T) {
	board := read(t, "dashboard.json")
	for name := range exposed(t) {
		if strings.HasPrefix(name, namespace) && !strings.HasPrefix(name, namespace+"agent_") && !strings.Contains(board, name) {
			t.Errorf("no panel shows %s", name)
		}
	}
}

// promtool runs it; without it the test is skipped.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("SKIPPED: promtool is not installed; `sh test/install.sh` brings it")
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %v: %v\n%s", args, err, out)
	}
}

// The rules are good, and every alert fires when it must and only then.
func TestRules(t *testing.T) {
	promtool(t, "check", "rules", "alerts.yaml", "recording.yaml")
	promtool(t, "test", "rules", "testdata/alerts_test.yaml", "testdata/objective_test.yaml")
}

// The queries of dashboard and runbook are PromQL: as rules they are checked.
func TestQueries(t *testing.T) {
	queries := map[string]string{}
	fill := strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*", "$platform", ".*")
	for _, p := range dashboard(t) {
		for _, target := range p.Targets {
			queries[fmt.Sprintf("panel %d %s", p.ID, target.RefID)] = fill.Replace(target.Expr)
		}
	}
	blocks := regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(read(t, "runbook.md"), -1)
	for i, block := range blocks {
		for j, line := range strings.Split(strings.TrimSpace(block[1]), "\n") {
			queries[fmt.Sprintf("runbook, block %d, line %d", i+1, j+1)] = line
		}
	}
	type entry struct {
		Record string            `yaml:"record"`
		Expr   string            `yaml:"expr"`
		Labels map[string]string `yaml:"labels"`
	}
	var list []entry
	for _, where := range slices.Sorted(maps.Keys(queries)) {
		list = append(list, entry{"query", queries[where], map[string]string{"where": where}})
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "queries", "rules": list}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "queries.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", file)
	t.Logf("%d queries", len(queries))
}
