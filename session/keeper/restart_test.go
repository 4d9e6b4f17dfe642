package keeper_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

func TestUpdate(t *testing.T) {
	renewed := &setup{account("new"), policy(), keeper.Hashes{Secret: "new", Settings: "settings"}}
	passwords := func(b *bench) (list []string) {
		for _, a := range b.vendor.accounts {
			list = append(list, a.Password.Reveal())
		}
		return list
	}
	tests := []struct {
		name    string
		prepare func(*bench)
		at      time.Duration
		want    []string // the passwords tried
	}{
		{"parked", func(b *bench) { b.vendor.script("sign in", answer{err: errRefused}, answer{}) }, time.Hour, []string{"old", "new"}},
		{"live", func(*bench) {}, time.Hour, []string{"old"}},
		{"in flight, then refused", func(b *bench) {
			b.vendor.script("sign in", answer{takes: 10 * time.Second, err: errRefused}, answer{})
		}, 5 * time.Second, []string{"old", "new"}},
		{"in flight, then good", func(b *bench) { b.vendor.script("sign in", answer{takes: 10 * time.Second}) }, 5 * time.Second, []string{"old"}},
		{"queued", func(b *bench) { b.gate = gateFor(time.Minute, 0) }, 30 * time.Second, []string{"new"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				tt.prepare(b)
				b.start(stay)
				pass(tt.at)
				b.keeper.Update(renewed, true)
				pass(time.Hour)
				if diff := cmp.Diff(tt.want, passwords(b)); diff != "" {
					b.Error(diff)
				}
				if v := b.keeper.View(); v.State != session.Online {
					b.Errorf("state %q", v.State)
				}
				if got := b.disk.durable().SecretHash; got != tt.want[len(tt.want)-1] {
					b.Errorf("secret hash %q", got)
				}
				if n := b.vendor.count("sign out"); n != 0 {
					b.Errorf("%d sign-outs", n)
				}
				b.stop(quit)
			})
		})
	}
}

// A person's word during a sign-in is answered by that sign-in: an unchanged
// password is not tried a second time.
func TestResumeDuringASignInTriesARefusedPasswordOnce(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("sign in", answer{takes: 10 * time.Second, err: errRefused})
		b.start(stay)
		pass(5 * time.Second)
		o := stay
		o.Resume = true
		b.keeper.Set(o)
		pass(time.Hour)
		if n := b.vendor.count("sign in"); n != 1 {
			b.Errorf("%d sign-ins, want 1", n)
		}
		b.keeper.Set(o)
		pass(time.Hour)
		if n := b.vendor.count("sign in"); n != 2 {
			b.Errorf("%d sign-ins after a resume, want 2", n)
		}
		b.stop(quit)
	})
}

func TestParkingOutlivesARestart(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("sign in", answer{err: errRefused})
		b.start(stay)
		pass(time.Hour)
		b.stop(quit)
		rec := b.disk.durable()
		if rec.SecretHash != "old" || rec.SettingsHash != "settings" || rec.Memo.Parked != session.ReasonRefused {
			b.Fatalf("on record: %+v", rec)
		}
		events := len(b.sink.all())
		b.start(stay)
		pass(time.Hour)
		if n := b.vendor.count("sign in"); n != 1 {
			b.Errorf("%d sign-ins, want 1", n)
		}
		v := b.keeper.View()
		if v.State != session.Parked || v.Reason != session.ReasonRefused || v.Code != "100-004" ||
			v.Detail != "wrong password" || v.Action != "correct the password" {
			b.Errorf("view %+v", v)
		}
		if n := len(b.sink.all()); n != events {
			b.Errorf("%d events of a parking that is old", n-events)
		}
		b.vendor.script("sign in", answer{})
		o := stay
		o.Resume = true
		b.keeper.Set(o)
		pass(time.Minute)
		if v := b.keeper.View(); v.State != session.Online {
			b.Errorf("state %q after a resume", v.State)
		}
		b.stop(quit)
	})
}

func TestAdoption(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.start(stay)
		pass(time.Hour)
		b.stop(quit)
		first := b.keeper.View()
		writes := b.disk.count()
		b.vendor.onCall = func(what string) {
			if n := b.disk.count() - writes; what == "poll" && b.counts.of("adopted ok") == 0 && n != 0 {
				b.Errorf("%d writes before an adopted session's first poll", n)
			}
		}
		asked := time.Since(b.vendor.begin)
		b.start(stay)
		if v := b.keeper.View(); !v.Adopted || !v.Started.Equal(first.Started) {
			b.Errorf("view %+v", v)
		}
		pass(time.Minute)
		if v := b.keeper.View(); v.State != session.Online || !v.Adopted || !v.Started.Equal(first.Started) || v.SignIns != 1 {
			b.Errorf("view %+v", v)
		}
		if got := b.vendor.said(); got != "sign in, poll" {
			b.Errorf("said %q", got)
		}
		polled := false
		for _, c := range b.vendor.seen() {
			polled = polled || (c.What == "poll" && c.At == asked)
		}
		if !polled {
			b.Error("the adopted session was not polled at once")
		}
		if n := b.counts.of("adopted ok"); n != 1 {
			b.Errorf("counted %d adoptions", n)
		}
		if diff := cmp.Diff([]string{".signed_in", ".adopted"}, b.sink.names()); diff != "" {
			b.Error(diff)
		}
		b.vendor.script("poll", answer{takes: hold, err: errLost}, answer{takes: hold})
		pass(time.Minute)
		if v := b.keeper.View(); v.State != session.Online || v.Adopted || v.SignIns != 2 {
			b.Errorf("view %+v", v)
		}
		b.stop(end)
		if b.vendor.closed != 3 {
			b.Errorf("%d sessions closed, want 3", b.vendor.closed)
		}
	})
}

func TestAdoptionOfADeadSession(t *testing.T) {
	tests := map[string]func(*bench){
		"platform": func(b *bench) { b.vendor.script("poll", answer{err: errLost}, answer{takes: hold}) },
		"adapter":  func(b *bench) { b.vendor.script("adopt", answer{err: errLost}) },
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.start(stay)
				pass(time.Minute)
				b.stop(quit)
				prepare(b)
				b.start(stay)
				pass(time.Minute)
				if v := b.keeper.View(); v.State != session.Online || v.Adopted || v.SignIns != 2 {
					b.Errorf("view %+v", v)
				}
				if n := b.counts.of("adopted lost"); n != 1 {
					b.Errorf("counted %d", n)
				}
				b.stop(end)
			})
		})
	}
}

func TestNothingIsWishedBeforeTheFirstOrder(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.start(keeper.Order{Wish: session.Leave})
		pass(time.Hour)
		if got := b.vendor.seen(); len(got) != 0 {
			b.Errorf("sent %v", got)
		}
		b.stop(end)
	})
}
