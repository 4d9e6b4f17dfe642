package wire

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net"
	"reflect"
	"slices"
	"strings"
)

// Trouble is why TLS came to nothing, and what a person can do.
type Trouble struct {
	Code        string // as in Error.Code
	Text        string
	Action      string
	Certificate bool // it is the server's certificate
}

const (
	askChain  = "have the platform's administrator install the certificate together with those of the authorities between"
	legacyWay = "have the platform brought up to date; until then tls.legacy: true accepts it, which is unsafe"
)

// troubles are those with a code of their own. TLSTrouble adds what it knows of
// the single case.
var troubles = map[string]Trouble{
	"tls version": {Text: "the server speaks only versions of TLS that are too old (1.0 or 1.1)", Action: legacyWay},
	"tls cipher": {
		Text:   "the server and this program have no way to encrypt in common: it knows only the RSA key exchange or other outdated ciphers, or it wants a client certificate",
		Action: "set tls.cert_file and tls.key_file if the site gave you a certificate; otherwise " + legacyWay,
	},
	"tls client certificate": {
		Text:   "the server wants a client certificate and accepts none that it was shown",
		Action: "set tls.cert_file and tls.key_file to the certificate that the site gave you, and check that it is not expired and of the authority that the server trusts",
	},
	"tls renegotiation": {
		Text:   "the server wants to negotiate TLS anew in the middle of a connection, as some do to ask for a client certificate",
		Action: "set tls.cert_file and tls.key_file, with which it is allowed once; or have the server ask for the certificate at the beginning",
	},
	"tls name": {
		Text:   "the server does not know the name that it was asked for",
		Action: "set tls.server_name to the name in its certificate, or the host in url",
	},
	"certificate chain": {
		Text: "the certificate is signed by an authority that the server does not show and that is not trusted here", Certificate: true,
		Action: askChain + "; or add the authority's certificate to tls.ca_file",
	},
	"certificate sha-1": {
		Text: "the certificate is signed with SHA-1 or MD5, which anybody may forge today", Certificate: true,
		Action: "have a new certificate issued; until then set tls.pin_sha256",
	},
	"certificate serial": {
		Text: "the certificate has a negative serial number, which no certificate may have", Certificate: true,
		Action: "have a new certificate issued; until then start the service with the environment variable GODEBUG=x509negativeserial=1",
	},
}

func trouble(code, more string) (Trouble, bool) {
	t := troubles[code]
	t.Code = code
	if more != "" {
		t.Text += " (" + more + ")"
	}
	return t, true
}

// TLSTrouble explains err if TLS came to nothing for a cause that is known. ok is
// false for other errors.
func TLSTrouble(err error) (t Trouble, ok bool) {
	if t, ok = verificationTrouble(err); ok {
		return t, true
	}
	if code := alertCodes[alertOf(err)]; code != "" {
		return trouble(code, "")
	}
	// crypto/tls has no types for these.
	for text, code := range libraryTexts {
		if err != nil && strings.Contains(err.Error(), text) {
			return trouble(code, "")
		}
	}
	return Trouble{}, false
}

// libraryTexts are the words of crypto/tls that stand for a cause.
var libraryTexts = map[string]string{
	"tls: server selected unsupported protocol version": "tls version",
	"x509: negative serial number":                      "certificate serial",
}

// noAlert is a number that no alert has.
const noAlert = -1

// alertCodes tells what the alerts mean that either end may send (RFC 8446, 6).
var alertCodes = map[int]string{
	40: "tls cipher", 71: "tls cipher",
	42: "tls client certificate", 43: "tls client certificate", 44: "tls client certificate", 45: "tls client certificate",
	46: "tls client certificate", 48: "tls client certificate", 49: "tls client certificate", 116: "tls client certificate",
	70:  "tls version",
	100: "tls renegotiation",
	112: "tls name",
}

// alertOf returns the number of the TLS alert in err's chain, whoever sent it,
// noAlert where there is none. crypto/tls keeps the type of its alerts to itself.
func alertOf(err error) int {
	var op *net.OpError
	for errors.As(err, &op) {
		if op.Op == "remote error" || op.Op == "local error" {
			if v := reflect.ValueOf(op.Err); v.IsValid() && v.Kind() == reflect.Uint8 {
				return int(v.Uint())
			}
		}
		err = op.Err
	}
	return noAlert
}

// verificationTrouble explains what was wrong with a certificate that could be
// read.
func verificationTrouble(err error) (Trouble, bool) {
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		pinned  *PinError
		verify  *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &pinned):
		return certificate(pinned.Error(), "compare it with the gateway's certificate and set tls.pin_sha256 if the change was meant")
	case errors.As(err, &unknown):
		return untrusted(err)
	case errors.As(err, &host):
		return certificate("the certificate is for another name ("+names(host.Certificate)+")", "set tls.server_name to a name in the certificate, or tls.pin_sha256 to "+shown(err))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return certificate("the certificate is expired or not yet valid", "renew the gateway's certificate, or check this machine's clock")
	case errors.As(err, &verify), errors.As(err, &invalid):
		return certificate("the certificate cannot be verified", "set tls.ca_file or tls.pin_sha256")
	}
	return Trouble{}, false
}

func certificate(text, action string) (Trouble, bool) {
	return Trouble{Code: Certificate.String(), Text: text, Action: action, Certificate: true}, true
}

// untrusted tells why no chain leads from the certificate to a trusted authority.
func untrusted(err error) (Trouble, bool) {
	var verify *tls.CertificateVerificationError
	if errors.As(err, &verify) && len(verify.UnverifiedCertificates) > 0 {
		chain := verify.UnverifiedCertificates
		last := chain[len(chain)-1]
		selfSigned := string(last.RawIssuer) == string(last.RawSubject)
		switch {
		case weak(chain[0].SignatureAlgorithm), !selfSigned && weak(last.SignatureAlgorithm):
			return trouble("certificate sha-1", chain[0].SignatureAlgorithm.String())
		case !selfSigned:
			t, ok := trouble("certificate chain", "it is named "+Plain(last.Issuer.String()))
			t.Action += ", or set tls.pin_sha256 to " + shown(err)
			return t, ok
		}
	}
	return certificate("the certificate comes from an authority that is not trusted", "set tls.ca_file to the authority's certificate, or tls.pin_sha256 to "+shown(err))
}

func weak(a x509.SignatureAlgorithm) bool {
	return slices.Contains([]x509.SignatureAlgorithm{
		x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1, x509.MD5WithRSA, x509.MD2WithRSA,
	}, a)
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
