package live

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"agentkeeper/test/browser"
)

// person looks at the status page in a real browser.
type person struct {
	t        *testing.T
	tab      *browser.Tab
	base     string
	pictures string
}

// sitDown opens a browser, or skips the test where there is none.
func sitDown(t *testing.T, base string) *person {
	t.Helper()
	tab, err := browser.Open(t.Context(), 1280, 900)
	if errors.Is(err, browser.ErrNone) {
		t.Skip("NOT TESTED: the status page in a browser: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tab.Close)
	dir := os.Getenv("AGENTKEEPER_PICTURES")
	if dir == "" {
		if dir, err = os.MkdirTemp("", "agentkeeper-pictures-"); err != nil { //nolint:usetesting // they are to be looked at afterwards
			t.Fatal(err)
		}
	}
	t.Logf("pictures of the status page: %s", dir)
	return &person{t, tab, base, dir}
}

func (p *person) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) opens(path string) {
	p.t.Helper()
	p.must(p.tab.Go(p.base + path))
}

func (p *person) presses(keys string) {
	p.t.Helper()
	p.must(p.tab.Key(keys))
}

func (p *person) runs(script string) {
	p.t.Helper()
	_, err := browser.Ask[bool](p.tab, "(() => {"+script+"; return true})()")
	p.must(err)
}

// sees waits until an expression has a value, as text.
func (p *person) sees(expression, want string) {
	p.t.Helper()
	within(p.t, patience, expression, func() error {
		got, err := browser.Ask[string](p.tab, "String("+expression+")")
		if err == nil && got != want {
			err = fmt.Errorf("%q, want %q", got, want)
		}
		return err
	})
}

func (p *person) looks(theme string, width, height int64, name string) {
	p.t.Helper()
	p.must(p.tab.Look(theme, width, height))
	_, err := browser.Ask[bool](p.tab, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`) // drawn anew
	p.must(err)
	p.must(p.tab.Picture(filepath.Join(p.pictures, name+".png")))
}

// What is where on the page.
const (
	linkState = `document.body.dataset.link`
	counted   = `document.getElementById('count').textContent`
	rows      = `[...document.querySelectorAll('#rows tr:not(.space) a')].map((a) => a.textContent).join()`
	focus     = `document.activeElement.textContent`
	heading   = `document.querySelector('#agent h1')?.textContent`
)

func tile(name string) string {
	return fmt.Sprintf(`document.querySelector('.tile.%s strong').textContent`, name)
}

// row is an expression for what a cell of an agent's row shows.
func row(id, cell string) string {
	return fmt.Sprintf(`[...document.querySelectorAll('#rows tr')].find((r) => r.agent === '%s')?.querySelector('.%s').textContent`, id, cell)
}

// foreign is a login that tries to be markup.
const foreign = `<img onerror>`

// TestPage looks at the status page as an operator does, with a mouse, a
// keyboard, and a service that goes away.
func TestPage(t *testing.T) {
	t.Parallel()
	names := logins(291, 3)
	chat := simulate(t, "edna", []string{foreign})
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
	s.place = []string{"options: {hold: 1s}", "work: {wish: ready}"}
	s.platforms = []string{"chat: {vendor: edna, url: " + chat.url + ", options: {probe: /api/v1/threads/1}}"}
	s.groups = []string{"{name: people, platform: chat, passwords_dir: secrets, agents: [{login: '" + foreign + "'}]}"}
	s.password(foreign, secret)
	s.listen = freeAddress(t) // the same after a restart
	s.write()
	k := s.run()
	within(t, patience, "all agents online", func() error { return k.online(4) })
	p := sitDown(t, k.url)

	p.opens("/")
	p.sees(linkState, "live")
	p.sees(tile("online"), "4")
	p.sees(counted, "4 agents")
	p.sees(rows, "chat/"+foreign+",hq/291,hq/292,hq/293")
	p.sees(`document.querySelectorAll('main img').length`, "0")
	p.sees(`document.querySelector('#platforms th').textContent`, "chat edna")
	if csp := p.tab.Header("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "script-src 'self';") {
		t.Errorf("the policy is %q", csp)
	}
	if status, body, err := k.control("GET", "/", ""); err != nil || status != 200 || !strings.Contains(body, "<title>agentkeeper") {
		t.Errorf("the page on the control socket: %d %v", status, err)
	}
	p.searches()
	p.sorts()
	p.usesKeys()
	p.seesWork(s)
	p.opens("/")
	p.looks("light", 1280, 900, "overview-light")

	s.platform.order("agents/291/kick", "")
	p.sees(row("hq/291", "c-ins"), "2")
	p.sees(row("hq/291", "c-state .state"), "online")
	p.sees(`document.querySelector('.key.lost strong').textContent`, "1")
	s.platform.order("agents/292/password", `{"password":"new"}`)
	s.platform.order("agents/292/kick", "")
	p.sees(row("hq/292", "c-state .state"), "parked: refused")
	p.sees(tile("parked"), "1")
	p.sees(`document.title`, "1 not online – agentkeeper")
	p.looks("dark", 1280, 900, "overview-dark")
	p.looks("dark", 390, 844, "overview-phone")
	p.looks("light", 1280, 900, "overview-parked")
	p.calm()

	p.opens("/agents/hq/292")
	p.sees(heading, "hq/292")
	p.sees(`document.querySelector('#agent .status .state').textContent`, "parked: refused")
	p.sees(`document.querySelectorAll('#agent .story li').length > 0`, "true")
	p.sees(`document.querySelector('#agent .timeline li .state').textContent`, "parked: refused")
	p.sees(`[...document.querySelectorAll('#agent .type')].map((e) => e.textContent).includes('session.parked')`, "true")
	p.looks("dark", 1280, 900, "agent-dark")
	p.looks("light", 1280, 900, "agent-light")
	p.explains(k)
	p.opens("/agents/chat/" + url.PathEscape(foreign))
	p.sees(heading, "chat/"+foreign)
	p.sees(`document.querySelectorAll('main img').length`, "0")
	p.opens("/agents/hq/nobody")
	p.sees(`document.querySelector('#agent .status').textContent`, "There is no agent hq/nobody any more, or there never was.")
	const nobody = "Failed to load resource: the server responded with a status of 404 (Not Found)" // which may be noted a moment later
	p.troubles(nobody)

	p.opens("/?state=parked")
	p.sees(rows, "hq/292")
	k.kill()
	p.sees(linkState, "lost")
	p.sees(`document.getElementById('stale').textContent.startsWith('Disconnected since ')`, "true")
	p.looks("light", 1280, 900, "overview-disconnected")
	s.password("292", "new")
	k = s.run()
	p.sees(linkState, "live")
	p.sees(`document.getElementById('stale').hidden`, "true")
	p.sees(tile("online"), "4")
	p.sees(counted, "0 of 4 agents")
	p.sees(`document.querySelector('.key.adopted strong').textContent`, "3") // 292 was parked before
	p.troubles("Failed to load resource: net::ERR_", nobody)
	p.staysHome()
	k.stop()
}

// searches narrows the table and widens it again.
func (p *person) searches() {
	p.t.Helper()
	p.presses("/")
	p.sees("document.activeElement.id", "search")
	p.presses("292")
	p.sees(rows, "hq/292")
	p.sees(counted, "1 of 4 agents")
	p.sees("location.search", "?q=292")
	p.presses(kb.Escape)
	p.sees(counted, "4 agents")
	p.sees("location.search", "")
	p.runs(`const s = document.getElementById('state'); s.value = 'waiting'; s.dispatchEvent(new Event('change'))`)
	p.sees(counted, "0 of 4 agents")
	p.sees(`document.getElementById('nothing').hidden`, "false")
	p.runs(`document.querySelector('.tile.online').click()`)
	p.sees(counted, "4 agents")
	p.runs(`document.getElementById('clear').click()`)
}

// sorts turns the table around by its head.
func (p *person) sorts() {
	p.t.Helper()
	const direction = `document.querySelector('.c-id').getAttribute('aria-sort')`
	const click = `document.querySelector('[data-sort=id]').click()`
	p.runs(click)
	p.sees(direction, "ascending")
	p.sees(rows, "chat/"+foreign+",hq/291,hq/292,hq/293")
	p.runs(click)
	p.sees(direction, "descending")
	p.sees(rows, "hq/293,hq/292,hq/291,chat/"+foreign)
	p.runs(click)
}

// usesKeys goes to an agent's page and back without a mouse.
func (p *person) usesKeys() {
	p.t.Helper()
	p.runs(`document.activeElement.blur()`)
	p.presses("/" + kb.ArrowDown)
	p.sees(focus, "chat/"+foreign)
	p.presses(kb.ArrowDown + kb.ArrowDown)
	p.sees(focus, "hq/292")
	p.presses(kb.Home)
	p.sees(focus, "chat/"+foreign)
	p.presses(kb.End)
	p.sees(focus, "hq/293")
	p.presses(kb.Enter)
	p.sees("location.pathname", "/agents/hq/293")
	p.sees(heading, "hq/293")
	p.sees(focus, "hq/293") // the heading
	p.sees(`document.querySelector('#agent .status .state').textContent`, "online")
	p.sees(`[...document.querySelectorAll('#agent .type')].map((e) => e.textContent).includes('session.signed_in')`, "true")
	p.presses(kb.Escape)
	p.sees("location.pathname", "/")
	p.sees(focus, "hq/293") // the row
	p.sees("document.activeElement.tagName", "A")
}

// seesWork finds an agent that is online and gets no calls.
func (p *person) seesWork(s *site) {
	p.t.Helper()
	const note = `document.querySelector('.tile.able small').textContent`
	p.opens("/")
	p.sees(tile("able"), "3")
	p.sees(row("hq/293", "c-state"), "onlineready")
	s.platform.order("agents/293/force", `{"state":"busy"}`)
	p.sees(tile("able"), "2")
	p.sees(note, "of 3, 1 held back")
	p.sees(row("hq/293", "c-state"), "onlinebusy")
	p.sees(row("hq/293", "c-why"), "by an inspector · 3: forced by an inspector · held back: an inspector set the state")
	p.sees(`[...document.querySelectorAll('#platforms .condition')].map((c) => c.textContent).join()`, "well,1 online, not ready1 held back")
	p.looks("light", 1280, 900, "overview-busy")
	p.runs(`document.querySelector('.tile.able').click()`)
	p.sees(rows, "hq/293")
	p.sees("location.search", "?state=not_ready")
	p.opens("/?state=held")
	p.sees(rows, "hq/293")
	p.opens("/agents/hq/293")
	p.sees(`document.querySelector('#agent .facts').textContent.includes('Working statebusy for ')`, "true")
	p.sees(`document.querySelector('#agent .story').textContent.includes('It gets no calls: an inspector made it busy')`, "true")
	p.looks("light", 1280, 900, "agent-busy")
	s.platform.order("agents/293/force", `{"state":"idle"}`)
	p.opens("/")
	p.sees(tile("able"), "3")
	p.sees(note, "of 3")
}

// explains shows a person's word, and the service's own explanation where there
// is one, as texts whatever they contain.
func (p *person) explains(k *service) {
	p.t.Helper()
	const pause = "/api/v1/agents/hq/293/"
	if status, answer, err := k.control("POST", pause+"pause?wait=60s", `{"reason":"<b>training</b>"}`); err != nil || status != 200 {
		p.t.Fatalf("pause: %d %s %v", status, answer, err)
	}
	p.opens("/agents/hq/293")
	const facts = `document.querySelector('#agent .facts').textContent`
	p.sees(facts+`.includes('pause: “<b>training</b>” (')`, "true")
	p.sees(`document.querySelector('#agent .status .state').textContent`, "offline")
	if status, answer, err := k.control("POST", pause+"resume?wait=60s", `{"reason":"trained"}`); err != nil || status != 200 {
		p.t.Fatalf("resume: %d %s %v", status, answer, err)
	}
	p.sees(facts+`.includes('pause')`, "false")
	p.sees(`document.querySelector('#agent .status .state').textContent`, "online")
	p.runs(`const ask = window.fetch;
		window.fetch = async (address, ...rest) => {
			const answer = await ask(address, ...rest);
			if (!address.startsWith('/api/v1/agents/')) return answer;
			const told = { ...await answer.json(), explanation: ['It is <i>well</i>.', 'Nothing to do.'], warnings: [{ code: 'w', text: '<u>', action: '' }] };
			return new Response(JSON.stringify(told));
		}`)
	p.sees(`[...document.querySelectorAll('#agent .story li')].slice(0, 2).map((e) => e.textContent).join('|')`, "It is <i>well</i>.|Nothing to do.")
	p.sees(facts+`.includes('Warningw: <u>')`, "true")
	p.sees(`document.querySelectorAll('#agent b, #agent i, #agent u').length`, "0")
}

// calm wants nothing on the page to have moved by itself.
func (p *person) calm() {
	p.t.Helper()
	p.opens("/")
	p.sees(counted, "4 agents")
	type shift struct {
		Sum  float64
		What []string
	}
	moved, err := browser.Ask[shift](p.tab, `new Promise((done) => {
		const all = { Sum: 0, What: [] };
		new PerformanceObserver((list) => {
			for (const e of list.getEntries()) {
				if (e.hadRecentInput) continue;
				all.Sum += e.value;
				for (const s of e.sources) all.What.push((s.node?.id || s.node?.className || s.node?.nodeName) + ' ' + JSON.stringify(s.previousRect) + ' ' + JSON.stringify(s.currentRect));
			}
		}).observe({ type: 'layout-shift', buffered: true });
		setTimeout(() => done(all), 500);
	})`)
	if err != nil || moved.Sum > 0.02 {
		p.t.Errorf("the page's layout shifted by %v (%v): %s", moved.Sum, err, strings.Join(moved.What, "\n"))
	}
	p.troubles()
}

// troubles wants the page to have written no errors but those that begin so.
func (p *person) troubles(expected ...string) {
	p.t.Helper()
	for _, trouble := range p.tab.Troubles() {
		known := slices.ContainsFunc(expected, func(e string) bool { return strings.HasPrefix(trouble, "network: "+e) })
		if !known {
			p.t.Errorf("the page wrote: %s", trouble)
		}
	}
}

// staysHome wants nobody else to have been asked for anything.
func (p *person) staysHome() {
	p.t.Helper()
	asked := p.tab.Requests()
	for _, address := range asked {
		if !strings.HasPrefix(address, p.base+"/") {
			p.t.Errorf("the page asked %s", address)
		}
	}
	if len(asked) < 20 {
		p.t.Errorf("only %d requests were seen", len(asked))
	}
}
