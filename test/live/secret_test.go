package live

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestPermissions starts the service with a umask that takes nothing away.
func TestPermissions(t *testing.T) {
	t.Parallel()
	names := logins(291, 3)
	s := newSite(t, simulate(t, "huawei", names), names)
	shell := command("agentkeeper", "run", "-c", s.path())
	shell.Args = append([]string{"/bin/sh", "-c", `umask 0; exec "$0" "$@"`, shell.Path}, shell.Args[1:]...)
	shell.Path = "/bin/sh"
	k := s.launchAs(shell)
	s.await(k)
	s.awaitOnline(k)
	info, err := os.Stat(k.socket())
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode(); mode != fs.ModeSocket|0o660 {
		t.Errorf("the control socket has mode %v, want owner and group only", mode)
	}
	files := 0
	err = filepath.WalkDir(filepath.Join(s.dir, "store"), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the store's own temporary file
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if files++; err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, want the owner's rights only", path, info.Mode())
		}
		return err
	})
	if err != nil || files < 5 {
		t.Errorf("%d files in the store, %v", files, err)
	}
	k.stop()
}

// TestSecretsStaySecret lets the service sign in with a password that stands
// out, meet answers that repeat it, and crash; then looks for it and for every
// session's key in all that the service shows.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	const canary = "kanarienvogel-7Q"
	names := logins(291, 6)
	pl := simulate(t, "huawei", []string{"291-296"}, "--hold", "1s", "--guid-interval", "1s", "--cookie", "--password", canary, "--lock-after", "100")
	s := newSite(t, pl, names)
	tp := newTap(t, pl)
	for _, login := range names {
		s.password(login, canary)
	}
	wrong := canary + "-wrong"
	s.password("296", wrong)
	s.url = tp.url
	s.top = []string{"log: {level: debug}"}
	s.place = []string{"options: {hold: 1s}", "backoff: {initial: 500ms, max: 1s}"}
	s.write()
	pl.order("faults", fmt.Sprintf(`{"op":"sign_in","agent":"295","mode":"code","code":"100-007","text":"internal: password %s","count":2}`, canary))
	pl.order("faults", `{"op":"poll","agent":"294","mode":"garbage","count":2}`)
	k := s.run()
	within(t, patience, "five agents online", func() error { return signedInError(pl, 5) })
	within(t, patience, "the parking", func() error { return k.is("296", "parked", "refused") })
	within(t, patience, "rotating keys", func() error {
		if n := len(tp.heard()); n < 10 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	pl.order("agents/292/kick", "{}")
	events := follow(t, k, "0", "")
	within(t, patience, "events", func() error { return events.has(6) })

	shown := map[string]string{}
	for _, path := range []string{"/", "/metrics", "/-/ready", "/api/v1/agents", "/api/v1/agents/hq/291", "/api/v1/agents/hq/295", "/api/v1/agents/hq/296"} {
		_, body, err := k.get(path)
		if err != nil {
			t.Fatal(err)
		}
		shown[path] = body
	}
	shown["events"] = events.String()
	shown["status"] = finished(t, "agentkeeper", "status", "--control", k.socket(), "-o", "json").out.String()
	for _, name := range []string{"cmdline", "environ"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", k.cmd.Process.Pid, name))
		if err != nil {
			t.Fatal(err)
		}
		shown["/proc/PID/"+name] = string(text)
	}
	k.signal(syscall.SIGQUIT) // the runtime prints every goroutine
	k.wantCode(patience, 2)
	shown["standard output"], shown["standard error"] = k.out.String(), k.err.String()
	if !strings.Contains(k.err.String(), "goroutine ") {
		t.Error("no crash output on standard error")
	}
	keys := tp.heard()
	for where, text := range shown {
		if text == "" && where != "standard output" {
			t.Errorf("%s is empty", where)
		}
		for _, forbidden := range append(keys, canary) {
			if strings.Contains(text, forbidden) || strings.Contains(text, url.QueryEscape(forbidden)) {
				t.Errorf("%s shows the secret %q", where, forbidden)
			}
		}
	}
	t.Logf("1 password and %d keys looked for in %d places, %d bytes of log", len(keys), len(shown), len(k.err.String()))
}
