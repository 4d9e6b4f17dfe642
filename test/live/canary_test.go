package live

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"agentkeeper/test/sim"
)

// webPassword is the one of canaryWebConfig's user.
const webPassword = "kanari-web-Q7w2Xs91"

const canaryWebConfig = `basic_auth_users: {prometheus: $2a$04$JmH.N2X/fWaifcAgjtZWle5Ola.8fXXaG03fb7Q85NeHWF8BkQ4HO}
`

// canaries are secrets by what they are for. A secret is a word with characters
// around it that encoders change; the word is looked for.
type canaries map[string]string

// make returns a new secret.
func (c canaries) make(what string) string {
	word := "kanari" + rand.Text()[:14]
	c[what] = word
	return `<"&` + word + `+/ü`
}

// shapes are how a word may stand in a text.
func shapes(word string) []string {
	list := []string{word, hex.EncodeToString([]byte(word))}
	for shift := range 3 { // base64 of a text that the word stands in
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + word))
		list = append(list, strings.TrimRight(text, "=")[4:len(text)-6])
	}
	return list
}

// parrot is a platform that answers every request with what it was sent, in
// ever another shape.
func parrot(t *testing.T) string {
	t.Helper()
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		said := string(body) + fmt.Sprint(req.Header) + req.URL.String()
		switch n.Add(1) % 6 {
		case 0:
			http.Error(w, said, http.StatusInternalServerError)
		case 1:
			_, _ = io.WriteString(w, said)
		case 2:
			w.Header().Set("Location", "/login?"+url.Values{"sent": {said}}.Encode())
			w.WriteHeader(http.StatusFound)
		case 3:
			w.Header().Set("X-Said", url.QueryEscape(said))
			http.Error(w, "<html><title>"+said+"</title></html>", http.StatusBadGateway)
		case 4:
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(body)
		default:
			_ = json.NewEncoder(w).Encode(map[string]any{"retcode": "100-007", "code": 599, "status": 599, "message": said, "error": said,
				"errors": []string{said}, "detail": said, "result": said, "body": said, "payload": map[string]string{"message": said}})
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// zoo is every vendor twice: its simulator, and a parrot.
type zoo struct {
	t       *testing.T
	dir     string
	secrets canaries
	sims    map[string]*platform
	yaml    strings.Builder // the platforms
	groups  strings.Builder
	top     string // events and callbacks
	stream  string // where NATS clients connect
	inbound string // where platforms push
}

// zooOptions are the vendors' options, each with its parrot's.
var zooOptions = map[string][2]string{
	"huawei":        {"hold: 1s", "hold: 1s"},
	"huawei-config": {"probe: /config/agents", "probe: /config/agents"},
	"ecss":          {"taken_retry: 1s", "login_over: http"},
	"runtel":        {"", ""},
	"edna":          {"probe: /api/v1/threads/1", "probe: /api/v1/threads/1"},
}

func newZoo(t *testing.T) *zoo {
	t.Helper()
	z := &zoo{t: t, dir: t.TempDir(), secrets: canaries{}, sims: map[string]*platform{}}
	for vendor, options := range zooOptions {
		password := z.secrets.make(vendor + "'s password")
		z.sims[vendor] = simulate(t, vendor, []string{"101-103"}, "--password", password)
		z.place(vendor, vendor, z.sims[vendor].address(), options[0], map[string]string{
			"101": password, "102": password, "103": z.secrets.make(vendor + "'s wrong password")})
		said := z.secrets.make("what " + vendor + "'s parrot is told")
		address := parrot(t)
		if vendor == "ecss" {
			address = "ws" + strings.TrimPrefix(address, "http")
		}
		z.place("parrot-"+vendor, vendor, address, options[1], map[string]string{"201": said})
	}
	z.pushes()
	z.consumers()
	return z
}

// pushes adds a platform that pushes, and a parrot that is asked to.
func (z *zoo) pushes() {
	z.inbound = freeAddress(z.t)
	certs := z.t.TempDir()
	ca, err := sim.NewCA()
	if err != nil {
		z.t.Fatal(err)
	}
	if err := ca.Write(certs); err != nil {
		z.t.Fatal(err)
	}
	z.top = fmt.Sprintf("callback: {listen: %q, cert_file: %q, key_file: %q}\n", z.inbound, filepath.Join(certs, "good.pem"), filepath.Join(certs, "good-key.pem"))
	password := z.secrets.make("push's password")
	z.sims["push"] = simulate(z.t, "huawei", []string{"101-103"}, "--password", password, "--push-insecure", "--push-pause", "200ms")
	z.push("push", z.sims["push"].address(), map[string]string{"101": password, "102": password, "103": z.secrets.make("push's wrong password")})
	z.push("parrot-push", parrot(z.t), map[string]string{"201": z.secrets.make("what push's parrot is told")})
}

// push adds one platform that pushes, with a service token of its own.
func (z *zoo) push(name, address string, passwords map[string]string) {
	what := name + "'s service token"
	z.secrets.make(what)
	writeFile(z.t, filepath.Join(z.dir, "secrets", "token-"+name), z.secrets[what]+"\n")
	z.place(name, "huawei", address, fmt.Sprintf("events: push, callback_url: 'https://%s/callback/%s', service_token_file: secrets/token-%[2]s", z.inbound, name), passwords)
}

// consumers adds users of the stream, and webhooks: to one who takes everything,
// to parrots and to nobody.
func (z *zoo) consumers() {
	z.stream = freeAddress(z.t)
	writeFile(z.t, filepath.Join(z.dir, "secrets", "crm"), z.secrets.make("the password of a user of the stream")+"\n")
	writeFile(z.t, filepath.Join(z.dir, "secrets", "bi"), z.secrets.make("the token of a user of the stream")+"\n")
	z.top += fmt.Sprintf("events:\n  listen: %q\n  users: [{name: crm, password_file: secrets/crm}, {name: bi, token_file: secrets/bi}]\n  webhooks:\n", z.stream)
	for name, address := range map[string]string{"said": parrot(z.t), "nowhere": "http://127.0.0.1:1"} {
		writeFile(z.t, filepath.Join(z.dir, "secrets", "hook-"+name), z.secrets.make("the secret of webhook "+name)+"\n")
		z.secrets.make("what the address of webhook " + name + " has")
		z.top += fmt.Sprintf("  - {name: %s, url: '%s/hook?key=%s', secret_file: secrets/hook-%[1]s}\n", name, address, z.secrets["what the address of webhook "+name+" has"])
	}
}

// connect shows the stream's door good secrets and one with a letter too many.
func (z *zoo) connect() {
	z.t.Helper()
	for _, file := range []string{"crm", "bi"} {
		text, err := os.ReadFile(filepath.Join(z.dir, "secrets", file))
		if err != nil {
			z.t.Fatal(err)
		}
		secret := strings.TrimSuffix(string(text), "\n")
		for _, end := range []string{"", "x"} {
			show := nats.UserInfo(file, secret+end)
			if file == "bi" {
				show = nats.Token(secret + end)
			}
			nc, err := nats.Connect("nats://"+z.stream, show)
			if (err == nil) != (end == "") {
				z.t.Errorf("%s with %q at the end: %v", file, end, err)
			}
			if nc != nil {
				nc.Close()
			}
		}
	}
}

// knock shows the receiver of callbacks a wrong token, a wrong Guid, and text
// that is none of its.
func (z *zoo) knock() {
	client := &http.Client{Timeout: 10 * time.Second, Transport: insecure()}
	token := z.secrets["push's service token"]
	for _, body := range []string{"{}", "no JSON: " + token, `{"agentId":"101","token":"` + token + `"}`} {
		for _, header := range []string{"service_token", "Guid", "Authorization"} {
			req, err := http.NewRequest(http.MethodPost, "https://"+z.inbound+"/callback/push", strings.NewReader(body))
			if err != nil {
				z.t.Fatal(err)
			}
			req.Header[header] = []string{token + "x"}
			res, err := client.Do(req)
			if err != nil {
				z.t.Fatal(err)
			}
			said, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if strings.Contains(string(said)+fmt.Sprint(res.Header), token) || (res.StatusCode == http.StatusOK && header != "Authorization") {
				z.t.Errorf("the receiver of callbacks answers %d %s", res.StatusCode, said)
			}
		}
	}
}

// place adds a platform with its agents' passwords.
func (z *zoo) place(name, vendor, address, options string, passwords map[string]string) {
	fmt.Fprintf(&z.yaml, "  %s:\n    vendor: %s\n    url: %s\n    options: {%s}\n    lockout: {failures: 1000, within: 10m, quiet: 1s}\n"+
		"    backoff: {initial: 200ms, max: 500ms}\n    sign_in: {rate: 50, concurrent: 10, timeout: 2s}\n", name, vendor, address, options)
	fmt.Fprintf(&z.groups, "  - name: of-%s\n    platform: %[1]s\n    passwords_dir: secrets/%[1]s\n    agents:\n", name)
	for login, password := range passwords {
		writeFile(z.t, filepath.Join(z.dir, "secrets", name, login), password+"\n")
		fmt.Fprintf(&z.groups, "      - {login: %q, number: %q, credential_file: handed/%s-%[1]s.json}\n", login, "40"+login, name)
	}
}

func (z *zoo) path() string { return filepath.Join(z.dir, "agentkeeper.yaml") }

// write writes the configuration with further lines of agents.
func (z *zoo) write(more string) {
	writeFile(z.t, filepath.Join(z.dir, "web.yaml"), canaryWebConfig)
	writeFile(z.t, z.path(), "listen: 127.0.0.1:0\nweb_config_file: web.yaml\ncontrol: control.sock\nstore: {dir: store}\nlog: {level: debug, trace: {agents: ['*'], for: 1h}}\n"+
		"proxy: {listen: 'unix:"+filepath.Join(z.dir, "proxy.sock")+"'}\n"+z.top+"platforms:\n"+z.yaml.String()+"groups:\n"+z.groups.String()+more)
}

// run starts the service, with a password in its environment.
func (z *zoo) run() *service {
	z.t.Helper()
	z.write("")
	cmd := command("agentkeeper", "run", "-c", z.path())
	cmd.Env = append(cmd.Env, "ZOO="+z.secrets.make("the password in the environment"))
	k := &service{process: start(z.t, cmd), dir: z.dir, client: &http.Client{Timeout: 10 * time.Second, Transport: webUser{insecure()}}}
	within(z.t, patience, "the service's start", k.ready)
	return k
}

// webUser is canaryWebConfig's.
type webUser struct{ http.RoundTripper }

func (u webUser) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.SetBasicAuth("prometheus", webPassword)
	return u.RoundTripper.RoundTrip(req)
}

// settled returns nil once two agents of every simulator are online and the
// third is refused.
func (z *zoo) settled(k *service) error {
	list, err := k.list()
	if err != nil {
		return err
	}
	n := 0
	for _, a := range list {
		wrong := a.Login == "103" && a.State != "parked"
		if wrong || ((a.Login == "101" || a.Login == "102") && a.State != "online") {
			return fmt.Errorf("%s is %s %s %s %s", a.ID, a.State, a.Reason, a.Code, a.Detail)
		}
		n++
	}
	if n < 24 {
		return fmt.Errorf("%d agents", n)
	}
	return nil
}

// keys adds the sessions' keys of now to the secrets.
func (z *zoo) keys(k *service) {
	z.t.Helper()
	for vendor := range zooOptions {
		status, body, err := k.control("GET", "/api/v1/agents/"+vendor+"/101/credential", "")
		if err != nil || status != http.StatusOK {
			continue // between two sessions
		}
		c := parseCredential(z.t, body)
		what := fmt.Sprintf("%s's key, generation %d", vendor, c.Generation)
		if c.Token != "" {
			z.secrets[what] = c.Token
		}
		for name, value := range c.Headers {
			z.secrets[what+", header "+name] = strings.TrimPrefix(value, "Bearer ")
		}
	}
}

// annoy makes the simulators do what may tempt a program to talk.
func (z *zoo) annoy() {
	for vendor, pl := range z.sims {
		told := z.secrets[vendor+"'s password"]
		if vendor == "push" {
			told = z.secrets["push's service token"]
		}
		code := map[string]string{"huawei": "100-007", "push": "100-007", "huawei-config": "100-007", "ecss": "401", "runtel": "599", "edna": "599"}[vendor]
		pl.order("faults", fmt.Sprintf(`{"op":"sign_in","mode":"code","code":%q,"text":"internal: password <\"&%s+/ü of 101","count":2}`, code, told))
		for _, mode := range []string{"html", "garbage", "status", "reset"} {
			pl.order("faults", fmt.Sprintf(`{"op":"sign_in","mode":%q,"count":1}`, mode))
		}
		pl.order("outage", `{"for":"1s","mode":"refuse"}`)
	}
}

// mistakes are lines of agents in which a password stands where none may.
func (z *zoo) mistakes() []string {
	lines := []string{"{login: 9, number: 9, password: '%s'}", "{login: 9, number: 9, password_env: '%s'}", "{login: 9, number: 9, password_credential: '%s'}",
		"{login: 9, number: 9, password: '%s', password_env: '%[1]s'}", "{login: 9, number: 9, password: '%s'", "{login: 9, number: 9, pasword: '%s'}"}
	for i, line := range lines {
		lines[i] = "      - " + fmt.Sprintf(line, z.secrets.make("the password of mistake "+fmt.Sprint(i+1))) + "\n"
	}
	return lines
}

// TestCanaries runs every vendor with passwords that stand out, through success,
// refusal, outages, platforms that repeat what they are told, and mistakes in
// the configuration, with all there is to log, every exchange included; crashes; and looks for the
// passwords and the sessions' keys in everything that came out.
func TestCanaries(t *testing.T) {
	t.Parallel()
	z := newZoo(t)
	z.secrets["the web configuration's password"] = webPassword
	k := z.run()
	within(t, patience, "every vendor's agents", func() error { return z.settled(k) })
	z.keys(k)
	z.connect()
	z.knock()
	z.annoy()
	for vendor := range zooOptions {
		if status, body, err := k.control("POST", "/api/v1/agents/"+vendor+"/101/pause?wait=3s", `{"reason":"test"}`); err != nil || (status >= 500 && status != 504) {
			t.Errorf("pause: %d %v %s", status, err, body)
		}
		_, _, _ = k.control("POST", "/api/v1/agents/"+vendor+"/101/resume", `{"reason":"test"}`)
	}
	within(t, patience, "every vendor's agents again", func() error { return z.settled(k) })
	z.keys(k)
	shown := z.gather(k)
	for i, line := range z.mistakes() {
		z.write(line)
		_, answer, err := k.control("POST", "/api/v1/reload", "")
		shown[fmt.Sprintf("the answer to mistake %d", i+1)] = answer
		check := finished(t, "agentkeeper", "check", "-c", z.path())
		if check.cmd.ProcessState.ExitCode() != 78 || !strings.Contains(answer, "agentkeeper.yaml:") {
			t.Errorf("mistake %d is none: %v %s%s", i+1, err, answer, check.err.String())
		}
		shown[fmt.Sprintf("check of mistake %d", i+1)] = check.out.String() + check.err.String()
	}
	z.files()
	k.signal(syscall.SIGQUIT)
	k.wantCode(patience, 2)
	shown["standard output"], shown["standard error"] = k.out.String(), k.err.String()
	z.search(shown)
}

// gather returns all that the service shows, by where.
func (z *zoo) gather(k *service) map[string]string {
	shown := map[string]string{}
	list, err := k.list()
	if err != nil {
		z.t.Fatal(err)
	}
	paths := []string{"/", "/metrics", "/-/ready", "/-/healthy", "/api/v1/agents", "/api/v1/platforms", "/api/v1/webhooks", "/api/v1/none"}
	for _, a := range list {
		paths = append(paths, "/api/v1/agents/"+a.ID, "/api/v1/agents/"+a.ID+"/credential")
	}
	for _, path := range paths {
		_, body, err := k.get(path)
		if err != nil {
			z.t.Fatal(err)
		}
		shown["listen "+path] = body
		if !strings.HasSuffix(path, "/credential") {
			_, body, err = k.control("GET", path, "")
			shown["control "+path] = body + fmt.Sprint(err)
		}
	}
	through := &http.Client{Timeout: 30 * time.Second, Transport: overUnix(filepath.Join(z.dir, "proxy.sock"))}
	for _, path := range []string{"/runtel/101/nothing", "/edna/101/api/v1/threads/1", "/huawei-config/101/config/agents", "/huawei/101/nothing", "/ecss/101/x", "/parrot-edna/201/x"} {
		res, err := through.Get("http://127.0.0.1" + path)
		if err != nil {
			z.t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		shown["proxy "+path] = fmt.Sprint(res.Status, res.Header, string(body), err)
	}
	shown["events"] = z.events(k)
	for _, args := range [][]string{{"status"}, {"status", "-o", "json"}, {"status", "--check"}, {"credential", "edna/103"}, {"webhooks"}, {"webhooks", "resume", "said", "--reason", "test"}, {"explain", "push/101"}, {"events"}, {"plan"}, {"trace"}, {"trace", "parrot-edna/201", "parrot-runtel/201", "parrot-ecss/201", "ecss/101", "huawei/101", "--for", "3s"}} {
		p := finished(z.t, "agentkeeper", append(args, "--control", k.socket())...)
		shown[strings.Join(args, " ")] = p.out.String() + p.err.String()
	}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", k.cmd.Process.Pid))
	if err != nil {
		z.t.Fatal(err)
	}
	shown["the process list"] = string(cmdline)
	return shown
}

// events returns all events so far.
func (z *zoo) events(k *service) string {
	req, err := http.NewRequest(http.MethodGet, k.url+"/api/v1/events", nil)
	if err != nil {
		z.t.Fatal(err)
	}
	req.Header.Set("Last-Event-ID", "0")
	client := *k.client
	client.Timeout = 2 * time.Second
	res, err := client.Do(req)
	if err != nil {
		z.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(res.Body) // until the time is over
	return string(text)
}

// files looks at modes and contents: nobody else's, and no password stored. The
// sessions' keys are in the store by design, and in the files they are handed
// out by.
func (z *zoo) files() {
	err := filepath.WalkDir(z.dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || (err == nil && d.IsDir()) {
			return nil // gone meanwhile
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		socket := info.Mode().Type() == fs.ModeSocket
		if mode := info.Mode().Perm(); mode&0o077 != 0 && !(socket && mode == 0o660) {
			z.t.Errorf("%s has mode %v", path, info.Mode())
		}
		if rel, _ := filepath.Rel(z.dir, path); strings.HasPrefix(rel, "store"+string(filepath.Separator)) && info.Mode().IsRegular() {
			text, _ := os.ReadFile(path)
			for what, word := range z.secrets {
				if !strings.Contains(what, "key") && strings.Contains(string(text), word) {
					z.t.Errorf("%s holds %s", path, what)
				}
			}
		}
		return nil
	})
	if err != nil {
		z.t.Fatal(err)
	}
	if cores, _ := filepath.Glob(filepath.Join(z.dir, "core*")); len(cores) > 0 {
		z.t.Errorf("core files: %v", cores)
	}
}

// traced checks that the log tells every vendor's exchange, and its parrot's.
func (z *zoo) traced(log string) {
	said := map[string]string{}
	for line := range strings.Lines(log) {
		var l struct{ Msg, Agent, Step, Body string }
		if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "trace" {
			platform, _, _ := strings.Cut(l.Agent, "/")
			said[platform] += l.Step + " " + l.Body + "\n"
		}
	}
	for vendor := range zooOptions {
		steps := []string{"connected ", "request ", "answer "}
		if vendor == "ecss" {
			steps = append(steps, "sent {", "received {", "closed ")
		}
		for _, step := range steps {
			if !strings.Contains(said[vendor], step) {
				z.t.Errorf("no line of %s's exchange tells of a step %q", vendor, step)
			}
		}
		if !strings.Contains(said[vendor], "***") || !strings.Contains(said["parrot-"+vendor], "answer ") {
			z.t.Errorf("the exchange of %s or its parrot is not told as it was: %s", vendor, said["parrot-"+vendor])
		}
	}
	if !strings.Contains(said["push"], "callback {") {
		z.t.Error("no callback is told")
	}
}

// search looks for every secret in every text.
func (z *zoo) search(shown map[string]string) {
	z.traced(shown["standard error"])
	if !strings.Contains(shown["standard error"], "goroutine ") || !strings.Contains(shown["standard error"], `"level":"DEBUG"`) {
		z.t.Error("standard error lacks the goroutines or what is logged for debugging")
	}
	if !strings.Contains(shown["standard error"], "***") {
		z.t.Error("no text had to be redacted: nobody repeated a password")
	}
	for what, word := range z.secrets {
		for _, shape := range shapes(word) {
			for where, text := range shown {
				if i := strings.Index(text, shape); i >= 0 {
					z.t.Errorf("%s shows %s: …%s…", where, what, text[max(0, i-200):min(len(text), i+100)])
				}
			}
		}
	}
	z.t.Logf("%d secrets looked for in %d places, %d bytes of log", len(z.secrets), len(shown), len(shown["standard error"]))
}
