package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"agentkeeper/test/sim"
	"agentkeeper/test/sim/huawei"
)

const password = "bench"

// serve is the simulator's process: it prints its address and runs until its
// input closes.
func serve(dir string, n int, platform func(n int, l *sim.NetListener) http.Handler) error {
	ca, err := sim.NewCA()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), ca.PEM(), 0o600); err != nil {
		return err
	}
	conf, err := ca.TLS(sim.CertGood)
	if err != nil {
		return err
	}
	conf.NextProtos = []string{"http/1.1"}
	l, err := sim.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	server := sim.Serve(l, platform(n, l), conf)
	fmt.Println(l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return server.Close()
}

// seen is what a simulator tells of what it saw.
type seen struct {
	First      []time.Duration `json:"first"` // from a sign-in's answer to the first poll; of Huawei alone
	SignIns    int             `json:"sign_ins"`
	Violations []string        `json:"violations"`
}

// gateway is a CC-Gateway with n agents.
func gateway(n int, l *sim.NetListener) http.Handler {
	g := huawei.New(huawei.Config{Agents: huawei.Range(1001, n, password, 100001), Line: l})
	polls := watchPolls(g)
	mux := http.NewServeMux()
	mux.Handle("/", polls)
	mux.HandleFunc("GET /bench/polled", polls.since)
	mux.HandleFunc("GET /bench/first", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(seen{g.FirstPolls(), g.Ops.Total().SignIns, g.Ops.Violations()})
	})
	return mux
}

func trusting(caFile string) (*tls.Config, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in " + caFile)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(64)}, nil
}

// firstPolls asks the server what it saw. A violation fails the measurement.
func firstPolls(address, dir string, f *figures) error {
	a, err := askServer(address, dir)
	if err != nil {
		return err
	}
	var s seen
	if err := json.Unmarshal(a.get("/bench/first"), &s); err != nil {
		return err
	}
	if len(s.Violations) > 0 {
		return fmt.Errorf("the platform saw %d violations, the first: %s", len(s.Violations), s.Violations[0])
	}
	if len(s.First) == 0 {
		return nil
	}
	slices.Sort(s.First)
	at := func(q float64) time.Duration { return s.First[int(q*float64(len(s.First)-1))] }
	f.FirstP50, f.FirstP99, f.FirstMax = at(0.5), at(0.99), at(1)
	return nil
}
