package callback

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/test/sim"
)

// copyPair puts a fresh key pair of the authority where a service has it.
func copyPair(t *testing.T, ca *sim.Certificates, dir string) (cert, key string) {
	t.Helper()
	made := t.TempDir()
	if err := ca.Write(made); err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "callback.pem"), filepath.Join(dir, "callback-key.pem")
	for from, to := range map[string]string{"good.pem": cert, "good-key.pem": key} {
		text, err := os.ReadFile(filepath.Join(made, from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+".new", text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(to+".new", to); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestListen(t *testing.T) {
	ca, err := sim.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	cert, key := copyPair(t, ca, t.TempDir())
	log := &page{failed: make(chan struct{})}
	logger := slog.New(slog.NewTextHandler(log, nil))
	if _, _, err := Listen(Listener{Address: "127.0.0.1:0", CertFile: cert, KeyFile: cert}, logger); err == nil {
		t.Error("a certificate was taken for a key")
	}
	l, conf, err := Listen(Listener{Address: "127.0.0.1:0", CertFile: cert, KeyFile: key}, logger)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Listen(Listener{Address: l.Addr().String()}, logger); err == nil || !strings.Contains(err.Error(), "callback.listen") {
		t.Errorf("an address that is taken: %v", err)
	}
	r := New(Options{Find: func(string) (session.Receiver, bool) { return nil, false }, Log: logger})
	s := &http.Server{Handler: r, ReadHeaderTimeout: time.Second}
	served := make(chan error, 1)
	go func() { served <- r.Serve(s, l, conf) }()
	for version, works := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool(), MinVersion: version, MaxVersion: version}}
		res, err := (&http.Client{Transport: transport}).Post("https://"+l.Addr().String()+"/callback/hq", "", nil)
		if (err == nil) != works {
			t.Errorf("TLS %x: %v", version, err)
		}
		if err == nil {
			_ = res.Body.Close()
		}
		transport.CloseIdleConnections()
	}
	select {
	case <-log.failed: // by the connection's own goroutine, which ends when it likes
	case <-time.After(time.Minute):
		t.Error("a failed connection left no line")
	}
	_ = s.Close()
	<-served
}

// page is a log that tells when a failed connection was written down.
type page struct {
	once   sync.Once
	failed chan struct{}
}

func (p *page) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("cause=connection")) {
		p.once.Do(func() { close(p.failed) })
	}
	return len(line), nil
}
