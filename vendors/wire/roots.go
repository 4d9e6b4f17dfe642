package wire

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

// readRoots returns the authorities in file, nil (the system's) for "".
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // nil is crypto/tls's word for the system's roots
	}
	info, err := os.Stat(file)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxRoots) {
		err = fmt.Errorf("%s is no regular file of at most %d bytes", file, maxRoots) // a pipe would block
	}
	var content []byte
	if err == nil {
		content, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, fmt.Errorf("tls.ca_file: %w: name a readable file with the authority's certificate", err)
	}
	return ParseRoots(file, content)
}

// maxRoots bounds a file of authorities, in bytes; a distribution's whole bundle
// has a quarter of a megabyte.
const maxRoots = 4 << 20

// ParseRoots returns the authorities in a file's content: certificates in PEM
// form, with or without a byte order mark, as DER, or as PKCS #7 (.p7b) in either
// of the two. The error names the file, and what it is instead where that can be
// seen, and repeats nothing of it.
func ParseRoots(file string, content []byte) (*x509.CertPool, error) {
	text := bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	roots := x509.NewCertPool()
	good := roots.AppendCertsFromPEM(text)
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "PKCS7" || block.Type == "CMS" {
			good = addAll(roots, block.Bytes) || good
		}
	}
	if good || addAll(roots, content) {
		return roots, nil
	}
	return nil, fmt.Errorf("tls.ca_file: %s %s", file, whatIs(content))
}

// addAll adds the certificates of a DER file.
func addAll(roots *x509.CertPool, der []byte) bool {
	list, err := x509.ParseCertificates(der)
	if err != nil || len(list) == 0 {
		list, err = pkcs7Certificates(der)
	}
	for _, c := range list {
		roots.AddCert(c)
	}
	return err == nil && len(list) > 0
}

var (
	signedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	pfxData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	errPKCS7   = errors.New("no certificates in PKCS #7")
)

// pkcs7Certificates reads the certificates that a PKCS #7 file carries (RFC 2315,
// 9.1). Nothing of it is believed for its signatures: the person who named the
// file vouches for it.
func pkcs7Certificates(der []byte) ([]*x509.Certificate, error) {
	var outer struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"explicit,tag:0,optional"`
	}
	if _, err := asn1.Unmarshal(der, &outer); err != nil || !outer.Type.Equal(signedData) {
		return nil, errPKCS7
	}
	var inner struct {
		Version      int
		Digests      asn1.RawValue
		Content      asn1.RawValue
		Certificates asn1.RawValue `asn1:"optional,tag:0"`
		CRLs         asn1.RawValue `asn1:"optional,tag:1"`
		Signers      asn1.RawValue
	}
	if _, err := asn1.Unmarshal(outer.Content.Bytes, &inner); err != nil {
		return nil, errPKCS7
	}
	return x509.ParseCertificates(inner.Certificates.Bytes)
}

const wanted = "it must contain a block that begins with -----BEGIN CERTIFICATE-----"

// whatIs names what a file holds in place of certificates.
func whatIs(content []byte) string {
	var pfx struct {
		Version int
		Safe    struct {
			Type    asn1.ObjectIdentifier
			Content asn1.RawValue `asn1:"explicit,tag:0,optional"`
		}
		Rest asn1.RawValue `asn1:"optional"`
	}
	_, err := asn1.Unmarshal(content, &pfx)
	block, _ := pem.Decode(content)
	switch {
	case bytes.HasPrefix(content, []byte("\xff\xfe")), bytes.HasPrefix(content, []byte("\xfe\xff")):
		return "is text in UTF-16: save it as UTF-8 or plain ASCII"
	case err == nil && pfx.Version == 3 && pfx.Safe.Type.Equal(pfxData):
		return "is a PKCS #12 store (.p12, .pfx): export the authority's certificate alone, in PEM form"
	case block != nil && block.Type == "CERTIFICATE":
		return "holds a certificate in PEM form that cannot be read: have it exported again"
	case block != nil:
		return "holds no certificate in PEM form but a " + Plain(block.Type) + ": " + wanted
	}
	return "holds no certificate in PEM form, DER or PKCS #7: " + wanted
}
