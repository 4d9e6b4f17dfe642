package callback

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Listener says where the receiver listens.
type Listener struct {
	Address           string // host:port
	CertFile, KeyFile string // PEM; "" = plain HTTP
}

// Listen opens the address. With a key pair what comes from it speaks TLS 1.2
// or newer, and shows the pair as the files have it: they are looked at again
// for new connections, every ten seconds at most. A pair that cannot be read
// leaves the old one in use, with a line in the log.
func Listen(c Listener, l *slog.Logger) (net.Listener, *tls.Config, error) {
	var conf *tls.Config
	if c.CertFile != "" {
		p := &pair{cert: c.CertFile, key: c.KeyFile, log: l}
		if _, err := p.current(nil); err != nil {
			return nil, nil, err
		}
		conf = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: p.current}
	}
	inner, err := net.Listen("tcp", c.Address)
	if err != nil {
		return nil, nil, fmt.Errorf("listen for callbacks on %s: %w (set `callback.listen` to a free address)", c.Address, err)
	}
	return inner, conf, nil
}

// Serve serves r on l by s until s is closed.
func (r *Receiver) Serve(s *http.Server, l net.Listener, conf *tls.Config) error {
	s.ErrorLog = log.New(r.log, "", 0)
	if conf == nil {
		return s.Serve(l)
	}
	s.TLSConfig = conf
	return s.ServeTLS(l, "", "")
}

// pairEvery is how often the files of a key pair are looked at, at most.
const pairEvery = 10 * time.Second

// pair is a key pair in files.
type pair struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	loaded  *tls.Certificate
	looked  time.Time
	stamped [2]stamp
}

// stamp is what tells that a file may have new content.
type stamp struct {
	size int64
	at   time.Time
	info fs.FileInfo
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.Size(), info.ModTime(), info}
}

func (s stamp) same(o stamp) bool {
	return s.size == o.size && s.at.Equal(o.at) && s.info != nil && o.info != nil && os.SameFile(s.info, o.info)
}

// current implements tls.Config.GetCertificate.
func (p *pair) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.loaded != nil && time.Since(p.looked) < pairEvery {
		return p.loaded, nil
	}
	p.looked = time.Now()
	now := [2]stamp{stampOf(p.cert), stampOf(p.key)}
	if p.loaded != nil && now[0].same(p.stamped[0]) && now[1].same(p.stamped[1]) {
		return p.loaded, nil
	}
	fresh, err := tls.LoadX509KeyPair(p.cert, p.key)
	switch {
	case err == nil:
		p.loaded, p.stamped = &fresh, now
	case p.loaded == nil:
		return nil, fmt.Errorf("the callbacks' key pair %s and %s: %w", p.cert, p.key, err)
	default: // the stamps stay old, so that it is tried again
		p.log.Warn("the callbacks' new key pair cannot be used; the old one stays in use", "cert_file", p.cert, "key_file", p.key, "error", err)
	}
	return p.loaded, nil
}
