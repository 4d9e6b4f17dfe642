package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"

	"agentkeeper/test/sim"
)

// common are the flags of every vendor.
type common struct {
	Listen      string       `placeholder:"ADDRESS" help:"Where to listen; port 0 takes a free one. Left out: the vendor's usual port on 127.0.0.1."`
	Agents      string       `default:"291-310" help:"The accounts: ranges, logins and login:password:number, divided by commas."`
	Password    string       `default:"secret" help:"The password of accounts that name none."`
	TLS         bool         `name:"tls" help:"Speak TLS."`
	TLSKind     sim.TLSKind  `name:"tls-kind" enum:"modern,tls1.2,tls1.1,tls1.0,rsa-kex,client-cert" default:"modern" help:"With --tls, how to speak it: ${enum}; rsa-kex needs --cert rsa."`
	Cert        sim.CertKind `enum:"good,expired,wrong-name,self-signed,rsa,chain,no-intermediate,negative-serial,sha1" default:"good" help:"The certificate to show: ${enum}."`
	CertDir     string       `default:"vendorsim-certs" placeholder:"DIR" help:"Where the certificate authority is kept between runs. Clients trust its ca.pem (also ca.der, ca.p7b, ca-bom.pem) and show client.pem."`
	HTTP2       bool         `name:"http2" help:"With --tls, offer HTTP/2 too."`
	WriteConfig string       `placeholder:"FILE" help:"Write a configuration for agentkeeper with all accounts."`
	Verbose     bool         `short:"v" help:"Print sign-ins, sign-outs and ends of sessions."`
}

// console is where a command talks to people.
type console struct {
	ctx context.Context

	mu  sync.Mutex
	out io.Writer
	err io.Writer
}

func (c *console) printf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.out, format, args...)
}

// violation tells of one loudly, the moment it happens.
func (c *console) violation(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintln(c.err, "VIOLATION", text)
}

// Write lets logs share the console.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err.Write(p)
}

func (f common) log(c *console) *slog.Logger {
	if !f.Verbose {
		return nil
	}
	return slog.New(slog.NewTextHandler(c, nil))
}

// platform is one vendor's simulator, ready to serve.
type platform struct {
	vendor    string
	scheme    string // for agentkeeper's url, without the s of TLS
	options   []string
	handler   http.Handler
	ops       *sim.Ops
	endpoints []string
	report    func(*console) // the vendor's own part of the counts
}

// serve runs p until the console's context ends, then prints the counts.
func (f common) serve(c *console, l *sim.NetListener, p platform, accounts []account) error {
	config, ca, err := f.tls()
	if err != nil {
		_ = l.Close()
		return err
	}
	s := sim.Serve(l, p.handler, config)
	err = f.announce(c, s.URL(), ca, p, accounts)
	if err == nil {
		<-c.ctx.Done()
	}
	if closed := s.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return summary(c, p)
}

// tls returns the server's configuration and the path of the authority's
// certificate; nil and "" without --tls.
func (f common) tls() (config *tls.Config, ca string, err error) {
	if !f.TLS {
		return nil, "", nil
	}
	authority, err := sim.OpenCA(f.CertDir)
	if err != nil {
		return nil, "", fmt.Errorf("--cert-dir: %w", err)
	}
	if err := authority.WriteClient(f.CertDir); err != nil {
		return nil, "", fmt.Errorf("--cert-dir: %w", err)
	}
	config, err = authority.TLSOf(f.Cert, f.TLSKind)
	if err != nil {
		return nil, "", usageError{err}
	}
	if f.HTTP2 {
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	ca, err = filepath.Abs(filepath.Join(f.CertDir, "ca.pem"))
	return config, ca, err
}

// listen opens --listen or the vendor's usual address.
func (f common) listen(usual string) (*sim.NetListener, error) {
	address := f.Listen
	if address == "" {
		address = usual
	}
	l, err := sim.Listen(address)
	if err != nil {
		return nil, fmt.Errorf("%w; use --listen 127.0.0.1:0 for a free port", err)
	}
	return l, nil
}
