package live

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"agentkeeper/test/rig"
)

// javaScriptVariable names the directory that test/javascript.sh puts the NATS
// clients for JavaScript in, beside the programs of test/javascript.
const javaScriptVariable = "AGENTKEEPER_TEST_JAVASCRIPT"

// streamed is a service whose stream has the events 0 to 9 of hq/291, and a user
// crm with the password "secret".
func streamed(t *testing.T) (s *site, k *service, address string) {
	t.Helper()
	names := logins(291, 1)
	s = newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
	address = freeAddress(t)
	writeFile(t, filepath.Join(s.dir, "crm"), "secret")
	s.place = []string{"options: {hold: 1s}"}
	s.top = []string{fmt.Sprintf("events: {listen: %q, users: [{name: crm, password_file: crm}]}", address)}
	s.write()
	k = s.runOnline()
	for n := range 10 {
		s.test(n)
	}
	return s, k, address
}

// test has the platform tell hq/291 of an event with a number.
func (s *site) test(n int) {
	s.platform.order("agents/291/event", fmt.Sprintf(`{"type":"Test","content":{"n":%d}}`, n))
}

// javaScriptClients returns the directory that has them.
func javaScriptClients(t *testing.T) string {
	t.Helper()
	dir := os.Getenv(javaScriptVariable)
	if dir == "" {
		t.Skip("no NATS clients for JavaScript: sh test/javascript.sh fetches them")
	}
	return dir
}

// node starts a program in JavaScript that asks the server at an address.
func node(t *testing.T, path, address string) *process {
	t.Helper()
	cmd := rig.Command("node", path)
	cmd.Env = append(cmd.Env, "NATS_ADDRESS="+address)
	return start(t, cmd)
}

// TestJavaScriptClients asks and reads as both generations of the client do.
func TestJavaScriptClients(t *testing.T) {
	dir := javaScriptClients(t)
	for _, program := range []string{"old.mjs", "new.mjs"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			_, k, address := streamed(t)
			p := node(t, filepath.Join(dir, program), address)
			p.wantCode(patience, 0)
			if got := p.out.String(); got != "read event 0\n" {
				t.Errorf("%s: %s", got, p.err.String())
			}
			k.stop()
		})
	}
}

// TestJavaScriptExample runs the program of daemon/docs/events.md over a kill -9.
func TestJavaScriptExample(t *testing.T) {
	dir := javaScriptClients(t)
	manual, err := os.ReadFile(filepath.Join("..", "..", "daemon", "docs", "events.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(manual), "```js\n")
	example, _, closed := strings.Cut(rest, "```\n")
	if !found || !closed || !strings.Contains(example, `"127.0.0.1:4222"`) {
		t.Fatal("the manual has no example in JavaScript")
	}
	program := "const secret = 'secret', take = (event) => console.log(event.source, event.type, JSON.stringify(event.data));\n" +
		strings.ReplaceAll(example, `"127.0.0.1:4222"`, "process.env.NATS_ADDRESS")
	path := filepath.Join(dir, "example.mjs")
	writeFile(t, path, program)
	s, k, address := streamed(t)
	p := node(t, path, address)
	read := func(n int) {
		t.Helper()
		want := regexp.MustCompile(fmt.Sprintf(`(?m)^/platforms/hq/agents/291 huawei\.Test .*"n":%d\D.*$`, n))
		within(t, patience, fmt.Sprint("event ", n), func() error {
			if !want.MatchString(p.out.String()) {
				return errors.New("not read: " + p.out.String() + p.err.String())
			}
			return nil
		})
	}
	read(9)
	k.kill9()
	k = s.launch()
	s.await(k)
	s.test(10)
	read(10)
	k.stop()
}
