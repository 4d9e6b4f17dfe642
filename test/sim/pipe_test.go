package sim

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// connect returns both ends of a connection over a fresh listener.
func connect(t *testing.T) (*PipeListener, net.Conn, net.Conn) {
	t.Helper()
	l := Pipe()
	client, err := l.DialContext(t.Context(), "tcp", "anywhere:1")
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return l, client, server
}

func TestPipeCarriesBytesBothWaysAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client, server := connect(t)
		big := bytes.Repeat([]byte("0123456789"), 30_000) // more than is buffered
		go func() {
			_, _ = client.Write(big)
			_ = client.Close()
		}()
		got, err := io.ReadAll(server)
		if err != nil || !bytes.Equal(got, big) {
			t.Fatalf("read %d bytes, %v; want all %d", len(got), err, len(big))
		}
		if _, err := server.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("write to a closed peer: %v, want EPIPE", err)
		}
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after Close: %v, want net.ErrClosed", err)
		}
	})
}

func TestPipeWritesDoNotNeedAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client, server := connect(t)
		for range 10 {
			if _, err := client.Write([]byte("ping")); err != nil {
				t.Fatal(err)
			}
		}
		_ = client.Close()
		if got, _ := io.ReadAll(server); len(got) != 40 {
			t.Errorf("read %d bytes, want 40", len(got))
		}
	})
}

func TestPipeDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client, _ := connect(t)
		start := time.Now()
		_ = client.SetReadDeadline(start.Add(time.Minute))
		_, err := client.Read(make([]byte, 1))
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("error %v is no time-out", err)
		}
		if d := time.Since(start); d != time.Minute {
			t.Errorf("timed out after %s, want 1m", d)
		}
		_ = client.SetDeadline(time.Now().Add(time.Second))
		if _, err := client.Write(make([]byte, 2*window)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write into a full connection: %v, want a time-out", err)
		}
		_ = client.SetDeadline(time.Now().Add(-time.Second))
		if _, err := client.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write after the deadline: %v, want a time-out", err)
		}
	})
}

func TestPipeADeadlineCanBeMovedWhileRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client, _ := connect(t)
		_ = client.SetReadDeadline(time.Now().Add(time.Hour))
		time.AfterFunc(time.Second, func() { _ = client.SetReadDeadline(time.Now()) })
		start := time.Now()
		_, err := client.Read(make([]byte, 1))
		if d := time.Since(start); d != time.Second || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("after %s: %v, want a time-out after 1s", d, err)
		}
	})
}

func TestPipeRefusesForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Pipe()
		dial := func() error {
			_, err := l.DialContext(t.Context(), "tcp", "x")
			return err
		}
		l.RefuseFor(30 * time.Second)
		if err := dial(); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial while refusing: %v", err)
		}
		time.Sleep(30 * time.Second)
		if err := dial(); err != nil {
			t.Errorf("dial afterwards: %v", err)
		}
		l.Refuse(true)
		time.Sleep(24 * time.Hour)
		if err := dial(); err == nil {
			t.Error("Refuse(true) ended by itself")
		}
		l.Refuse(false)
		if err := dial(); err != nil {
			t.Errorf("dial after Refuse(false): %v", err)
		}
		_ = l.Close()
		if err := dial(); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial after Close: %v", err)
		}
		if err := l.Close(); err == nil {
			t.Error("second Close reported nothing")
		}
	})
}

func TestPipeCloseResetsWhatWasNotAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Pipe()
		client, err := l.DialContext(t.Context(), "tcp", "x")
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read: %v, want a reset", err)
		}
	})
}

func TestPipeDropAllSparesTheNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, dropped, _ := connect(t)
		spared, err := l.DialContext(t.Context(), "tcp", "x")
		if err != nil {
			t.Fatal(err)
		}
		l.DropAll(spared.LocalAddr().String())
		if _, err := dropped.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read: %v, want a reset", err)
		}
		if _, err := spared.Write([]byte("x")); err != nil {
			t.Errorf("spared connection: %v", err)
		}
		if n := l.Open(); n != 1 {
			t.Errorf("%d connections open, want 1", n)
		}
	})
}

func TestPipeDialBlocksOnlyAsLongAsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var err error
		for range cap(l.backlog) + 1 {
			_, err = l.DialContext(ctx, "tcp", "x")
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial with a full backlog: %v", err)
		}
	})
}

// bubbleClient is a client of a server over l; it is closed with the test.
func bubbleClient(t *testing.T, l *PipeListener, c *tls.Config) *http.Client {
	t.Helper()
	transport := &http.Transport{DialContext: l.DialContext, TLSClientConfig: c}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestServeOverTLSInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, err := NewCA()
		if err != nil {
			t.Fatal(err)
		}
		config, err := ca.TLS(CertGood)
		if err != nil {
			t.Fatal(err)
		}
		l := Pipe()
		s := Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(10 * time.Minute) // a long poll is not cut
			_, _ = io.Copy(w, r.Body)
		}), config)
		client := bubbleClient(t, l, &tls.Config{RootCAs: ca.Pool()})
		r, err := client.Post(s.URL()+"/echo", "text/plain", bytes.NewReader([]byte("hello")))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if string(body) != "hello" || err != nil {
			t.Errorf("body %q, %v", body, err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if n := l.Open(); n != 0 {
			t.Errorf("%d connections open after Close", n)
		}
	})
}

func TestServerCloseJoinsTheHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Pipe()
		left := false
		s := Serve(l, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			time.Sleep(time.Second)
			left = true
		}), nil)
		client := bubbleClient(t, l, nil)
		failed := make(chan error, 1)
		go func() {
			_, err := client.Get(s.URL())
			failed <- err
		}()
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if !left {
			t.Error("Close returned while a handler ran")
		}
		if <-failed == nil {
			t.Error("the request succeeded")
		}
	})
}
