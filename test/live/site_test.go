package live

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// site is a simulator, a directory, and the configuration between them. A test
// changes the fields and calls write.
type site struct {
	t        *testing.T
	dir      string
	platform *platform

	listen      string
	control     string
	store       string
	url         string   // of the platform
	stopTimeout string   //
	signIn      string   // the platform's sign_in
	tls         string   // the platform's tls
	top         []string // further lines of the file
	place       []string // further lines of the platform
	platforms   []string // further platforms, a line each
	groups      []string // further groups, a line each
	members     []member
}

// member is an agent in the configuration.
type member struct {
	login   string
	options string // inside the braces
	keys    string // further keys
}

// newSite configures the logins, each with a password file of its own.
func newSite(t *testing.T, pl *platform, logins []string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), platform: pl, listen: "127.0.0.1:0", control: "control.sock", store: "store", url: pl.address(), stopTimeout: "30s", signIn: "rate: 200, concurrent: 20"}
	if pl.ca != "" {
		s.tls = "ca_file: " + pl.ca
	}
	for _, login := range logins {
		s.add(login, "")
		s.password(login, secret)
	}
	s.write()
	return s
}

func (s *site) add(login, options string) {
	s.members = append(s.members, member{login: login, options: options})
}

func (s *site) remove(login string) {
	s.members = slices.DeleteFunc(s.members, func(m member) bool { return m.login == login })
}

// password writes an agent's password file.
func (s *site) password(login, text string) {
	s.t.Helper()
	writeFile(s.t, filepath.Join(s.dir, "secrets", login), text+"\n")
}

func (s *site) path() string { return filepath.Join(s.dir, "agentkeeper.yaml") }

// write writes the configuration; nobody is told.
func (s *site) write() {
	s.t.Helper()
	writeFile(s.t, s.path(), s.yaml())
}

func (s *site) yaml() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("listen: %s", s.listen)
	line("control: %s", s.control)
	line("store: {dir: %s}", s.store)
	line("stop_timeout: %s", s.stopTimeout)
	for _, text := range s.top {
		line("%s", text)
	}
	line("platforms:\n  hq:\n    vendor: %s\n    url: %s\n    tls: {%s}\n    sign_in: {%s}", s.platform.vendor, s.url, s.tls, s.signIn)
	for _, text := range s.place {
		line("    %s", text)
	}
	for _, text := range s.platforms {
		line("  %s", text)
	}
	line("groups:\n  - name: bots\n    platform: hq\n    passwords_dir: secrets\n    agents:")
	for _, m := range s.members {
		line("      - {login: %q, number: %q, options: {%s}%s}", m.login, "40"+m.login, m.options, m.keys)
	}
	for _, text := range s.groups {
		line("  - %s", text)
	}
	return b.String()
}

// run starts the service and waits until it is ready.
func (s *site) run() *service {
	s.t.Helper()
	k := s.launch()
	s.await(k)
	return k
}

// launch starts the service and does not wait.
func (s *site) launch() *service {
	s.t.Helper()
	return s.launchAs(command("agentkeeper", "run", "-c", s.path()))
}

func (s *site) launchAs(cmd *exec.Cmd) *service {
	s.t.Helper()
	return &service{process: start(s.t, cmd), dir: s.dir, client: &http.Client{Timeout: patience, Transport: insecure()}}
}

func (s *site) await(k *service) {
	s.t.Helper()
	within(s.t, patience, "the service's start", k.ready)
}

// runOnline starts the service and waits until every agent is online.
func (s *site) runOnline() *service {
	s.t.Helper()
	k := s.run()
	s.awaitOnline(k)
	return k
}

func (s *site) awaitOnline(k *service) {
	s.t.Helper()
	within(s.t, patience, "all agents online", func() error { return k.online(len(s.members)) })
}
