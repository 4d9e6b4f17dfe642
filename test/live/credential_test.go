package live

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"agentkeeper/test/sim"
)

// credential is an agent's as other programs get it.
type credential struct {
	Headers    map[string]string `json:"headers"`
	Token      string            `json:"token"`
	IssuedAt   *time.Time        `json:"issued_at"`
	ExpiresAt  *time.Time        `json:"expires_at"`
	Generation uint64            `json:"generation"`
}

// consumed is how one vendor's credential looks to the programs that use it.
type consumed struct {
	vendor   string
	flags    []string // of the simulator
	options  string
	headers  []string
	token    bool
	signOuts int // that a refused credential costs: 0 where a token is renewed
}

var consumers = []consumed{
	{vendor: "runtel", headers: []string{"Authorization"}, token: true},
	{vendor: "edna", options: "probe: /api/v1/threads/1", headers: []string{"Authorization"}, token: true},
	{vendor: "huawei-config", options: "probe: /config/agents", headers: []string{"Guid"}, token: true},
	{vendor: "huawei", flags: []string{"--hold", "1s", "--cookie"}, options: "hold: 1s", headers: []string{"Cookie", "Guid"}, signOuts: 1},
	{vendor: "ecss", token: true, signOuts: 1},
}

// site is the consumer's vendor with the agents 101 and on.
func (c consumed) site(t *testing.T, agents int) *site {
	t.Helper()
	names := logins(101, agents)
	s := newSite(t, simulate(t, c.vendor, names, c.flags...), names)
	s.place = []string{"options: {" + c.options + "}", "backoff: {initial: 500ms, max: 2s}"}
	s.write()
	return s
}

// reply is an answer of the control socket.
type reply struct {
	status int
	header http.Header
	body   string
}

// ask asks the control socket about an agent of hq.
func (s *service) ask(method, path, body string) (r reply, err error) {
	client := &http.Client{Timeout: 60 * time.Second, Transport: overUnix(s.socket())}
	req, err := http.NewRequest(method, "http://agentkeeper/api/v1/agents/hq/"+path, strings.NewReader(body))
	if err != nil {
		return r, err
	}
	res, err := client.Do(req)
	if err != nil {
		return r, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(text)}, err
}

// want asks and compares the status.
func (s *service) want(status int, method, path, body string) reply {
	s.t.Helper()
	r, err := s.ask(method, path, body)
	if err != nil || r.status != status {
		s.t.Fatalf("%s %s %s: %d %v, want %d: %s", method, path, body, r.status, err, status, r.body)
	}
	return r
}

// wantAbsent wants 503 and a time to come back at.
func (s *service) wantAbsent(method, path, body string) {
	s.t.Helper()
	r := s.want(http.StatusServiceUnavailable, method, path, body)
	if n, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || n < 1 {
		s.t.Errorf("%s %s: 503 with Retry-After %q, want seconds", method, path, r.header.Get("Retry-After"))
	}
}

// credential is an agent's present one.
func (s *service) credential(login string) credential {
	s.t.Helper()
	return parseCredential(s.t, s.want(http.StatusOK, "GET", login+"/credential", "").body)
}

// hands returns nil once there is a credential.
func (s *service) hands(login string) error {
	r, err := s.ask("GET", login+"/credential", "")
	if err == nil && r.status != http.StatusOK {
		err = fmt.Errorf("%d %s", r.status, r.body)
	}
	return err
}

func parseCredential(t *testing.T, text string) (c credential) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		t.Fatalf("the credential is not as documented: %v in %d bytes", err, len(text))
	}
	return c
}

// fits returns what is wrong with a credential of the vendor.
func (c consumed) fits(got credential) error {
	names := make([]string, 0, len(got.Headers))
	for name, value := range got.Headers {
		if names = append(names, name); value == "" {
			return fmt.Errorf("the header %s is empty", name)
		}
	}
	slices.Sort(names)
	switch {
	case !slices.Equal(names, c.headers):
		return fmt.Errorf("headers %v, want %v", names, c.headers)
	case c.token != (got.Token != ""):
		return fmt.Errorf("a token of %d characters, want one: %v", len(got.Token), c.token)
	case got.IssuedAt == nil || time.Since(*got.IssuedAt) > 5*time.Minute:
		return fmt.Errorf("issued at %v", got.IssuedAt)
	case got.Generation == 0:
		return fmt.Errorf("generation 0")
	}
	return nil
}

// TestCredential takes every vendor's credential over the control socket, has
// it refused by fifty programs at once, and counts at the platform.
func TestCredential(t *testing.T) {
	t.Parallel()
	for _, c := range consumers {
		t.Run(c.vendor, func(t *testing.T) {
			t.Parallel()
			s := c.site(t, 2)
			k := s.runOnline()
			first := k.credential("101")
			if err := c.fits(first); err != nil {
				t.Errorf("the credential: %v", err)
			}
			k.want(http.StatusNoContent, "GET", fmt.Sprintf("101/credential?after=%d&wait=300ms", first.Generation), "")
			k.want(http.StatusBadRequest, "GET", "101/credential?after=soon", "")
			k.want(http.StatusNotFound, "GET", "999/credential", "")
			k.want(http.StatusNotFound, "POST", "999/credential/refused", `{"generation":1}`)
			k.want(http.StatusBadRequest, "POST", "101/credential/refused", `{}`)
			k.want(http.StatusConflict, "POST", "101/credential/refused", fmt.Sprintf(`{"generation":%d}`, first.Generation+1))
			before := s.counts()
			next := k.refusedByAll("101", first, 50)
			if err := c.fits(next); err != nil {
				t.Errorf("the new credential: %v", err)
			}
			k.want(http.StatusConflict, "POST", "101/credential/refused", fmt.Sprintf(`{"generation":%d}`, first.Generation))
			s.awaitOnline(k)
			c.wantCost(t, before, s.counts())
			k.want(http.StatusOK, "POST", "101/pause?wait=60s", `{"reason":"test"}`)
			k.wantAbsent("GET", "101/credential", "")
			k.wantAbsent("POST", "101/credential/refused", fmt.Sprintf(`{"generation":%d}`, next.Generation))
			k.want(http.StatusOK, "POST", "101/resume?wait=60s", `{"reason":"test"}`)
			if again := k.credential("101"); again.Generation <= next.Generation {
				t.Errorf("generation %d after a sign-out and in, want above %d", again.Generation, next.Generation)
			}
			for _, method := range []string{"GET", "POST"} {
				if status, _, err := k.fetch(method, "/api/v1/agents/hq/101/credential"); err != nil || status != http.StatusNotFound {
					t.Errorf("%s of the credential at the public listener: %d %v, want 404", method, status, err)
				}
			}
			k.stop()
		})
	}
}

// refusedByAll lets n programs report the credential as refused at once, while
// another waits for a newer one, which is returned.
func (s *service) refusedByAll(login string, c credential, n int) (next credential) {
	s.t.Helper()
	newer := make(chan reply, 1)
	answers := make(chan reply, n)
	var programs sync.WaitGroup
	programs.Go(func() {
		r, _ := s.ask("GET", fmt.Sprintf("%s/credential?after=%d&wait=50s", login, c.Generation), "")
		newer <- r
	})
	for range n {
		programs.Go(func() {
			r, _ := s.ask("POST", login+"/credential/refused", fmt.Sprintf(`{"generation":%d}`, c.Generation))
			answers <- r
		})
	}
	programs.Wait()
	close(answers)
	statuses := map[int]int{}
	for r := range answers {
		statuses[r.status]++
	}
	if statuses[http.StatusAccepted] < 1 || statuses[http.StatusAccepted]+statuses[http.StatusConflict]+statuses[http.StatusServiceUnavailable] != n {
		s.t.Errorf("%d reports are answered %v, want 202 first and 409 or 503 once it is replaced", n, statuses)
	}
	r := <-newer
	if r.status != http.StatusOK {
		s.t.Fatalf("waiting for a newer credential than generation %d: %d %s", c.Generation, r.status, r.body)
	}
	next = parseCredential(s.t, r.body)
	if next.Generation <= c.Generation || (next.Token == c.Token && sameHeaders(next, c)) {
		s.t.Errorf("generation %d follows %d, and the credential is another one: %v", next.Generation, c.Generation, next.Token != c.Token || !sameHeaders(next, c))
	}
	return next
}

func sameHeaders(a, b credential) bool {
	for name, value := range a.Headers {
		if b.Headers[name] != value {
			return false
		}
	}
	return len(a.Headers) == len(b.Headers)
}

// wantCost wants one new log-in of agent 101, and nothing of 102.
func (c consumed) wantCost(t *testing.T, before, after map[string]sim.Count) {
	t.Helper()
	for login, want := range map[string][2]int{"101": {1, c.signOuts}, "102": {0, 0}} {
		ins, outs := after[login].SignIns-before[login].SignIns, after[login].SignOuts-before[login].SignOuts
		if ins != want[0] || outs != want[1] {
			t.Errorf("agent %s: the reports cost %d log-ins and %d log-outs, want %v", login, ins, outs, want)
		}
	}
}

// reader polls a file for as long as the test lets it and notes what no reader
// may see.
type reader struct {
	path string
	mode fs.FileMode

	mu   sync.Mutex
	last uint64
	seen int // generations
	bad  []string

	end  chan struct{}
	done chan struct{}
}

// readAlways starts a reader of a file that is there.
func readAlways(t *testing.T, path string, mode fs.FileMode) *reader {
	t.Helper()
	r := &reader{path: path, mode: mode, end: make(chan struct{}), done: make(chan struct{})}
	go r.loop() // joined by finish, in the clean-up at the latest
	t.Cleanup(r.finish)
	return r
}

// finish ends the reading; more than once is one.
func (r *reader) finish() {
	r.mu.Lock()
	select {
	case <-r.end:
	default:
		close(r.end)
	}
	r.mu.Unlock()
	<-r.done
}

func (r *reader) loop() {
	defer close(r.done)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-r.end:
			return
		case <-tick.C:
			r.look()
		}
	}
}

func (r *reader) look() {
	text, err := os.ReadFile(r.path)
	var c credential
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	info, statErr := os.Stat(r.path)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil || statErr != nil:
		r.bad = append(r.bad, fmt.Sprint(err, statErr))
	case info.Mode() != r.mode:
		r.bad = append(r.bad, fmt.Sprint("mode ", info.Mode()))
	case c.Token == "" || c.Generation < r.last || text[len(text)-1] != '\n':
		r.bad = append(r.bad, fmt.Sprintf("generation %d after %d", c.Generation, r.last))
	case c.Generation > r.last:
		r.last, r.seen = c.Generation, r.seen+1
	}
}

// saw returns nil once the reader has seen n generations.
func (r *reader) saw(n int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen < n {
		return fmt.Errorf("%d generations, want %d", r.seen, n)
	}
	return nil
}

// wantClean wants that nothing odd was seen.
func (r *reader) wantClean(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.bad) > 0 {
		t.Errorf("a reader of %s saw %d times what it must not, first %s", filepath.Base(r.path), len(r.bad), r.bad[0])
	}
}

// TestCredentialFile reads the files all the time while tokens of
// a minute are renewed: always there, always whole, never open to others.
func TestCredentialFile(t *testing.T) {
	t.Parallel()
	names := logins(101, 2)
	s := newSite(t, simulate(t, "edna", names), names)
	s.place = []string{"options: {probe: /api/v1/threads/1, max_age: 1m}"}
	s.members[0].keys = ", credential_file: handed/101.json"
	s.members[1].keys = fmt.Sprintf(`, credential_file: handed/102.json, credential_mode: "0640", credential_group: "%d"`, os.Getgid())
	s.write()
	if err := os.MkdirAll(filepath.Join(s.dir, "handed"), 0o700); err != nil {
		t.Fatal(err)
	}
	k := s.runOnline()
	var readers []*reader
	for i, mode := range []fs.FileMode{0o600, 0o640} {
		within(t, patience, "the credential file", func() error { _, err := os.Stat(s.handed(names[i])); return err })
		readers = append(readers, readAlways(t, s.handed(names[i]), mode))
	}
	for _, r := range readers {
		within(t, 2*patience, "renewed tokens", func() error { return r.saw(2) })
	}
	k.want(http.StatusOK, "GET", "102/credential", "")
	readers[1].finish()
	k.want(http.StatusOK, "POST", "102/pause?wait=60s", `{"reason":"test"}`)
	within(t, patience, "the removal after a sign-out", func() error { return absent(s.handed("102")) })
	readers[0].finish()
	for _, r := range readers {
		r.wantClean(t)
	}
	k.stop()
	if left, err := os.ReadDir(filepath.Join(s.dir, "handed")); err != nil || len(left) != 0 {
		t.Errorf("after the stop there are %v, %v, want no credential and no temporary file", left, err)
	}
}

// handed is the path of an agent's credential file.
func (s *site) handed(login string) string { return filepath.Join(s.dir, "handed", login+".json") }

func absent(path string) error {
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return nil
}

// TestCredentialKept hands over and kills: the file stays through it, and what
// the next process adopts keeps its generation.
func TestCredentialKept(t *testing.T) {
	t.Parallel()
	for _, c := range consumers {
		if c.vendor == "ecss" {
			continue // a websocket ends with its process
		}
		t.Run(c.vendor, func(t *testing.T) {
			t.Parallel()
			s := c.site(t, 1)
			s.members[0].keys = ", credential_file: handed/101.json"
			s.write()
			if err := os.MkdirAll(filepath.Join(s.dir, "handed"), 0o700); err != nil {
				t.Fatal(err)
			}
			k := s.runOnline()
			first := k.credential("101")
			within(t, patience, "the credential file", func() error { _, err := os.Stat(s.handed("101")); return err })
			before := s.counts()["101"]
			for _, signal := range []syscall.Signal{syscall.SIGUSR2, syscall.SIGKILL} {
				k.signal(signal)
				k.code(patience)
				s.wantHanded(first, signal.String())
				k = s.runOnline()
				s.wantHanded(first, "start after "+signal.String())
				within(t, patience, "the adopted credential", func() error { return k.hands("101") })
				if now := k.credential("101"); !same(now, first) {
					t.Errorf("after %v the adopted credential has generation %d, want the same of generation %d", signal, now.Generation, first.Generation)
				}
			}
			if after := s.counts()["101"]; after.SignIns != before.SignIns || after.SignOuts != before.SignOuts {
				t.Errorf("two restarts cost %d log-ins and %d log-outs", after.SignIns-before.SignIns, after.SignOuts-before.SignOuts)
			}
			k.stop()
			if err := absent(s.handed("101")); err != nil {
				t.Errorf("after the stop: %v", err)
			}
		})
	}
}

// same tells whether two programs got the same.
func same(a, b credential) bool {
	return a.Generation == b.Generation && a.Token == b.Token && sameHeaders(a, b)
}

// wantHanded wants the credential in the file.
func (s *site) wantHanded(want credential, when string) {
	s.t.Helper()
	text, err := os.ReadFile(s.handed("101"))
	if err != nil {
		s.t.Fatalf("after %s: %v", when, err)
	}
	if got := parseCredential(s.t, string(text)); !same(got, want) {
		s.t.Errorf("after %s the file holds generation %d, want the same credential of generation %d", when, got.Generation, want.Generation)
	}
}

// TestCredentialCommand prints credentials as people and scripts ask for them.
func TestCredentialCommand(t *testing.T) {
	t.Parallel()
	for _, c := range consumers {
		t.Run(c.vendor, func(t *testing.T) {
			t.Parallel()
			s := c.site(t, 1)
			k := s.runOnline()
			now := k.credential("101")
			var headers strings.Builder
			for _, name := range c.headers {
				fmt.Fprintf(&headers, "%s: %s\n", name, now.Headers[name])
			}
			for _, p := range []struct {
				args []string
				code int
				out  string // "" = any where the code is 0
			}{
				{[]string{"hq/101"}, 0, ""},
				{[]string{"hq/101", "-o", "token"}, map[bool]int{true: 0, false: 1}[c.token], now.Token + "\n"},
				{[]string{"hq/101", "-o", "header"}, 0, headers.String()},
				{[]string{"hq/101", "-o", "yaml"}, 2, ""},
				{[]string{"hq/999"}, 1, ""},
				{[]string{"101"}, 2, ""},
				{[]string{}, 2, ""},
				{[]string{"hq/101", "--after", fmt.Sprint(now.Generation), "--wait", "200ms"}, 75, ""},
			} {
				got := finished(t, "agentkeeper", append([]string{"credential", "--control", k.socket()}, p.args...)...)
				out := got.out.String()
				if code := got.code(patience); code != p.code {
					t.Errorf("credential %v: exit code %d, want %d: %s", p.args, code, p.code, got.err)
				}
				if code := got.code(patience); (code == 0 && p.out != "" && out != p.out) || (code != 0 && (out != "" || got.err.String() == "")) {
					t.Errorf("credential %v prints %d bytes and %q", p.args, len(out), got.err)
				}
				if len(p.args) == 1 && p.code == 0 && !same(parseCredential(t, out), now) {
					t.Errorf("credential %v prints another one", p.args)
				}
			}
			k.want(http.StatusOK, "POST", "101/pause?wait=60s", `{"reason":"test"}`)
			finished(t, "agentkeeper", "credential", "--control", k.socket(), "hq/101").wantCode(patience, 75)
			k.stop()
			finished(t, "agentkeeper", "credential", "--control", k.socket(), "hq/101").wantCode(patience, 69)
		})
	}
}
