package live

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// contracted are the metrics that the product promises, each with the label
// values that exist from the start on a platform hq.
var contracted = map[string][]string{
	"agentkeeper_build_info":                                   nil,
	"agentkeeper_config_last_reload_successful":                nil,
	"agentkeeper_config_last_reload_success_timestamp_seconds": nil,
	"agentkeeper_agents":                                       {"state", "offline", "signing_in", "online", "signing_out", "waiting", "parked"},
	"agentkeeper_agents_wished_online":                         {"platform", "hq"},
	"agentkeeper_agents_parked":                                {"reason", "outage", "lost", "taken", "doubt", "refused", "quarantine", "busy", "replaced"},
	"agentkeeper_sign_ins_total":                               {"result", "ok", "outage", "lost", "taken", "doubt", "refused", "busy"},
	"agentkeeper_sign_outs_total":                              {"result", "ok", "outage", "lost", "taken", "doubt", "refused", "busy"},
	"agentkeeper_sign_in_duration_seconds":                     nil,
	"agentkeeper_operations_in_flight":                         {"platform", "hq"},
	"agentkeeper_sign_in_queue_length":                         {"platform", "hq"},
	"agentkeeper_first_contact_delay_seconds":                  nil,
	"agentkeeper_contact_gap_seconds":                          {"platform", "hq"},
	"agentkeeper_contacts_total":                               {"result", "ok", "outage", "lost"},
	"agentkeeper_sessions_lost_total":                          {"reason", "outage", "lost", "taken", "closed", "expired"},
	"agentkeeper_sessions_adopted_total":                       {"result", "ok", "lost", "outage"},
	"agentkeeper_quarantined":                                  {"platform", "hq"},
	"agentkeeper_refusals_left":                                {"platform", "hq"},
	"agentkeeper_events_received_total":                        {"platform", "hq"},
	"agentkeeper_events_dropped_total":                         {"reason", "store", "refused", "too_large", "cut", "queue"},
}

// authorised adds a password to every request.
type authorised struct{ http.RoundTripper }

func (a authorised) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.SetBasicAuth("prometheus", "scrape")
	return a.RoundTripper.RoundTrip(req)
}

// prometheus is a Prometheus that was started.
type prometheus struct {
	*process
	url string
}

// startPrometheus scrapes target over TLS and with a password, every second,
// with the rules that are shipped.
func startPrometheus(t *testing.T, target, ca string) *prometheus {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("SKIPPED: Prometheus is not installed; `sh test/install.sh` brings it")
	}
	rules, err := filepath.Abs("../../metrics")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "prometheus.yml"), fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [%s/alerts.yaml, %[1]s/recording.yaml]
scrape_configs:
  - job_name: agentkeeper
    scheme: https
    tls_config: {ca_file: %s}
    basic_auth: {username: prometheus, password: scrape}
    static_configs: [{targets: [%q]}]
`, rules, ca, target))
	p := &prometheus{url: "http://" + freeAddress(t)}
	cmd := exec.Command(path, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+strings.TrimPrefix(p.url, "http://"), "--log.level=warn")
	cmd.Dir = dir
	p.process = start(t, cmd)
	return p
}

// ask asks Prometheus' API.
func (p *prometheus) ask(path string, into any) error {
	if p.ended() {
		p.t.Fatalf("Prometheus ended: %s", tail(p.err.String()))
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(p.url + path)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return errors.New(answer.Error)
	}
	return json.Unmarshal(answer.Data, into)
}

// scrapes returns nil once the target is scraped without an error.
func (p *prometheus) scrapes() error {
	var targets struct {
		ActiveTargets []struct{ Health, LastError string }
	}
	if err := p.ask("/api/v1/targets", &targets); err != nil {
		return err
	}
	if len(targets.ActiveTargets) != 1 || targets.ActiveTargets[0].Health != "up" {
		return fmt.Errorf("targets: %+v", targets.ActiveTargets)
	}
	return nil
}

// rulesWork returns nil when every rule was evaluated without an error, but for
// the one whose turn comes in minutes.
func (p *prometheus) rulesWork() error {
	var all struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	if err := p.ask("/api/v1/rules", &all); err != nil {
		return err
	}
	n := 0
	for _, g := range all.Groups {
		for _, r := range g.Rules {
			if n++; r.Health != "ok" && (r.Health != "unknown" || !strings.HasSuffix(r.Name, "ratio30d")) {
				return fmt.Errorf("rule %s is %s: %s", r.Name, r.Health, r.LastError)
			}
		}
	}
	if n < 25 {
		return fmt.Errorf("%d rules", n)
	}
	return nil
}

// firing returns the descriptions of the alerts that fire, by name.
func (p *prometheus) firing() (map[string]string, error) {
	var list struct {
		Alerts []struct {
			State               string
			Labels, Annotations map[string]string
		}
	}
	if err := p.ask("/api/v1/alerts", &list); err != nil {
		return nil, err
	}
	firing := map[string]string{}
	for _, a := range list.Alerts {
		if a.State == "firing" {
			firing[a.Labels["alertname"]] = a.Annotations["description"]
		}
	}
	return firing, nil
}

// has returns the number of series that a query yields.
func (p *prometheus) has(query string) (int, error) {
	var result struct{ Result []any }
	err := p.ask("/api/v1/query?query="+url.QueryEscape(query), &result)
	return len(result.Result), err
}

// TestPrometheus lets a real Prometheus scrape the service with the rules that
// ship, and plays a lock-out: refused passwords, quarantine, and its end.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	names := logins(291, 4)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s", "--lock-after", "100"), names)
	writeFile(t, filepath.Join(s.dir, "web.yaml"), webConfig)
	writeCertificate(t, s.dir)
	s.top = []string{"web_config_file: web.yaml"}
	s.place = []string{"options: {hold: 1s}", "lockout: {failures: 2, within: 10m, quiet: 8s}", "backoff: {initial: 500ms, max: 1s}"}
	s.signIn = "rate: 1, concurrent: 1"
	s.password("291", "wrong")
	s.password("292", "wrong, too")
	s.write()
	k := s.launch()
	within(t, patience, "the service's start", func() error { return k.says("started", 1) })
	address := k.logged("started")[0].text("listen")
	k.url, k.client.Transport = "https://"+address, authorised{insecure()}
	s.await(k)
	checkExposition(t, k)
	p := startPrometheus(t, address, filepath.Join(s.dir, "cert.pem"))
	within(t, patience, "a scrape", p.scrapes)
	within(t, 4*patience, "the alerts", func() error {
		firing, err := p.firing()
		if err == nil && (!strings.Contains(firing["AgentkeeperQuarantine"], "sends no log-in to hq") || firing["AgentkeeperCredentialsRefused"] == "") {
			err = fmt.Errorf("firing: %v", firing)
		}
		return err
	})
	s.password("291", secret)
	s.password("292", secret)
	s.awaitOnline(k)
	within(t, 4*patience, "the end of the alert", func() error {
		firing, err := p.firing()
		if text := firing["AgentkeeperQuarantine"]; err == nil && text != "" {
			err = errors.New(text)
		}
		return err
	})
	within(t, patience, "every rule", p.rulesWork)
	for _, query := range []string{`up{job="agentkeeper"} == 1`, "platform:agentkeeper_wished_time_online:ratio5m", `agentkeeper_agents{state="online"} == 4`,
		"timestamp(agentkeeper_time_seconds) - agentkeeper_time_seconds < 5", `process_open_fds{job="agentkeeper"} > 0`} {
		within(t, patience, query, func() error {
			n, err := p.has(query)
			if err == nil && n != 1 {
				err = fmt.Errorf("%d series", n)
			}
			return err
		})
	}
	firing, err := p.firing()
	if delete(firing, "AgentkeeperCredentialsRefused"); err != nil || len(firing) > 0 { // that one looks two minutes back
		t.Errorf("still firing: %v %v", firing, err)
	}
	k.kill9()
	within(t, patience, "a target that is down", func() error {
		n, err := p.has(`ALERTS{alertname="AgentkeeperDown",alertstate="pending"}`)
		if err == nil && n != 1 {
			err = fmt.Errorf("%d series", n)
		}
		return err
	})
}

// checkExposition compares a scrape with the contract, and with what promtool
// thinks good.
func checkExposition(t *testing.T, k *service) {
	t.Helper()
	_, body, err := k.get("/metrics")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(body, "\n")
	for name, label := range contracted {
		if !strings.Contains(body, "# TYPE "+name+" ") {
			t.Errorf("there is no metric %s", name)
		}
		for _, value := range label[min(1, len(label)):] {
			want := fmt.Sprintf("%s=%q", label[0], value)
			if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, name) && strings.Contains(l, want) }) {
				t.Errorf("there is no series %s{%s}", name, want)
			}
		}
	}
	path, err := exec.LookPath("promtool")
	if err != nil {
		return // said where Prometheus is looked for
	}
	check := exec.Command(path, "check", "metrics")
	check.Stdin, check.Env = bytes.NewReader([]byte(body)), os.Environ()
	if out, err := check.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
