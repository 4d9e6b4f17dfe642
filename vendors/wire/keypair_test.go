package wire_test

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/test/sim"
	"agentkeeper/vendors/wire"
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

func TestKeyPairIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ca, err := sim.NewCA()
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		cert, key := copyPair(t, ca, dir)
		p, err := wire.NewKeyPair("a service's key pair", cert, key, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		show := func() *tls.Certificate {
			t.Helper()
			c, err := p.Current()
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		first := show()
		copyPair(t, ca, dir)
		if show() != first {
			t.Error("read again before its time")
		}
		time.Sleep(10 * time.Second)
		second := show()
		if second == first {
			t.Error("the new pair is not shown")
		}
		if err := os.WriteFile(key, []byte("no key"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if show() != second || !strings.Contains(log.String(), "old one stays in use") {
			t.Errorf("a broken pair was taken: %s", log.String())
		}
		copyPair(t, ca, dir)
		time.Sleep(10 * time.Second)
		if c := show(); c == first || c == second {
			t.Error("the mended pair is not shown")
		}
	})
}
