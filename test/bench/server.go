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
func serve(dir string, n int) error {
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
	gateway := huawei.New(huawei.Config{Agents: huawei.Range(1001, n, password, 100001), Line: l})
	mux := http.NewServeMux()
	mux.Handle("/", gateway)
	mux.HandleFunc("GET /bench/first", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"first": gateway.FirstPolls(), "violations": gateway.Ops.Violations()})
	})
	server := sim.Serve(l, mux, conf)
	fmt.Println(l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return server.Close()
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

// firstPolls asks the server what it saw.
func firstPolls(address, caFile string, f *figures) error {
	conf, err := trusting(caFile)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: conf}}
	res, err := client.Get("https://" + address + "/bench/first")
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	var seen struct {
		First      []time.Duration `json:"first"`
		Violations []string        `json:"violations"`
	}
	if err := json.NewDecoder(res.Body).Decode(&seen); err != nil {
		return err
	}
	if len(seen.Violations) > 0 {
		return fmt.Errorf("the platform saw %d violations, the first: %s", len(seen.Violations), seen.Violations[0])
	}
	if len(seen.First) == 0 {
		return errors.New("the platform saw no first poll")
	}
	slices.Sort(seen.First)
	at := func(q float64) time.Duration { return seen.First[int(q*float64(len(seen.First)-1))] }
	f.FirstP50, f.FirstP99, f.FirstMax = at(0.5), at(0.99), at(1)
	return nil
}
