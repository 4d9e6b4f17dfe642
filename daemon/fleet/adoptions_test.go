package fleet

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
)

type deafObserver struct{ Observer }

func (deafObserver) Adopted(string, session.Kind) {}

// A start's adoptions are one line per platform: at once when all are decided,
// else after a minute.
func TestAdoptionsAreSummedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		woken := 0
		s := &adoptions{Observer: deafObserver{}, log: slog.New(slog.NewTextHandler(&out, nil)), ready: func() { woken++ }, open: map[string]*adoption{}}
		for range 3 {
			s.expect("hq")
			s.expect("pbx")
		}
		said := func(when, want string) {
			t.Helper()
			s.tell(time.Now())
			got := out.String()
			out.Reset()
			if (got == "") != (want == "") || !strings.Contains(got, want) || strings.Count(got, "\n") > 1 {
				t.Errorf("%s: %q, want %q", when, got, want)
			}
		}
		said("nobody answered yet", "")
		if n := s.left(); n != 6 {
			t.Errorf("%d sessions left, want 6", n)
		}
		time.Sleep(2 * time.Second)
		for _, kind := range []session.Kind{session.OK, session.Outage, session.Lost, session.OK} {
			if woken != 0 {
				t.Error("told too early")
			}
			s.Adopted("hq", kind)
		}
		if woken != 1 {
			t.Error("the last one makes no line")
		}
		said("all answered", `msg="sessions adopted" platform=hq adopted=2 lost=1 not_yet=0 after=2s`)
		s.Adopted("pbx", session.OK)
		said("one answered", "")
		time.Sleep(time.Minute)
		said("after a minute", `platform=pbx adopted=1 lost=0 not_yet=2 after=1m2s`)
		s.Adopted("pbx", session.OK)
		said("of a reload", "")
		if n := s.left(); n != 0 {
			t.Errorf("%d sessions left of platforms that were summed up", n)
		}
	})
}
