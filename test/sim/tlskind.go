package sim

import (
	"crypto/tls"
	"fmt"
)

// TLSKind is how a platform speaks TLS. It is independent of its certificate's
// [CertKind], but that TLSRSA needs CertRSA.
type TLSKind string

// The kinds of TLS.
const (
	TLSModern     TLSKind = "modern"      // 1.2 and 1.3
	TLS12         TLSKind = "tls1.2"      // 1.2 alone
	TLS11         TLSKind = "tls1.1"      // 1.0 and 1.1 alone
	TLS10         TLSKind = "tls1.0"      // 1.0 alone
	TLSRSA        TLSKind = "rsa-kex"     // 1.2 with the RSA key exchange alone, without forward secrecy
	TLSClientCert TLSKind = "client-cert" // a client must show a certificate of the authority: Certificates.Client
)

// TLSKinds lists the kinds.
func TLSKinds() []TLSKind {
	return []TLSKind{TLSModern, TLS12, TLS11, TLS10, TLSRSA, TLSClientCert}
}

// TLSOf returns a server configuration with a certificate of the kind that
// speaks TLS of the other kind.
func (c *Certificates) TLSOf(cert CertKind, kind TLSKind) (*tls.Config, error) {
	if kind == TLSRSA && cert != CertRSA {
		return nil, fmt.Errorf("TLS of kind %s needs a certificate of kind %s: the key exchange uses its key", kind, CertRSA)
	}
	config, err := c.TLS(cert)
	if err != nil {
		return nil, err
	}
	switch kind {
	case TLSModern:
	case TLS12:
		config.MaxVersion = tls.VersionTLS12
	case TLS11:
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	case TLS10:
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
	case TLSRSA:
		config.MaxVersion = tls.VersionTLS12
		config.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA}
	case TLSClientCert:
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, c.Pool()
	default:
		return nil, fmt.Errorf("TLS kind %q is unknown: use one of %v", kind, TLSKinds())
	}
	return config, nil
}
