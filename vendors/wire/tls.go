package wire

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

// TLSSettings is the `tls` block of a platform as configured.
type TLSSettings struct {
	// CAFile names a PEM file with the certificate authorities to trust
	// instead of the system's; "" = the system's.
	CAFile string
	// ServerName is the name that the certificate must carry; "" = the host of
	// the platform's address.
	ServerName string
	// PinSHA256 is the SHA-256 of the server's own (leaf) certificate, over
	// either its whole DER encoding (what `openssl x509 -fingerprint -sha256`
	// prints) or its SubjectPublicKeyInfo (what HTTP public key pinning uses),
	// in hex (colons tolerated) or base64. Without CAFile the pin stands in for
	// the chain, the name and the dates, so a self-signed gateway can be
	// trusted; with CAFile both must hold.
	PinSHA256 string
	// Insecure accepts every certificate; a pin is still enforced.
	Insecure bool
}

// Config reads the settings into a client configuration for the platform at
// host (no port): TLS 1.2 or newer, HTTP/1.1, one session cache for all agents
// of the platform. Errors name the key or file and what to do.
func (s TLSSettings) Config(host string) (*tls.Config, error) {
	roots, err := readRoots(s.CAFile)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         strings.Trim(host, "[]"),
		RootCAs:            roots,
		NextProtos:         []string{"http/1.1"},
		ClientSessionCache: tls.NewLRUClientSessionCache(4),
		InsecureSkipVerify: s.Insecure, //nolint:gosec // asked for by the person who configured it
	}
	if s.ServerName != "" {
		config.ServerName = s.ServerName
	}
	if s.PinSHA256 == "" {
		return config, nil
	}
	pin, err := parsePin(s.PinSHA256)
	if err != nil {
		return nil, err
	}
	config.InsecureSkipVerify = s.Insecure || s.CAFile == "" // the pin decides
	config.VerifyConnection = pin.verify
	return config, nil
}

// readRoots returns the authorities in file, nil (the system's) for "".
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // nil is crypto/tls's word for the system's roots
	}
	info, err := os.Stat(file)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxRoots) {
		err = fmt.Errorf("%s is no regular file of at most %d bytes", file, maxRoots) // a pipe would block
	}
	var pem []byte
	if err == nil {
		pem, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, fmt.Errorf("tls.ca_file: %w: name a readable PEM file with the authority's certificate", err)
	}
	return ParseRoots(file, pem)
}

// maxRoots bounds a file of authorities, in bytes; a distribution's whole bundle
// has a quarter of a megabyte.
const maxRoots = 4 << 20

// ParseRoots returns the authorities in a file's content. The error names the
// file and repeats nothing of it.
func ParseRoots(file string, pem []byte) (*x509.CertPool, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls.ca_file: %s holds no certificate in PEM form: it must contain a block that begins with -----BEGIN CERTIFICATE-----", file)
	}
	return roots, nil
}

// pin is the SHA-256 of a certificate or of its public key.
type pin [sha256.Size]byte

var errPinForm = errors.New("tls.pin_sha256: not a SHA-256: write 64 hex digits (colons allowed) or 44 characters of base64, for example from `openssl x509 -noout -fingerprint -sha256`")

func parsePin(text string) (pin, error) {
	text = strings.TrimSpace(text)
	text = strings.TrimPrefix(strings.TrimPrefix(text, "sha256//"), "sha256:")
	if raw, err := hex.DecodeString(strings.ReplaceAll(text, ":", "")); err == nil && len(raw) == sha256.Size {
		return pin(raw), nil
	}
	text = strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(text)
	if raw, err := base64.RawStdEncoding.DecodeString(text); err == nil && len(raw) == sha256.Size {
		return pin(raw), nil
	}
	return pin{}, errPinForm
}

// PinError says that the server showed another certificate than the pinned
// one. Got is the SHA-256 of the certificate that it showed, in hex.
type PinError struct{ Got string }

// Error names the fingerprint that was shown.
func (e *PinError) Error() string {
	return "the server's certificate is not the pinned one (it showed SHA-256 " + e.Got + ")"
}

// verify runs on every connection, resumed ones included.
func (p pin) verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return &PinError{Got: "none"}
	}
	leaf := state.PeerCertificates[0]
	whole, key := sha256.Sum256(leaf.Raw), sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	if subtle.ConstantTimeCompare(p[:], whole[:])|subtle.ConstantTimeCompare(p[:], key[:]) == 1 {
		return nil
	}
	return &PinError{Got: hex.EncodeToString(whole[:])}
}

// CertificateTrouble explains err if it is about the server's certificate: what
// is wrong in words, and what a person can set. ok is false for other errors.
func CertificateTrouble(err error) (text, action string, ok bool) {
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		pinned  *PinError
		verify  *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &pinned):
		return pinned.Error(), "compare it with the gateway's certificate and set tls.pin_sha256 if the change was meant", true
	case errors.As(err, &unknown):
		return "the certificate comes from an authority that is not trusted", "set tls.ca_file to the authority's certificate, or tls.pin_sha256 to " + shown(err), true
	case errors.As(err, &host):
		return "the certificate is for another name (" + names(host.Certificate) + ")", "set tls.server_name to a name in the certificate, or tls.pin_sha256 to " + shown(err), true
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate is expired or not yet valid", "renew the gateway's certificate, or check this machine's clock", true
	case errors.As(err, &verify), errors.As(err, &invalid):
		return "the certificate cannot be verified", "set tls.ca_file or tls.pin_sha256", true
	}
	return "", "", false
}

// shown returns the fingerprint of the certificate that failed verification, so
// that a person can compare it and pin it.
func shown(err error) string {
	var verify *tls.CertificateVerificationError
	if !errors.As(err, &verify) || len(verify.UnverifiedCertificates) == 0 {
		return "its SHA-256"
	}
	sum := sha256.Sum256(verify.UnverifiedCertificates[0].Raw)
	return hex.EncodeToString(sum[:]) + " after comparing it with the gateway's"
}

// names lists what a certificate is for, at most a few.
func names(c *x509.Certificate) string {
	if c == nil {
		return "none"
	}
	all := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "it carries no names"
	}
	return Plain(strings.Join(all[:min(len(all), 5)], ", "))
}
