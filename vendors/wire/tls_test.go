package wire_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/test/sim"
	"agentkeeper/vendors/wire"
)

// secure serves TLS with cert and returns a client with the settings.
func secure(t *testing.T, cert tls.Certificate, host string, s wire.TLSSettings) (*wire.Client, *sim.PipeListener) {
	t.Helper()
	l := sim.Pipe()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(10 * time.Second)
		if r.TLS.DidResume {
			w.Header().Set("Resumed", "yes")
		}
	})
	server := sim.Serve(l, handler, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	t.Cleanup(func() { _ = server.Close() })
	config, err := s.Config(host)
	if err != nil {
		t.Fatal(err)
	}
	u := &url.URL{Scheme: "https", Host: net.JoinHostPort(host, "8043")}
	c := wire.NewTransport(wire.Place{URL: u, TLS: config, DialContext: l.DialContext}).Client(session.Account{})
	t.Cleanup(c.Close)
	return c, l
}

func authority(t *testing.T) (ca *sim.Certificates, file string) {
	t.Helper()
	ca, err := sim.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return ca, file
}

func certificate(t *testing.T, ca *sim.Certificates, kind sim.CertKind) (c tls.Certificate, whole, key string) {
	t.Helper()
	c, err := ca.Server(kind)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	w, k := sha256.Sum256(leaf.Raw), sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	return c, hex.EncodeToString(w[:]), base64.StdEncoding.EncodeToString(k[:])
}

func TestTLS(t *testing.T) {
	const other = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	tests := map[string]struct {
		kind     sim.CertKind
		host     string
		settings func(ca, whole, key string) wire.TLSSettings
		action   string // what the error advises; "" = no error
	}{
		"trusted":              {sim.CertGood, "localhost", func(ca, _, _ string) wire.TLSSettings { return wire.TLSSettings{CAFile: ca} }, ""},
		"trusted address":      {sim.CertGood, "127.0.0.1", func(ca, _, _ string) wire.TLSSettings { return wire.TLSSettings{CAFile: ca} }, ""},
		"trusted IPv6 address": {sim.CertGood, "::1", func(ca, _, _ string) wire.TLSSettings { return wire.TLSSettings{CAFile: ca} }, ""},
		"unknown authority":    {sim.CertGood, "localhost", func(_, _, _ string) wire.TLSSettings { return wire.TLSSettings{} }, "tls.ca_file"},
		"self-signed":          {sim.CertSelfSigned, "localhost", func(ca, _, _ string) wire.TLSSettings { return wire.TLSSettings{CAFile: ca} }, "tls.pin_sha256"},
		"self-signed, pinned":  {sim.CertSelfSigned, "10.0.0.5", func(_, whole, _ string) wire.TLSSettings { return wire.TLSSettings{PinSHA256: whole} }, ""},
		"pinned by its key":    {sim.CertSelfSigned, "10.0.0.5", func(_, _, key string) wire.TLSSettings { return wire.TLSSettings{PinSHA256: key} }, ""},
		"another pin":          {sim.CertSelfSigned, "10.0.0.5", func(_, _, _ string) wire.TLSSettings { return wire.TLSSettings{PinSHA256: other} }, "tls.pin_sha256"},
		"pin and authority":    {sim.CertGood, "localhost", func(ca, whole, _ string) wire.TLSSettings { return wire.TLSSettings{CAFile: ca, PinSHA256: whole} }, ""},
		"pin, not authority":   {sim.CertSelfSigned, "localhost", func(ca, whole, _ string) wire.TLSSettings { return wire.TLSSettings{CAFile: ca, PinSHA256: whole} }, "tls.ca_file"},
		"authority, not pin":   {sim.CertGood, "localhost", func(ca, _, _ string) wire.TLSSettings { return wire.TLSSettings{CAFile: ca, PinSHA256: other} }, "tls.pin_sha256"},
		"another name":         {sim.CertWrongName, "localhost", func(ca, _, _ string) wire.TLSSettings { return wire.TLSSettings{CAFile: ca} }, "tls.server_name"},
		"another name, set": {sim.CertWrongName, "localhost", func(ca, _, _ string) wire.TLSSettings {
			return wire.TLSSettings{CAFile: ca, ServerName: "elsewhere.invalid"}
		}, ""},
		"expired":               {sim.CertExpired, "localhost", func(ca, _, _ string) wire.TLSSettings { return wire.TLSSettings{CAFile: ca} }, "clock"},
		"insecure":              {sim.CertExpired, "10.0.0.5", func(_, _, _ string) wire.TLSSettings { return wire.TLSSettings{Insecure: true} }, ""},
		"insecure, another pin": {sim.CertExpired, "10.0.0.5", func(_, _, _ string) wire.TLSSettings { return wire.TLSSettings{Insecure: true, PinSHA256: other} }, "tls.pin_sha256"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ca, file := authority(t)
				cert, whole, key := certificate(t, ca, tt.kind)
				c, _ := secure(t, cert, tt.host, tt.settings(file, whole, key))
				for range 2 {
					// The second one is fresh: resumed where the first succeeded.
					r := get()
					r.Fresh = true
					a, err := c.Do(t.Context(), r)
					if tt.action == "" {
						if err != nil || a.Status != 200 {
							t.Fatalf("status %d, %v", a.Status, err)
						}
						continue
					}
					e := failure(t, err)
					f := e.Fault(true)
					if e.Reason != wire.Certificate || e.Sent || f.Kind != session.Outage || !strings.Contains(f.Action, tt.action) {
						t.Errorf("%v: reason %v, sent %v, action %q", e, e.Reason, e.Sent, e.Action)
					}
				}
			})
		})
	}
}

// One cache serves all agents of a platform.
func TestSessionsAreResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, file := authority(t)
		cert, _, _ := certificate(t, ca, sim.CertGood)
		c, _ := secure(t, cert, "localhost", wire.TLSSettings{CAFile: file})
		for _, want := range []string{"", "yes"} {
			r := get()
			r.Fresh = true
			a, err := c.Do(t.Context(), r)
			if err != nil || a.Header.Get("Resumed") != want {
				t.Fatalf("resumed %q, want %q: %v", a.Header.Get("Resumed"), want, err)
			}
		}
	})
}

func TestNoTLSThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := sim.Pipe()
		defer l.Close()
		go func() {
			if conn, err := l.Accept(); err == nil {
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = conn.Write([]byte("HTTP/1.0 400 Bad Request\r\n\r\n" + secret))
				_ = conn.Close()
			}
		}()
		config, err := wire.TLSSettings{}.Config("gw")
		if err != nil {
			t.Fatal(err)
		}
		u := &url.URL{Scheme: "https", Host: "gw"}
		c := wire.NewTransport(wire.Place{URL: u, TLS: config, DialContext: l.DialContext}).Client(session.Account{})
		_, err = c.Do(t.Context(), put())
		if e := failure(t, err); e.Reason != wire.Handshake || e.Sent || !strings.Contains(e.Action, "http://") {
			t.Errorf("%v: reason %v, action %q", e, e.Reason, e.Action)
		}
	})
}

func TestSettingsMistakes(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		settings wire.TLSSettings
		want     []string
	}{
		"missing file":   {wire.TLSSettings{CAFile: filepath.Join(dir, "none.pem")}, []string{"tls.ca_file", "none.pem", "no such file"}},
		"no certificate": {wire.TLSSettings{CAFile: empty}, []string{"tls.ca_file", "empty.pem", "BEGIN CERTIFICATE"}},
		"short pin":      {wire.TLSSettings{PinSHA256: "abcd"}, []string{"tls.pin_sha256", "64 hex digits"}},
		"word for a pin": {wire.TLSSettings{PinSHA256: strings.Repeat("z", 64)}, []string{"tls.pin_sha256"}},
	} {
		_, err := tt.settings.Config("gw")
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not name %q", name, err, want)
			}
		}
	}
}

func TestPinForms(t *testing.T) {
	sum := sha256.Sum256([]byte("certificate"))
	digits := hex.EncodeToString(sum[:])
	var colons []string
	for i := 0; i < len(digits); i += 2 {
		colons = append(colons, strings.ToUpper(digits[i:i+2]))
	}
	for _, form := range []string{
		digits, strings.ToUpper(digits), strings.Join(colons, ":"), " sha256:" + digits + "\n",
		base64.StdEncoding.EncodeToString(sum[:]), "sha256//" + base64.StdEncoding.EncodeToString(sum[:]),
		base64.RawURLEncoding.EncodeToString(sum[:]),
	} {
		if _, err := (wire.TLSSettings{PinSHA256: form}).Config("gw"); err != nil {
			t.Errorf("%q: %v", form, err)
		}
	}
}

func TestConfigDefaults(t *testing.T) {
	c, err := wire.TLSSettings{}.Config("[::1]")
	if err != nil {
		t.Fatal(err)
	}
	if c.MinVersion != tls.VersionTLS12 || c.ServerName != "::1" || c.InsecureSkipVerify || c.ClientSessionCache == nil || len(c.NextProtos) != 1 {
		t.Errorf("%+v", c)
	}
}
