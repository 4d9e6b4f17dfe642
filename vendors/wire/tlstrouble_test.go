package wire_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/test/sim"
	"agentkeeper/vendors/wire"
)

// certificates makes an authority and puts it, and what it signed, into a folder.
func certificates(t *testing.T) (ca *sim.Certificates, dir string) {
	t.Helper()
	ca, err := sim.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := ca.Write(dir); err != nil {
		t.Fatal(err)
	}
	return ca, dir
}

// reach asks a real server with the TLS configuration once, with the settings.
func reach(t *testing.T, conf *tls.Config, s wire.TLSSettings) (string, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var shown string
	server := &http.Server{
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			for _, c := range r.TLS.PeerCertificates {
				shown = c.Subject.CommonName
			}
		}),
		TLSConfig: conf, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), ReadHeaderTimeout: time.Minute,
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/2 refuses the ciphers
	}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.ServeTLS(l, "", "") }()
	config, err := s.Config("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	u := &url.URL{Scheme: "https", Host: l.Addr().String()}
	c := wire.NewTransport(wire.Place{URL: u, TLS: config}).Client(session.Account{})
	_, err = c.Do(t.Context(), put())
	c.Close()
	_ = server.Close()
	<-served
	return shown, err
}

// Each cause has advice of its own, and none of them leaves an operation in doubt.
func TestTLSTroubles(t *testing.T) {
	ca, dir := certificates(t)
	trusting := wire.TLSSettings{CAFile: filepath.Join(dir, "ca.pem")}
	for name, tt := range map[string]struct {
		cert     sim.CertKind
		kind     sim.TLSKind
		settings wire.TLSSettings
		code     string // "" = it works
		advice   string
	}{
		"good":             {sim.CertGood, sim.TLSModern, trusting, "", ""},
		"TLS 1.2 alone":    {sim.CertGood, sim.TLS12, trusting, "", ""},
		"TLS 1.1":          {sim.CertGood, sim.TLS11, trusting, "tls version", "tls.legacy"},
		"TLS 1.0":          {sim.CertGood, sim.TLS10, trusting, "tls version", "tls.legacy"},
		"RSA key exchange": {sim.CertRSA, sim.TLSRSA, trusting, "tls cipher", "tls.legacy"},
		"no certificate":   {sim.CertGood, sim.TLSClientCert, trusting, "tls client certificate", "tls.cert_file"},
		"negative serial":  {sim.CertNegativeSerial, sim.TLSModern, trusting, "certificate serial", "GODEBUG=x509negativeserial=1"},
		"SHA-1":            {sim.CertSHA1, sim.TLSModern, trusting, "certificate sha-1", "tls.pin_sha256"},
		"no intermediate":  {sim.CertNoIntermediate, sim.TLSModern, trusting, "certificate chain", "tls.ca_file"},
		"chain":            {sim.CertChain, sim.TLSModern, trusting, "", ""},
		"TLS 1.0, legacy":  {sim.CertGood, sim.TLS10, wire.TLSSettings{CAFile: trusting.CAFile, Legacy: true}, "", ""},
		"RSA, legacy":      {sim.CertRSA, sim.TLSRSA, wire.TLSSettings{CAFile: trusting.CAFile, Legacy: true}, "", ""},
		"another's certificate": {sim.CertGood, sim.TLSClientCert, wire.TLSSettings{
			CAFile: trusting.CAFile, CertFile: filepath.Join(dir, "self-signed.pem"), KeyFile: filepath.Join(dir, "self-signed-key.pem"),
		}, "tls client certificate", "tls.cert_file"},
	} {
		t.Run(name, func(t *testing.T) {
			conf, err := ca.TLSOf(tt.cert, tt.kind)
			if err != nil {
				t.Fatal(err)
			}
			_, err = reach(t, conf, tt.settings)
			if tt.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e := failure(t, err)
			f := e.Fault(true)
			if e.Code != tt.code || e.Sent || f.Kind != session.Outage || !strings.Contains(f.Action, tt.advice) {
				t.Errorf("%v: code %q, sent %v, action %q", e, e.Code, e.Sent, e.Action)
			}
			if text, action, ok := wire.Explain(e.Code); !ok || text == "" || action == "" {
				t.Errorf("%q is not explained", e.Code)
			}
		})
	}
}

// A client certificate is shown where the server asks for one, and a renewed one
// without a restart; TLS sessions of the old one are not resumed.
func TestClientCertificate(t *testing.T) {
	ca, dir := certificates(t)
	conf, err := ca.TLSOf(sim.CertGood, sim.TLSClientCert)
	if err != nil {
		t.Fatal(err)
	}
	cert, key := filepath.Join(dir, "own.pem"), filepath.Join(dir, "own-key.pem")
	write := func(name string) {
		t.Helper()
		pair, err := ca.Client(name)
		if err != nil {
			t.Fatal(err)
		}
		writePair(t, cert, key, pair)
	}
	write("first")
	s := wire.TLSSettings{CAFile: filepath.Join(dir, "ca.pem"), CertFile: cert, KeyFile: key}
	for range 2 {
		if shown, err := reach(t, conf, s); err != nil || shown != "first" {
			t.Errorf("shown %q, %v", shown, err)
		}
	}
	if _, err := (wire.TLSSettings{CertFile: cert}).Config("gw"); err == nil || !strings.Contains(err.Error(), "tls.key_file") {
		t.Errorf("a certificate without its key: %v", err)
	}
	p, err := wire.NewKeyPair("ours", cert, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Put("gw", &tls.ClientSessionState{})
	if _, ok := p.Get("gw"); !ok {
		t.Error("a session is not kept")
	}
}

func writePair(t *testing.T, certFile, keyFile string, pair tls.Certificate) {
	t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})
	if err := os.WriteFile(certFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The forms in which sites hand out their authority, and what they hand out by
// mistake.
func TestAuthorityForms(t *testing.T) {
	ca, dir := certificates(t)
	read := func(name string) []byte {
		t.Helper()
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	text, conf := ca.PEM(), func() *tls.Config {
		c, err := ca.TLS(sim.CertGood)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}()
	utf16 := []byte("\xff\xfe")
	for _, c := range text {
		utf16 = append(utf16, c, 0)
	}
	for name, tt := range map[string]struct {
		content []byte
		wrong   string // "" = it is read
	}{
		"PEM":                {content: text},
		"PEM of Windows":     {content: bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))},
		"with a BOM":         {content: read("ca-bom.pem")},
		"DER":                {content: read("ca.der")},
		"PKCS #7":            {content: read("ca.p7b")},
		"PKCS #7 in PEM":     {content: pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: read("ca.p7b")})},
		"UTF-16":             {content: utf16, wrong: "UTF-16"},
		"a key":              {content: read("good-key.pem"), wrong: "PRIVATE KEY"},
		"a mangled one":      {content: []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), wrong: "cannot be read"},
		"PKCS #12":           {content: pkcs12, wrong: "PKCS #12"},
		"nothing":            {content: nil, wrong: "BEGIN CERTIFICATE"},
		"half of a DER file": {content: read("ca.der")[:100], wrong: "BEGIN CERTIFICATE"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "ca")
			if err := os.WriteFile(file, tt.content, 0o600); err != nil {
				t.Fatal(err)
			}
			if tt.wrong != "" {
				if _, err := wire.ParseRoots(file, tt.content); err == nil || !strings.Contains(err.Error(), tt.wrong) {
					t.Errorf("%v, want %q", err, tt.wrong)
				}
				return
			}
			if _, err := reach(t, conf, wire.TLSSettings{CAFile: file}); err != nil {
				t.Error(err)
			}
		})
	}
}

// pkcs12 is the beginning of a .p12 file (RFC 7292, 4), complete as ASN.1.
var pkcs12 = []byte("\x30\x16\x02\x01\x03\x30\x11\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x04\x04\x02\x30\x00")

func FuzzParseRoots(f *testing.F) {
	ca, err := sim.NewCA()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{nil, ca.PEM(), ca.PKCS7(), pkcs12} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		pool, err := wire.ParseRoots("named", content)
		if (pool == nil) == (err == nil) {
			t.Errorf("%v beside %v", pool, err)
		}
		if err != nil && !strings.Contains(err.Error(), "named") {
			t.Error(err)
		}
	})
}
