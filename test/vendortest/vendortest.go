// Package vendortest is what the tests of several adapters share: a platform in memory,
// a sign-in as the driver does it, and a look at what a fault shows.
package vendortest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/test/sim"
	"agentkeeper/vendors/wire"
)

const timeout = 30 * time.Second // of one operation

// Place serves h in memory until the test ends, and returns where it is.
func Place(t *testing.T, h http.Handler, window time.Duration) wire.Place {
	t.Helper()
	l := sim.Pipe()
	server := sim.Serve(l, h, nil)
	t.Cleanup(func() { _ = server.Close() })
	return wire.Place{Name: "hq", URL: &url.URL{Scheme: "http", Host: "platform.example:8043"},
		DialContext: l.DialContext, OperationTimeout: timeout, Window: window}
}

// SignIn signs in as the driver does: under a deadline of its own. The session is
// closed when the test ends.
func SignIn(t *testing.T, p session.Platform, a session.Account) session.Session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	s, err := p.SignIn(ctx, a, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Fault returns err as a fault, and fails the test where it is none or shows one of the
// secrets.
func Fault(t *testing.T, err error, secrets ...string) *session.Fault {
	t.Helper()
	var f *session.Fault
	if !errors.As(err, &f) {
		t.Fatalf("error %v (%T) is no *session.Fault", err, err)
	}
	NoSecret(t, fmt.Sprintf("%v %+v %s %s %s", f, f.Err, f.Code, f.Text, f.Action), secrets...)
	return f
}

// NoSecret fails the test where a text shows one of the secrets.
func NoSecret(t *testing.T, shown string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(shown, secret) {
			t.Errorf("a secret is shown: %s", shown)
		}
	}
}
