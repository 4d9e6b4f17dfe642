package sim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
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
)

// CertKinds lists the kinds.
func CertKinds() []CertKind { return []CertKind{CertGood, CertExpired, CertWrongName, CertSelfSigned} }

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
func NewCA() (*Certificates, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("certificate authority's key: %w", err)
	}
	t := template("simulator CA")
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
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
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("server key: %w", err)
	}
	t := template("localhost")
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	t.DNSNames = []string{"localhost"}
	t.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	parent, signer := c.cert, c.key
	switch kind {
	case CertGood:
	case CertExpired:
		t.NotBefore, t.NotAfter = time.Now().Add(-72*time.Hour), time.Now().Add(-24*time.Hour)
	case CertWrongName:
		t.Subject.CommonName = "elsewhere.invalid"
		t.DNSNames, t.IPAddresses = []string{"elsewhere.invalid"}, nil
	case CertSelfSigned:
		parent, signer = t, key
	default:
		return tls.Certificate{}, fmt.Errorf("certificate kind %q is unknown: use one of %v", kind, CertKinds())
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("server certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
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
// servers other than this program's.
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
		text := encode("CERTIFICATE", cert.Certificate[0])
		if err := writePair(dir, string(kind)+".pem", text, string(kind)+"-key.pem", cert.PrivateKey.(*ecdsa.PrivateKey)); err != nil {
			return err
		}
	}
	return nil
}

func writePair(dir, certFile string, cert []byte, keyFile string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("key for %s: %w", keyFile, err)
	}
	if err := os.WriteFile(filepath.Join(dir, keyFile), encode("EC PRIVATE KEY", der), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, certFile), cert, 0o644)
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
