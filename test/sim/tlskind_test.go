package sim

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTLSKinds dials each kind as a strict client would, and as one that is
// willing.
func TestTLSKinds(t *testing.T) {
	ca, err := NewCA()
	if err != nil {
		t.Fatal(err)
	}
	own, err := ca.Client("agentkeeper")
	if err != nil {
		t.Fatal(err)
	}
	willing := map[TLSKind]func(*tls.Config){
		TLS11:         func(c *tls.Config) { c.MinVersion = tls.VersionTLS10 },
		TLS10:         func(c *tls.Config) { c.MinVersion = tls.VersionTLS10 },
		TLSRSA:        func(c *tls.Config) { c.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256} },
		TLSClientCert: func(c *tls.Config) { c.Certificates = []tls.Certificate{own} },
	}
	for _, kind := range TLSKinds() {
		config, err := ca.TLSOf(CertRSA, kind)
		if err != nil {
			t.Fatal(err)
		}
		strict := &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", MinVersion: tls.VersionTLS12}
		err = greet(t, config, strict)
		if _, odd := willing[kind]; odd != (err != nil) {
			t.Errorf("%s: a strict client: %v", kind, err)
		}
		if willing[kind] == nil {
			continue
		}
		open := strict.Clone()
		willing[kind](open)
		if err := greet(t, config, open); err != nil {
			t.Errorf("%s: a willing client: %v", kind, err)
		}
	}
	if _, err := ca.TLSOf(CertGood, TLSRSA); err == nil {
		t.Error("the RSA key exchange took an ECDSA key")
	}
}

func TestOddCertificates(t *testing.T) {
	ca, err := NewCA()
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[CertKind]string{
		CertRSA: "", CertChain: "", CertNoIntermediate: "unknown authority",
		CertNegativeSerial: "negative serial", CertSHA1: "SHA1",
	} {
		config, err := ca.TLSOf(kind, TLSModern)
		if err != nil {
			t.Fatal(err)
		}
		err = greet(t, config, &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", MinVersion: tls.VersionTLS12})
		if (want == "" && err != nil) || (want != "" && (err == nil || !strings.Contains(err.Error(), want))) {
			t.Errorf("%s: %v, want %q", kind, err, want)
		}
	}
}

// greet shakes hands over a connection in memory and exchanges a byte, which is
// where a server of TLS 1.3 says that it wants a certificate.
func greet(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	l := Pipe()
	defer l.Close()
	down, err := l.DialContext(t.Context(), "tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	up, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer up.Close()
		_, _ = tls.Server(up, server).Write([]byte{1})
	}()
	defer func() { _ = down.Close(); <-done }()
	_, err = tls.Client(down, client).Read(make([]byte, 1))
	return err
}

func TestAuthorityInOtherForms(t *testing.T) {
	ca, err := NewCA()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := ca.Write(dir); err != nil {
		t.Fatal(err)
	}
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if !bytes.Equal(read("ca-bom.pem"), append([]byte("\xef\xbb\xbf"), read("ca.pem")...)) {
		t.Error("ca-bom.pem is not ca.pem behind a byte order mark")
	}
	if c, err := x509.ParseCertificate(read("ca.der")); err != nil || !c.IsCA {
		t.Errorf("ca.der: %v", err)
	}
	var v asn1.RawValue
	if rest, err := asn1.Unmarshal(read("ca.p7b"), &v); err != nil || len(rest) > 0 || !bytes.Contains(v.Bytes, read("ca.der")) {
		t.Errorf("ca.p7b: %v", err)
	}
	for _, name := range []string{"client", "rsa", "chain"} {
		if _, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".pem"), filepath.Join(dir, name+"-key.pem")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
