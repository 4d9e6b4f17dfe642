package live

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// tap stands between the service and a Huawei platform and remembers every key
// that it hears.
type tap struct {
	url string

	mu   sync.Mutex
	keys map[string]bool
}

// newTap taps the platform.
func newTap(t *testing.T, pl *platform) *tap {
	t.Helper()
	target, err := url.Parse(pl.url)
	if err != nil {
		t.Fatal(err)
	}
	tp := &tap{keys: map[string]bool{}}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { tp.hear(r.In); r.SetURL(target) },
		Transport: insecure(), ErrorLog: log.New(io.Discard, "", 0),
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	tp.url = server.URL
	return tp
}

func (tp *tap) hear(r *http.Request) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	if guid := r.Header.Get("Guid"); guid != "" {
		tp.keys[guid] = true
	}
	for _, c := range r.Cookies() {
		tp.keys[c.Value] = true
	}
}

// heard returns the keys so far.
func (tp *tap) heard() []string {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	list := make([]string, 0, len(tp.keys))
	for key := range tp.keys {
		list = append(list, key)
	}
	return list
}
