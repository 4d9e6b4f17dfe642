package wire

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
)

// TLSSettings is the `tls` block of a platform as configured.
type TLSSettings struct {
	// CAFile names a file with the certificate authorities to trust instead of
	// the system's (see ParseRoots for its form); "" = the system's.
	CAFile string
	// CertFile and KeyFile name files in PEM form with the certificate by which
	// we prove who we are, and its key; "" = none. They are read anew when they
	// change. With them the server may negotiate TLS anew, once, to ask for them.
	CertFile string `json:",omitempty"`
	KeyFile  string `json:",omitempty"`
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
	// Legacy also accepts TLS 1.0 and 1.1 and ciphers without forward secrecy.
	// It is unsafe: whoever is in between may be able to read what is sent.
	Legacy bool `json:",omitempty"`
	// Log is told of a new key pair that cannot be used; nil: nobody is.
	Log *slog.Logger `json:"-"`
}

// Config reads the settings into a client configuration for the platform at
// host (no port): TLS 1.2 or newer unless Legacy is set, HTTP/1.1, one session
// cache for all agents of the platform. Errors name the key or file and what to do.
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
		ClientSessionCache: newSessionCache(),
		InsecureSkipVerify: s.Insecure, //nolint:gosec // asked for by the person who configured it
	}
	if s.ServerName != "" {
		config.ServerName = s.ServerName
	}
	if s.Legacy {
		config.MinVersion, config.CipherSuites = tls.VersionTLS10, allCiphers()
	}
	if s.CertFile != "" || s.KeyFile != "" {
		own, err := NewKeyPair("tls.cert_file and tls.key_file", s.CertFile, s.KeyFile, s.Log)
		if err != nil {
			return nil, err
		}
		config.GetClientCertificate, config.ClientSessionCache = own.ForClient, own
		config.Renegotiation = tls.RenegotiateOnceAsClient
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

// allCiphers lists what crypto/tls can do below TLS 1.3, the good ones first.
func allCiphers() []uint16 {
	var ids []uint16
	for _, c := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		ids = append(ids, c.ID)
	}
	return ids
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
