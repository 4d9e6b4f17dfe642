package main

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
)

const (
	idleBody = `{"event":null,"message":"","retcode":"0"}`
	idle     = "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\nSet-Guid: JSESSIONID=abc.n1\r\nContent-Length: 41\r\n\r\n" + idleBody
)

func TestScanWaitsForTheWholeAnswer(t *testing.T) {
	for n := range len(idle) {
		if _, whole, err := scan([]byte(idle[:n])); whole || err != nil {
			t.Fatalf("after %d bytes: whole %v, %v", n, whole, err)
		}
	}
	a, whole, err := scan([]byte(idle))
	if !whole || err != nil || string(a.GUID) != "abc.n1" || string(a.Body) != idleBody {
		t.Errorf("%q %q %v %v", a.GUID, a.Body, whole, err)
	}
}

func TestScanRefuses(t *testing.T) {
	for _, text := range []string{
		strings.Replace(idle, " 200 OK", " 502 Bad Gateway", 1),
		strings.Replace(idle, "Content-Length: 41", "Transfer-Encoding: chunked", 1),
		strings.Replace(idle, "Content-Length: 41", "Content-Length: -1", 1),
	} {
		if _, _, err := scan([]byte(text)); err == nil {
			t.Errorf("taken: %q", text)
		}
	}
}

func TestJudge(t *testing.T) {
	for body, want := range map[string]struct{ event, bad bool }{
		`{"event":null,"message":"","retcode":"0"}`:                    {},
		`{"event":{"eventType":"x"},"message":"","retcode":"0"}`:       {event: true},
		`{"message":"","retcode":"0"}`:                                 {bad: true},
		`{"event":null,"message":"not signed in","retcode":"100-006"}`: {bad: true},
		``: {bad: true},
	} {
		event, err := judge([]byte(body))
		if event != want.event || (err != nil) != want.bad {
			t.Errorf("%s: event %v, %v", body, event, err)
		}
	}
}

func TestFramesOfAnyLength(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 1000, 40000} {
		text := bytes.Repeat([]byte("a"), n)
		f := frame(frameText, text)
		f[1] &= 0x7f // as a server sends it: without a mask
		head := len(f) - n - 4
		f = append(append([]byte{}, f[:head]...), text...)
		for _, short := range []int{0, 1, head - 1, len(f) - 1} {
			if _, _, _, whole := cut(f[:short]); whole {
				t.Errorf("%d bytes: whole after %d", n, short)
			}
		}
		kind, payload, rest, whole := cut(append(f, 0x8a, 0))
		if !whole || kind != frameText || !bytes.Equal(payload, text) || !bytes.Equal(rest, []byte{0x8a, 0}) {
			t.Errorf("%d bytes: kind %d, %d bytes, rest %x, whole %v", n, kind, len(payload), rest, whole)
		}
	}
}

func TestReadTextLeavesTheNext(t *testing.T) {
	in := bufio.NewReader(strings.NewReader("\x81\x02{}\x81\x01x"))
	for _, want := range []string{"{}", "x"} {
		if got, err := readText(in); err != nil || string(got) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
}

func TestControl(t *testing.T) {
	var out bytes.Buffer
	c := newControl(strings.NewReader("go\ncount\ncollect\n"), &out)
	if err := c.await("go"); err != nil {
		t.Fatal(err)
	}
	tl := &tally{}
	if pause, err := tl.took([]byte(`{"event":null,"retcode":"0"}`)); !pause || err != nil {
		t.Errorf("pause %v, %v", pause, err)
	}
	if err := c.serve(tl); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); len(lines) != 2 || !strings.HasPrefix(lines[0], `{"rounds":1,"events":0,"failed":0,`) {
		t.Errorf("%q", lines)
	}
	if err := newControl(strings.NewReader("nonsense\n"), &out).serve(tl); err == nil {
		t.Error("an unknown order was taken")
	}
}
