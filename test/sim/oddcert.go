package sim

import (
	"crypto"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
)

// The standard library does not make the certificates of this file: they are
// what it refuses to accept.

// signedCert is an X.509 certificate (RFC 5280, 4.1).
type signedCert struct {
	TBS       asn1.RawValue
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
}

// tbsCert is what of it is signed.
type tbsCert struct {
	Version    int `asn1:"explicit,tag:0"`
	Serial     *big.Int
	Algorithm  pkix.AlgorithmIdentifier
	Issuer     asn1.RawValue
	Validity   asn1.RawValue
	Subject    asn1.RawValue
	PublicKey  asn1.RawValue
	Extensions []pkix.Extension `asn1:"explicit,tag:3"`
}

var (
	ecdsaWithSHA1   = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}
	pkcs7Data       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	pkcs7SignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
)

// odd makes a certificate with a negative serial number or a SHA-1 signature.
func (c *Certificates) odd(t *x509.Certificate, key crypto.Signer, kind CertKind) (tls.Certificate, error) {
	made, err := sign(t, key, c.cert, c.key)
	if err != nil {
		return made, err
	}
	made.Certificate[0], err = c.resign(made.Certificate[0], kind)
	if err != nil {
		return made, fmt.Errorf("certificate of kind %s: %w", kind, err)
	}
	return made, nil
}

// resign changes a certificate into one of the kind and signs it anew.
func (c *Certificates) resign(der []byte, kind CertKind) ([]byte, error) {
	var cert signedCert
	var tbs tbsCert
	if _, err := asn1.Unmarshal(der, &cert); err != nil {
		return nil, err
	}
	if _, err := asn1.Unmarshal(cert.TBS.FullBytes, &tbs); err != nil {
		return nil, err
	}
	hash := crypto.SHA256
	if kind == CertNegativeSerial {
		tbs.Serial = tbs.Serial.Neg(tbs.Serial)
	} else {
		hash = crypto.SHA1
		tbs.Algorithm.Algorithm = ecdsaWithSHA1
		cert.Algorithm.Algorithm = ecdsaWithSHA1
	}
	body, err := asn1.Marshal(tbs)
	if err != nil {
		return nil, err
	}
	signature, err := c.key.Sign(rand.Reader, digest(hash, body), hash)
	if err != nil {
		return nil, err
	}
	cert.TBS = asn1.RawValue{FullBytes: body}
	cert.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	return asn1.Marshal(cert)
}

func digest(hash crypto.Hash, text []byte) []byte {
	if hash == crypto.SHA1 {
		sum := sha1.Sum(text)
		return sum[:]
	}
	h := hash.New()
	h.Write(text)
	return h.Sum(nil)
}

// PKCS7 returns the authority as a PKCS #7 file without a signature, as
// Windows' certificate tools export it (RFC 2315, 9.1).
func (c *Certificates) PKCS7() []byte {
	type contentInfo struct{ Type asn1.ObjectIdentifier }
	type signedData struct {
		Version      int
		Algorithms   []pkix.AlgorithmIdentifier `asn1:"set"`
		Content      contentInfo
		Certificates asn1.RawValue
		Signers      []asn1.RawValue `asn1:"set"`
	}
	content := signedData{
		Version: 1, Algorithms: []pkix.AlgorithmIdentifier{}, Content: contentInfo{pkcs7Data},
		Certificates: asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: c.cert.Raw}, Signers: []asn1.RawValue{},
	}
	der, err := asn1.Marshal(struct {
		Type    asn1.ObjectIdentifier
		Content signedData `asn1:"explicit,tag:0"`
	}{pkcs7SignedData, content})
	if err != nil {
		panic("sim: PKCS #7: " + err.Error()) // its parts are our own
	}
	return der
}
