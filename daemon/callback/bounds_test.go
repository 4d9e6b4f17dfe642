package callback_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
)

// A body is taken up to the bound, and not one byte above it.
func TestBodyLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, accepted)
		for length, want := range map[int]int{session.MessageLimit: 200, session.MessageLimit + 1: 413} {
			if status, _ := d.post("/callback/hq", strings.NewReader(strings.Repeat("x", length))); status != want {
				t.Errorf("%d bytes: %d, want %d", length, status, want)
			}
		}
		time.Sleep(time.Second) // the server lingers on a connection that it cut
	})
}

// Names that strangers invent do not fill the log's memory: what goes wrong on a
// real platform is still told.
func TestInventedNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, forbidden)
		for i := range 300 {
			d.post("/callback/"+strings.Repeat("x", 1000+i), strings.NewReader("{}"))
		}
		if d.log.Len() > 4<<10 || strings.Count(d.log.String(), "unknown platform") != 1 {
			t.Errorf("%d bytes in the log", d.log.Len())
		}
		d.post("/callback/hq", strings.NewReader("{}"))
		if !strings.Contains(d.log.String(), "cause=forbidden") {
			t.Error("hq's refusal is not logged")
		}
	})
}
