package live

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"agentkeeper/test/browser"
)

// below serves the service below a prefix, as a proxy in between does, and tells
// where.
func below(t *testing.T, prefix, target string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.FlushInterval = -1
	mux := http.NewServeMux()
	mux.Handle(prefix+"/", http.StripPrefix(prefix, proxy))
	server := httptest.NewServer(mux) // whatever is asked beside the prefix is 404, which a browser writes
	t.Cleanup(server.Close)
	return server.URL + prefix
}

// TestPageBelowAPrefix looks at the page through a proxy that serves it below a
// prefix, while two platforms share a quarantine and an agent is traced: on a wide
// screen, on a telephone, and from a page of another site.
func TestPageBelowAPrefix(t *testing.T) {
	t.Parallel()
	names := logins(291, 6)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names[:2])
	s.place = []string{"options: {hold: 1s}"}
	s.platforms = []string{"cab: {vendor: huawei, url: " + s.url + ", options: {hold: 1s}, lockout: {failures: 3, within: 10m, quiet: 15m}}"}
	s.groups = []string{"{name: cabinet, platform: cab, passwords_dir: secrets, agents: [{login: '293', number: '1', label: 'Olga Ivanova'}, {login: '294', number: '2'}, {login: '295', number: '3'}, {login: '296', number: '4'}]}"}
	for _, login := range names[2:] {
		s.password(login, "wrong")
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<title>board</title>")) }))
	t.Cleanup(other.Close)
	s.top = []string{"cors_origins: ['" + other.URL + "']"}
	s.write()
	k := s.run()
	within(t, patience, "the quarantine", func() error { return k.quarantined("cab", true) })
	if status, answer, err := k.control("POST", "/api/v1/trace", `{"agents":["cab/293"],"for":"1h"}`); err != nil || status != 202 {
		t.Fatalf("trace: %d %s %v", status, answer, err)
	}
	p := sitDown(t, below(t, "/deep/keeper", k.url))
	must := func(expression string) { t.Helper(); p.sees(expression, "true") }
	const problems = `document.getElementById('problems').textContent`

	p.opens("/")
	p.sees(linkState, "live")
	p.sees(counted, "6 agents")
	must(problems + `.includes('cab takes no log-ins until ')`)
	must(problems + `.includes('shared with cab: cab/')`) // hq's
	must(problems + `.includes('traced: cab/293 until ')`)
	must(`[...document.querySelectorAll('#platforms .note')].some((n) => n.textContent.includes('shared with cab: cab/'))`)
	p.looks("light", 1920, 1080, "prefix-wide")
	must(`[...document.querySelectorAll('#rows .lines')].every((l) => l.scrollHeight <= l.clientHeight && l.scrollWidth <= l.clientWidth)`) // nothing is cut
	p.looks("light", 375, 667, "prefix-phone")
	must(`document.querySelectorAll('#rows tr:not(.space)')[1].getBoundingClientRect().bottom <= innerHeight`)
	must(`document.documentElement.scrollWidth <= innerWidth`)
	p.looks("dark", 1280, 900, "prefix-dark")

	p.runs(`document.getElementById('search').focus()`)
	p.presses("olga" + kb.Enter)
	p.sees("location.pathname", "/deep/keeper/agents/cab/293")
	p.sees(heading, "cab/293")
	p.sees(`document.querySelector('#foot a').pathname`, "/deep/keeper/api/v1/agents") // though the address is deeper now
	p.presses(kb.Escape)
	p.sees("location.pathname + location.search", "/deep/keeper/?q=olga")
	p.opens("/agents/cab/293")
	p.sees(heading, "cab/293")
	p.sees(linkState, "live")
	must(`document.querySelectorAll('#agent .story li').length > 0`)
	p.sees(`document.querySelector('.brand').pathname`, "/deep/keeper/")
	p.troubles()
	p.staysHome()
	p.readsFromElsewhere(other.URL, k.url)
	k.stop()
}

// readsFromElsewhere reads the API from the page of a listed site, and from one that
// is not: the browser itself says whether it may.
func (p *person) readsFromElsewhere(site, service string) {
	p.t.Helper()
	const read = `fetch('%s').then((a) => a.json()).then((a) => String(a.agents.length), () => 'refused')`
	for from, want := range map[string]string{site: "6", strings.Replace(site, "127.0.0.1", "localhost", 1): "refused"} {
		p.must(p.tab.Go(from))
		got, err := browser.Ask[string](p.tab, fmt.Sprintf(read, service+"/api/v1/agents"))
		if err != nil || got != want {
			p.t.Errorf("from %s: %q %v, want %q", from, got, err, want)
		}
	}
	p.tab.Troubles() // a refusal is written
}
