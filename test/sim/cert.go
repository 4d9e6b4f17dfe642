package sim

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// CertKind is how good a server certificate is.
type CertKind string

// The kinds of certificate.
const (
	CertGood       CertKind = "good"        // signed by the CA, for 127.0.0.1, ::1 and localhost
	CertExpired    CertKind = "expired"     // the same, over since yesterday
	CertWrongName  CertKind = "wrong-name"  // signed by the CA, for another host
	CertSelfSigned CertKind = "self-signed" // for the right names, signed by nobody

	CertRSA            CertKind = "rsa"             // good, with an RSA key
	CertChain          CertKind = "chain"           // good, signed by an intermediate authority that is sent along
	CertNoIntermediate CertKind = "no-intermediate" // the same, the intermediate authority left out
	CertNegativeSerial CertKind = "negative-serial" // good but for a serial number below zero
	CertSHA1           CertKind = "sha1"            // good but for a signature with SHA-1
)

// CertKinds lists the kinds.
func CertKinds() []CertKind {
	return []CertKind{CertGood, CertExpired, CertWrongName, CertSelfSigned,
		CertRSA, CertChain, CertNoIntermediate, CertNegativeSerial, CertSHA1}
}

// Good reports whether a client that trusts the authority should accept a
// certificate of the kind.
func (k CertKind) Good() bool { return k == CertGood || k == CertRSA || k == CertChain }

const (
	certLife = 10 * 365 * 24 * time.Hour
	caFile   = "ca.pem"
	caKey    = "ca-key.pem"
)

// Certificates is a certificate authority for simulators. Its keys are P-256
// and protect nothing.
type Certificates struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA makes a certificate authority that is valid for ten years from now, by
// the clock of the caller's bubble.
func NewCA() (*Certificates, error) { return newCA("simulator CA", nil) }

// newCA makes an authority that is signed by another, or by itself.
func newCA(name string, by *Certificates) (*Certificates, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("certificate authority's key: %w", err)
	}
	t := template(name)
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	parent, signer := t, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	made, err := sign(t, key, parent, signer)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(made.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	return &Certificates{cert: cert, key: key}, nil
}

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name, Organization: []string{"agentkeeper simulator"}},
		NotBefore:    now.Add(-24 * time.Hour),
		NotAfter:     now.Add(certLife),
	}
}

// PEM returns the authority's certificate, for a client's ca_file.
func (c *Certificates) PEM() []byte { return encode("CERTIFICATE", c.cert.Raw) }

// Pool returns the authority as a client's root pool.
func (c *Certificates) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.cert)
	return pool
}

// Server makes a server certificate of the kind.
func (c *Certificates) Server(kind CertKind) (tls.Certificate, error) {
	key, err := keyFor(kind)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("server key: %w", err)
	}
	t := template("localhost")
	t.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	t.DNSNames = []string{"localhost"}
	t.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	switch kind {
	case CertGood, CertRSA:
	case CertExpired:
		t.NotBefore, t.NotAfter = time.Now().Add(-72*time.Hour), time.Now().Add(-24*time.Hour)
	case CertWrongName:
		t.Subject.CommonName = "elsewhere.invalid"
		t.DNSNames, t.IPAddresses = []string{"elsewhere.invalid"}, nil
	case CertSelfSigned:
		return sign(t, key, t, key)
	case CertChain, CertNoIntermediate:
		return c.below(t, key, kind == CertChain)
	case CertNegativeSerial, CertSHA1:
		return c.odd(t, key, kind)
	default:
		return tls.Certificate{}, fmt.Errorf("certificate kind %q is unknown: use one of %v", kind, CertKinds())
	}
	return sign(t, key, c.cert, c.key)
}

// Client makes a client certificate for name, signed by the authority, for
// platforms that ask for one.
func (c *Certificates) Client(name string) (tls.Certificate, error) {
	key, err := keyFor(CertGood)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("client key: %w", err)
	}
	t := template(name)
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return sign(t, key, c.cert, c.key)
}

func keyFor(kind CertKind) (crypto.Signer, error) {
	if kind == CertRSA {
		const bits = 2048
		return rsa.GenerateKey(rand.Reader, bits)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

func sign(t *x509.Certificate, key crypto.Signer, parent *x509.Certificate, signer crypto.Signer) (tls.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("certificate for %s: %w", t.Subject.CommonName, err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// below signs by an intermediate authority, which is sent along or not.
func (c *Certificates) below(t *x509.Certificate, key crypto.Signer, whole bool) (tls.Certificate, error) {
	middle, err := newCA("simulator intermediate CA", c)
	if err != nil {
		return tls.Certificate{}, err
	}
	cert, err := sign(t, key, middle.cert, middle.key)
	if err == nil && whole {
		cert.Certificate = append(cert.Certificate, middle.cert.Raw)
	}
	return cert, err
}

// TLS returns a server configuration with a certificate of the kind.
func (c *Certificates) TLS(kind CertKind) (*tls.Config, error) {
	cert, err := c.Server(kind)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}

// OpenCA reads the authority that dir holds, or makes one and writes it there
// (ca.pem for clients, ca-key.pem), so that clients outlive the simulator.
func OpenCA(dir string) (*Certificates, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, caFile), filepath.Join(dir, caKey))
	if errors.Is(err, fs.ErrNotExist) {
		return createCA(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("certificate authority in %s: %w; remove %s and %s to get a new one", dir, err, caFile, caKey)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("certificate authority in %s has a key that is not ECDSA; remove %s and %s to get a new one", dir, caFile, caKey)
	}
	return &Certificates{cert: pair.Leaf, key: key}, nil
}

func createCA(dir string) (*Certificates, error) {
	c, err := NewCA()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return c, writePair(dir, caFile, c.PEM(), caKey, c.key)
}

// Write puts ca.pem and, per kind, <kind>.pem and <kind>-key.pem into dir, for
// servers other than this program's, and client.pem and client-key.pem, for
// clients.
func (c *Certificates) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, caFile), c.PEM(), 0o644); err != nil {
		return err
	}
	for _, kind := range CertKinds() {
		cert, err := c.Server(kind)
		if err != nil {
			return err
		}
		if err := writeCert(dir, string(kind), cert); err != nil {
			return err
		}
	}
	return c.WriteClient(dir)
}

// WriteClient puts client.pem and client-key.pem into dir, and the authority in
// the other forms in which sites hand it out: ca.der, ca-bom.pem (PEM behind a
// byte order mark) and ca.p7b (PKCS #7).
func (c *Certificates) WriteClient(dir string) error {
	cert, err := c.Client("agentkeeper")
	if err != nil {
		return err
	}
	if err := writeCert(dir, "client", cert); err != nil {
		return err
	}
	for name, text := range map[string][]byte{
		"ca.der": c.cert.Raw, "ca-bom.pem": append([]byte("\xef\xbb\xbf"), c.PEM()...), "ca.p7b": c.PKCS7(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func writeCert(dir, name string, cert tls.Certificate) error {
	var text []byte
	for _, der := range cert.Certificate {
		text = append(text, encode("CERTIFICATE", der)...)
	}
	return writePair(dir, name+".pem", text, name+"-key.pem", cert.PrivateKey.(crypto.Signer))
}

func writePair(dir, certFile string, cert []byte, keyFile string, key crypto.Signer) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("key for %s: %w", keyFile, err)
	}
	if err := os.WriteFile(filepath.Join(dir, keyFile), encode("PRIVATE KEY", der), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, certFile), cert, 0o644)
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
