package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"time"

	"agentkeeper/daemon"
	"agentkeeper/session"
)

// service runs the whole service in this process, as `agentkeeper run` does, and
// speaks as the peers do. "stop" signs all agents out.
func (s *settings) service(agentsPart string) error {
	fmt.Println("ready")
	in := bufio.NewReader(os.Stdin)
	if _, err := in.ReadString('\n'); err != nil {
		return err
	}
	k, err := s.open(agentsPart)
	if err != nil {
		return err
	}
	if err := k.awaitOnline(s.Agents); err != nil {
		return err
	}
	fmt.Println("online", k.d.Addr())
	return k.serve(in)
}

// keeper is a service that runs.
type keeper struct {
	d    *daemon.Daemon
	end  chan daemon.End
	done chan error
}

// open opens and runs a service.
func (s *settings) open(agentsPart string) (*keeper, error) {
	path := filepath.Join(s.Child.Dir, "agentkeeper.yaml")
	head := fmt.Sprintf("listen: %s\ncontrol: %s\nstore: {dir: %s/store}\nallow_inline_secrets: true\nstop_timeout: 10m\n", s.Child.Listen, controlSocket(s.Child.Dir), s.Child.Dir)
	if err := os.WriteFile(path, []byte(head+agentsPart), 0o600); err != nil {
		return nil, err
	}
	d, err := daemon.Open(context.Background(), daemon.Options{ConfigPath: path, Version: "bench", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	k := &keeper{d, make(chan daemon.End, 1), make(chan error, 1)}
	go func() {
		left, err := d.Run(context.Background(), k.end)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("%d agents were left signed in", len(left))
		}
		k.done <- err
	}()
	return k, nil
}

func controlSocket(dir string) string { return filepath.Join(dir, "control.sock") }

// awaitOnline looks seldom, because a look walks all agents.
func (k *keeper) awaitOnline(n int) error {
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(250 * time.Millisecond) {
		online := 0
		for _, a := range k.d.Fleet().Agents() {
			if a.View.State == session.Online {
				online++
			}
		}
		if online == n {
			return nil
		}
	}
	return errors.New("not all agents came online within 5 minutes")
}

// serve carries orders out until the input ends, then hands over.
func (k *keeper) serve(in *bufio.Reader) error {
	for {
		text, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			k.end <- daemon.HandOver
			return <-k.done
		}
		if err != nil {
			return err
		}
		if strings.TrimSpace(text) == "stop" {
			k.end <- daemon.SignOut
			err := <-k.done
			fmt.Println("stopped")
			return err
		}
		r, err := k.obey(strings.TrimSpace(text))
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
			return err
		}
	}
}

func (k *keeper) obey(text string) (r report, err error) {
	switch word, file, _ := strings.Cut(text, " "); word {
	case "count":
	case "collect":
		if r.Failed, r.Error, err = k.failures(); err != nil {
			return r, err
		}
		runtime.GC()
		runtime.GC() // what finalizers and pools held on to is garbage now
	case "free":
		debug.FreeOSMemory()
	case "profile":
		if file == "" {
			pprof.StopCPUProfile()
			break
		}
		out, err := os.Create(file) // closed by the end of the process
		if err != nil {
			return r, err
		}
		if err := pprof.StartCPUProfile(out); err != nil {
			return r, err
		}
	default:
		return r, fmt.Errorf("unknown order %q", text)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.Allocated = m.TotalAlloc
	r.Heap, r.Stack = m.HeapAlloc, m.StackInuse
	return r, nil
}

// failures counts the requests of live sessions that went wrong.
func (k *keeper) failures() (n int64, first string, err error) {
	all, err := scrape(k.d.Addr())
	if err != nil {
		return 0, "", err
	}
	for name, v := range all {
		if strings.HasPrefix(name, "agentkeeper_contacts_total{") && !strings.Contains(name, `result="ok"`) && v > 0 {
			n, first = n+int64(v), fmt.Sprintf("%s %v", name, v)
		}
	}
	return n, first, nil
}

// huaweiAgents is the part of a configuration about Huawei agents.
func huaweiAgents(addr string, n, rate int) string {
	var b strings.Builder
	fmt.Fprintf(&b, platformPart, "huawei", "https://"+addr, rate, "{reset_skills: none}")
	for i := range n {
		fmt.Fprintf(&b, "      - {login: \"%d\", number: \"%d\", password: %s}\n", 1001+i, 100001+i, password)
	}
	return b.String()
}

// ecssAgents is the part of a configuration about ECSS agents.
func ecssAgents(addr string, n, rate int, ping time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, platformPart, "ecss", "wss://"+addr, rate, fmt.Sprintf("{ping: %v}", ping))
	for i := range n {
		fmt.Fprintf(&b, "      - {login: \"%d\", number: \"40%d\", password: %s}\n", 1001+i, 1001+i, password)
	}
	return b.String()
}

// platformPart puts the rate and the budget of refused log-ins out of the way.
const platformPart = `platforms:
  hq:
    vendor: %s
    url: %s
    tls: {ca_file: ca.pem}
    sign_in: {rate: %d, concurrent: 32}
    lockout: {failures: 10000}
    options: %s
groups:
  - name: bots
    platform: hq
    agents:
`
