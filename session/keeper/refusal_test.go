package keeper_test

import (
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// newTokenBench is a bench of a vendor whose sessions are a token's.
func newTokenBench(t *testing.T) *bench {
	b := newBench(t)
	b.vendor.info.Credential.Token = session.NewSecret("token")
	return b
}

// A report that comes while the keeper waits to try again is not lost, and
// more of them neither renew again nor keep the session from being looked
// after.
func TestRefusalDuringAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		b.vendor.script("poll", answer{takes: hold}, answer{err: errOutage}, answer{takes: hold})
		b.start(stay)
		time.Sleep(hold + 150*time.Millisecond) // the second poll has failed, the third waits
		h := b.keeper.Credential()
		if err := b.keeper.Refuse(h.Generation); err != nil {
			t.Fatal(err)
		}
		b.vendor.script("sign in", answer{err: errOutage})
		time.Sleep(time.Second)
		if n := b.vendor.count("sign in"); n != 2 {
			t.Errorf("%d sign-ins, want the first and a renewal", n)
		}
		polls := b.vendor.count("poll")
		for range 100 {
			if err := b.keeper.Refuse(h.Generation); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if n := b.vendor.count("poll") - polls; n > 5 {
			t.Errorf("a hundred reports made %d polls", n)
		}
		b.stop(quit)
	})
}

// A corrected secret acts at once on a live session whose renewal was refused.
func TestResumeOfARefusedRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTokenBench(t)
		b.vendor.script("poll", answer{takes: time.Hour})
		b.vendor.script("sign in", answer{takes: time.Second}, answer{err: errRefused}, answer{takes: time.Second})
		b.start(stay)
		time.Sleep(time.Minute)
		if err := b.keeper.Refuse(b.keeper.Credential().Generation); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		b.keeper.Update(&setup{account("new"), policy(), keeper.Hashes{Secret: "new"}}, true)
		time.Sleep(10 * time.Second)
		if n := b.vendor.count("sign in"); n != 3 {
			t.Errorf("%d sign-ins, want the first, the refused renewal and another", n)
		}
		b.stop(quit)
	})
}
