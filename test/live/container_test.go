package live

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"agentkeeper/daemon/config"
)

// containers is where the images are described.
var containers = filepath.Join("..", "..", "systemd", "container")

// composition is what the tests read of compose.yaml.
type composition struct {
	Services map[string]struct {
		Image           string
		Command         []string
		Ports           []string
		Volumes         []string
		Tmpfs           []string
		StopGracePeriod string `yaml:"stop_grace_period"`
		Build           struct{ Context, Dockerfile, Target string }
	}
	Volumes map[string]any
}

func composed(t *testing.T) (c composition) {
	t.Helper()
	readYAML(t, "compose.yaml", &c)
	for _, name := range []string{"keeper", "vendorsim", "prometheus"} {
		if _, found := c.Services[name]; !found {
			t.Fatalf("compose.yaml has no %s", name)
		}
	}
	return c
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(shippedFile(t, name)), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// shippedFile is a file of systemd/container.
func shippedFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(containers, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// loaded is what the service makes of the shipped configuration.
func loaded(t *testing.T) *config.Config {
	t.Helper()
	c, _, err := config.Load(filepath.Join(containers, "agentkeeper.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// theFirst returns what a pattern's group finds in a text.
func theFirst(t *testing.T, pattern, text string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)` + pattern).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("nothing like %s in\n%s", pattern, text)
	}
	return found[1]
}

// TestContainerfile wants what the images are built from to be there, and the
// program's own paths in them.
func TestContainerfile(t *testing.T) {
	t.Parallel()
	file := shippedFile(t, "Containerfile")
	root := filepath.Join("..", "..")
	for _, found := range regexp.MustCompile(`(?m)^COPY ([a-z.]+)(?: go\.sum)? [a-z./]+$`).FindAllStringSubmatch(file, -1) {
		if _, err := os.Stat(filepath.Join(root, found[1])); err != nil {
			t.Errorf("copied and not there: %v", err)
		}
	}
	entries, err := filepath.Glob(filepath.Join(root, "*", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range entries {
		if dir := filepath.Base(filepath.Dir(path)); !strings.Contains(file, fmt.Sprintf("\nCOPY %s %s\n", dir, dir)) {
			t.Errorf("%s has Go code and is not copied", dir)
		}
	}
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if image, source := theFirst(t, `^FROM golang:(\d+\.\d+)-`, file), theFirst(t, `^go (\d+\.\d+)`, string(module)); image != source {
		t.Errorf("the image has Go %s, the module needs %s", image, source)
	}
	c := loaded(t)
	for _, want := range []string{
		"\nVOLUME " + c.Store.Dir + "\n", "/image" + c.Store.Dir + " ", "/image" + filepath.Dir(c.Control) + " ",
		"\nUSER 65532:65532\n", "-X main.version=", "-X main.stampedCommit=", "./cmd/agentkeeper ./cmd/vendorsim",
		"-licences $program > /image/usr/share/doc/$program/third-party-licenses.txt",
		"\nCOPY --from=build /image/usr/share/doc/agentkeeper /usr/share/doc/agentkeeper\n",
		"\nCOPY --from=build /image/usr/share/doc/vendorsim /usr/share/doc/vendorsim\n",
	} {
		if !strings.Contains(file, want) {
			t.Errorf("the Containerfile lacks %q", want)
		}
	}
	if strings.Count(file, "\nFROM scratch AS ") != 2 || strings.Count(file, "\nFROM ") != 2+strings.Count(file, "\nFROM golang:") {
		t.Error("an image is not built from scratch")
	}
}

// TestComposeFile wants the parts to agree: what is mounted is there, ports are
// those that the programs listen on, and a stop may take as long as it may.
func TestComposeFile(t *testing.T) {
	t.Parallel()
	c := composed(t)
	file := shippedFile(t, "Containerfile")
	for name, s := range c.Services {
		for _, volume := range s.Volumes {
			from, _, _ := strings.Cut(volume, ":")
			if _, named := c.Volumes[from]; named {
				continue
			}
			if _, err := os.Stat(filepath.Join(containers, from)); err != nil {
				t.Errorf("%s mounts what is not there: %v", name, err)
			}
		}
		if s.Image != "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(containers, s.Build.Context, s.Build.Dockerfile)); err != nil {
			t.Errorf("%s is built from what is not there: %v", name, err)
		}
		if s.Build.Target != "" && !strings.Contains(file, "\nFROM scratch AS "+s.Build.Target+"\n") {
			t.Errorf("%s: the Containerfile makes no %s", name, s.Build.Target)
		}
	}
	own := shippedFile(t, "agentkeeper.yaml")
	listen := theFirst(t, `^listen: 0\.0\.0\.0:(\d+)`, own)
	simulated := theFirst(t, `^ +url: http://vendorsim:(\d+)$`, own)
	if got := theFirst(t, `^EXPOSE (\d+)$`, file); got != listen {
		t.Errorf("the image exposes %s, the service listens on %s", got, listen)
	}
	if !strings.Contains(shippedFile(t, "prometheus.yaml"), `"keeper:`+listen+`"`) {
		t.Error("Prometheus does not ask the service")
	}
	conf := loaded(t)
	keeper, simulator := c.Services["keeper"], c.Services["vendorsim"]
	if !slices.Contains(keeper.Ports, "127.0.0.1:"+listen+":"+listen) || !slices.Contains(simulator.Ports, "127.0.0.1:"+simulated+":"+simulated) {
		t.Errorf("ports %v and %v, for %s and %s", keeper.Ports, simulator.Ports, listen, simulated)
	}
	if !slices.Contains(simulator.Command, "0.0.0.0:"+simulated) {
		t.Errorf("the simulator's command is %v, it is asked at port %s", simulator.Command, simulated)
	}
	if !slices.Contains(keeper.Volumes, "state:"+conf.Store.Dir) || !slices.Contains(keeper.Volumes, "./agentkeeper.yaml:"+config.DefaultPath+":ro") ||
		!slices.Contains(keeper.Tmpfs, filepath.Dir(conf.Control)) {
		t.Errorf("the service has %v and %v, not what it needs", keeper.Volumes, keeper.Tmpfs)
	}
	if grace, err := time.ParseDuration(keeper.StopGracePeriod); err != nil || grace <= conf.StopTimeout {
		t.Errorf("a stop may take %s, and the service %v", keeper.StopGracePeriod, conf.StopTimeout)
	}
}

// TestComposedPrometheus has promtool read the configuration with its rules where
// they are mounted.
func TestComposedPrometheus(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool: sh test/install.sh installs it")
	}
	dir := t.TempDir()
	for _, volume := range composed(t).Services["prometheus"].Volumes {
		parts := strings.Split(volume, ":")
		text := shippedFile(t, parts[0])
		at := filepath.Join(dir, parts[1])
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, at, text)
	}
	out := printed(t, promtool, "check", "config", filepath.Join(dir, "etc", "prometheus", "prometheus.yml"))
	if !strings.Contains(out, "2 rule files found") {
		t.Errorf("promtool: %s", out)
	}
}

// TestComposedServices runs the programs as the containers do, with the shipped
// configuration and other addresses: everybody comes online, and the image's
// health check says so.
func TestComposedServices(t *testing.T) {
	t.Parallel()
	c := composed(t)
	platform := freeAddress(t)
	args := slices.Clone(c.Services["vendorsim"].Command)
	for i, arg := range args {
		if strings.HasPrefix(arg, "0.0.0.0:") {
			args[i] = platform
		}
	}
	simulator := start(t, command("vendorsim", args...))
	within(t, patience, "the simulator", func() error {
		conn, err := net.Dial("tcp", platform)
		if err == nil {
			err = conn.Close()
		}
		return err
	})

	dir, listen := t.TempDir(), freeAddress(t)
	text := shippedFile(t, "agentkeeper.yaml")
	for _, change := range [][2]string{{`0\.0\.0\.0:\d+`, listen}, {`vendorsim:\d+`, platform}} {
		text = regexp.MustCompile(change[0]).ReplaceAllString(text, change[1])
	}
	control := filepath.Join(dir, "control.sock")
	path := filepath.Join(dir, "agentkeeper.yaml")
	writeFile(t, path, text+fmt.Sprintf("control: %s\nstore: {dir: %s}\n", control, filepath.Join(dir, "store")))
	var run []string
	readArray(t, `^CMD (\["run".*\])$`, &run)
	k := &service{process: start(t, command("agentkeeper", append(run, "-c", path)...)), dir: dir, url: "http://" + listen, client: &http.Client{Timeout: 10 * time.Second}}
	within(t, patience, "all agents", func() error { return k.online(strings.Count(text, "login:")) })

	var health []string
	readArray(t, `^HEALTHCHECK .* CMD (\[.*\])$`, &health)
	healthy := func() int {
		cmd := command(filepath.Base(health[0]), health[1:]...)
		cmd.Env = append(cmd.Env, "AGENTKEEPER_CONTROL="+control)
		return start(t, cmd).code(patience)
	}
	if code := healthy(); code != 0 {
		t.Errorf("the health check of a service that is well: %d", code)
	}
	k.stop()
	if code := healthy(); code == 0 {
		t.Error("the health check of no service is content")
	}
	simulator.signal(syscall.SIGTERM)
	simulator.wantCode(patience, 0)
}

// readArray decodes an instruction of the Containerfile that is an array.
func readArray(t *testing.T, pattern string, into *[]string) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(theFirst(t, pattern, shippedFile(t, "Containerfile"))), into); err != nil {
		t.Fatal(err)
	}
}
