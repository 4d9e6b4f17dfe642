package live

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// endpoints are asked of the public half as curl would.
var endpoints = []struct {
	method, path string
	status       int
	contains     string
}{
	{"GET", "/", 200, "agentkeeper"},
	{"GET", "/-/healthy", 200, ""},
	{"GET", "/-/ready", 200, ""},
	{"GET", "/metrics", 200, `agentkeeper_agents{platform="hq",state="online"} 2`},
	{"GET", "/api/v1/agents", 200, `"id":"hq/291"`},
	{"GET", "/api/v1/agents?platform=hq&state=online&group=bots", 200, `"id":"hq/292"`},
	{"GET", "/api/v1/agents?state=parked", 200, `{"agents":[]}`},
	{"GET", "/api/v1/agents?platform=nowhere", 200, `{"agents":[]}`},
	{"GET", "/api/v1/agents?state=asleep", 400, "asleep"},
	{"GET", "/api/v1/agents?colour=red", 400, "colour"},
	{"GET", "/api/v1/agents/hq/291", 200, `"wish":"online"`},
	{"GET", "/api/v1/agents/hq/999", 404, "hq/999"},
	{"GET", "/api/v1/agents/nowhere/291", 404, "nowhere/291"},
	{"GET", "/api/v1/events?colour=red", 400, "colour"},
	{"GET", "/api/v2/agents", 404, ""},
	{"GET", "/-/reload", 404, ""},
	{"GET", "/debug/pprof/", 404, ""},
	{"GET", "/../etc/passwd", 404, ""},
	{"POST", "/", 405, ""},
	{"POST", "/metrics", 405, ""},
	{"POST", "/-/ready", 405, ""},
	{"POST", "/api/v1/agents", 405, ""},
	{"DELETE", "/api/v1/agents/hq/291", 405, ""},
	{"POST", "/api/v1/agents/hq/291/sign-out", 404, ""}, // the control socket's alone
	{"POST", "/api/v1/reload", 404, ""},
	{"POST", "/api/v1/plan", 404, ""},
	{"GET", "/api/v1/agents/hq/291/credential", 404, ""},
}

// TestEndpoints asks for everything that the public half has and has not.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	names := logins(291, 2)
	s := newSite(t, simulate(t, "huawei", names), names)
	k := s.runOnline()
	before := s.platform.huawei()
	for _, e := range endpoints {
		status, body, err := k.fetch(e.method, e.path)
		if err != nil || status != e.status || !strings.Contains(body, e.contains) {
			t.Errorf("%s %s: %d %v, want %d and %q in\n%.300s", e.method, e.path, status, err, e.status, e.contains, body)
		}
	}
	if got := touched(before, s.platform.huawei()); len(got) != 0 {
		t.Errorf("the public half caused operations: %v", got)
	}
}

// TestOrders gives a person's orders over the control socket.
func TestOrders(t *testing.T) {
	t.Parallel()
	names := logins(291, 2)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
	s.place = []string{"options: {hold: 1s}"}
	s.write()
	k := s.runOnline()
	const agents = "/api/v1/agents/hq/"
	for _, o := range []struct {
		path, body string
		status     int
		signedIn   int
	}{
		{agents + "291/sign-out", `{}`, 400, 2},
		{agents + "999/sign-out", `{"reason":"test"}`, 404, 2},
		{agents + "291/dance", `{"reason":"test"}`, 404, 2},
		{agents + "291/sign-out?wait=60s", `{"reason":"test"}`, 200, 1},
		{agents + "291/sign-in?wait=60s", `{"reason":"test"}`, 200, 2},
		{agents + "292/pause?wait=60s", `{"reason":"test"}`, 200, 1},
		{agents + "292/sign-in", `{"reason":"test","for":"soon"}`, 400, 1},
		{agents + "292/resume?wait=60s", `{"reason":"test"}`, 200, 2},
		{"/api/v1/reload", ``, 200, 2},
	} {
		status, answer, err := k.control("POST", o.path, o.body)
		if err != nil || status != o.status {
			t.Errorf("POST %s %s: %d %v, want %d: %s", o.path, o.body, status, err, o.status, answer)
		}
		if err := signedInError(s.platform, o.signedIn); err != nil {
			t.Errorf("after POST %s: %v", o.path, err)
		}
	}
	if total := s.platform.huawei().Total; total.SignIns != 4 || total.SignOuts != 2 {
		t.Errorf("the platform counts %d sign-ins and %d sign-outs, want 4 and 2", total.SignIns, total.SignOuts)
	}
	within(t, patience, "the audit log", func() error { return k.says("audit", 4) })
}

// webConfig asks for TLS and the password "scrape" of a user.
const webConfig = `tls_server_config: {cert_file: cert.pem, key_file: key.pem}
basic_auth_users: {prometheus: $2a$04$csN4KAm9apnjLPibjww1N.dRAhph1wstVqSLRtVnF7D8JBASJJXrG}
`

// TestWebConfig serves the public half with TLS and a password.
func TestWebConfig(t *testing.T) {
	t.Parallel()
	names := logins(291, 2)
	s := newSite(t, simulate(t, "huawei", names), names)
	writeFile(t, filepath.Join(s.dir, "web.yaml"), webConfig)
	writeCertificate(t, s.dir)
	s.top = []string{"web_config_file: web.yaml"}
	s.write()
	k := s.launch()
	within(t, patience, "the service's start", func() error { return k.says("started", 1) })
	address := k.logged("started")[0].text("listen")
	ask := func(scheme, path, password string) (int, error) {
		req, err := http.NewRequest(http.MethodGet, scheme+"://"+address+path, nil)
		if err != nil {
			return 0, err
		}
		if password != "" {
			req.SetBasicAuth("prometheus", password)
		}
		res, err := k.client.Do(req)
		if err != nil {
			return 0, err
		}
		return res.StatusCode, res.Body.Close()
	}
	within(t, patience, "readiness", func() error {
		status, err := ask("https", "/-/ready", "scrape")
		if err == nil && status != 200 {
			err = fmt.Errorf("status %d", status)
		}
		return err
	})
	for _, path := range []string{"/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/agents", "/api/v1/agents/hq/291"} {
		for password, want := range map[string]int{"scrape": 200, "guess": 401, "": 401} {
			if status, err := ask("https", path, password); err != nil || status != want {
				t.Errorf("https %s with password %q: %d %v, want %d", path, password, status, err, want)
			}
		}
		if status, err := ask("http", path, "scrape"); err == nil && status == 200 {
			t.Errorf("%s is served without TLS", path)
		}
	}
	if n, err := maxStreams(address); err != nil || n == 0 || n > 100 {
		t.Errorf("HTTP/2 allows %d requests at once on one connection, %v; want 1 to 100", n, err)
	}
	if status, _, err := k.control("GET", "/api/v1/agents", ""); err != nil || status != 200 {
		t.Errorf("the control socket: %d %v, want 200 without a password", status, err)
	}
	k.stop()
}

// maxStreams asks a server for the setting of HTTP/2 that bounds the requests on
// one connection.
func maxStreams(address string) (n uint32, err error) {
	c, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
		return 0, err
	}
	head := make([]byte, 9) // length, type, flags, stream: the first frame holds the settings
	if _, err := io.ReadFull(c, head); err != nil || head[3] != 4 {
		return 0, fmt.Errorf("frame %x: %w", head, err)
	}
	settings := make([]byte, int(head[1])<<8|int(head[2]))
	if _, err := io.ReadFull(c, settings); err != nil {
		return 0, err
	}
	for ; len(settings) >= 6; settings = settings[6:] {
		if binary.BigEndian.Uint16(settings) == 3 {
			n = binary.BigEndian.Uint32(settings[2:])
		}
	}
	return n, nil
}

// writeCertificate writes cert.pem and key.pem for 127.0.0.1.
func writeCertificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	writeFile(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}
