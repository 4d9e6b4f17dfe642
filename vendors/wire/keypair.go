package wire

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// KeyPair is a certificate and its key in files in PEM form, read anew when they
// change. Make one with NewKeyPair; its methods may be called at any time by
// several goroutines.
type KeyPair struct {
	cert, key string
	what      string // whose it is, for messages
	log       *slog.Logger

	mu      sync.Mutex
	loaded  *tls.Certificate
	looked  time.Time
	warned  time.Time // of a pair that cannot be used
	stamped [2]stamp
	cache   tls.ClientSessionCache // of sessions that were made with loaded
}

// NewKeyPair reads the files. what names whose they are, in errors and in the
// log; a nil log is none.
func NewKeyPair(what, cert, key string, log *slog.Logger) (*KeyPair, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	p := &KeyPair{cert: cert, key: key, what: what, log: log}
	if _, err := p.Current(); err != nil {
		return nil, err
	}
	return p, nil
}

// pairEvery is how often the files of a key pair are looked at, at most, for the
// connections that we make.
const pairEvery = 10 * time.Second

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

// Current returns the pair that the files hold now. Files that changed and cannot
// be used leave the pair before in use, with a line in the log, and are tried
// again.
func (p *KeyPair) Current() (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current(pairEvery)
}

// current is Current, which looks at the files no more often than every so often.
// The caller holds mu.
func (p *KeyPair) current(every time.Duration) (*tls.Certificate, error) {
	if p.loaded != nil && time.Since(p.looked) < every {
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
		p.loaded = &fresh
		p.stamped = now
		p.cache = newSessionCache()
	case p.loaded == nil:
		return nil, fmt.Errorf("%s %s and %s: %w", p.what, p.cert, p.key, err)
	case time.Since(p.warned) >= pairEvery: // the stamps stay old, so that it is tried again
		p.warned = p.looked
		p.log.Warn("a key pair was replaced by one that cannot be used; the old one stays in use", "of", p.what, "cert_file", p.cert, "key_file", p.key, "error", err)
	}
	return p.loaded, nil
}

// ForServer implements tls.Config.GetCertificate: what the files hold now acts at
// the next connection.
func (p *KeyPair) ForServer(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current(0)
}

// ForClient implements tls.Config.GetClientCertificate.
func (p *KeyPair) ForClient(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return p.Current()
}

// Get implements tls.ClientSessionCache: a session is resumed with the
// certificate that it was made with, so a new certificate begins without any.
func (p *KeyPair) Get(name string) (*tls.ClientSessionState, bool) { return p.sessions().Get(name) }

// Put implements tls.ClientSessionCache.
func (p *KeyPair) Put(name string, s *tls.ClientSessionState) { p.sessions().Put(name, s) }

func (p *KeyPair) sessions() tls.ClientSessionCache {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.current(pairEvery) // the handshake reports what is wrong
	return p.cache
}

func newSessionCache() tls.ClientSessionCache { return tls.NewLRUClientSessionCache(4) }
