package keeper_test

import (
	"errors"
	"testing"
	"time"

	"agentkeeper/session/keeper"
)

// lend lends the session, which must be there.
func (b *bench) lend() *keeper.Loan {
	b.Helper()
	l, err := b.keeper.Lend()
	if err != nil {
		b.Fatal(err)
	}
	return l
}

func TestOnlyALiveSessionIsLent(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.start(stay)
		if _, err := b.keeper.Lend(); !errors.Is(err, keeper.ErrNoSession) {
			b.Errorf("before the sign-in's answer: %v", err)
		}
		pass(time.Second)
		l := b.lend()
		if !l.Live || l.Account.ID.Login == "" || l.Commander != nil {
			b.Errorf("lent %+v", l)
		}
		if _, newer := l.Newer(); newer {
			b.Error("the credential that was lent is not the newest")
		}
		l.Return()
		b.stop(end)
		if _, err := b.keeper.Lend(); !errors.Is(err, keeper.ErrNoSession) {
			b.Errorf("after the sign-out: %v", err)
		}
	})
}

func TestASignOutWaitsForTheReturn(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.start(stay)
		pass(time.Second)
		one, other := b.lend(), b.lend()
		b.keeper.Set(end)
		pass(grace + 5*time.Second)
		one.Return()
		pass(time.Second)
		if n := b.vendor.count("sign out"); n != 0 {
			b.Errorf("signed out %d times while the session was lent", n)
		}
		if _, err := b.keeper.Lend(); !errors.Is(err, keeper.ErrLeaving) {
			b.Errorf("lent to one more: %v", err)
		}
		other.Return()
		pass(time.Millisecond)
		if n := b.vendor.count("sign out"); n != 1 {
			b.Errorf("%d sign-outs right after the return", n)
		}
		b.stop(end)
	})
}

func TestASignOutWaitsNoLongerThanAnOperation(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.start(stay)
		pass(time.Second)
		l := b.lend()
		b.keeper.Set(end)
		pass(grace + opTimeout - 3*time.Second)
		if n := b.vendor.count("sign out"); n != 0 {
			b.Errorf("signed out too early")
		}
		pass(5 * time.Second)
		if n := b.vendor.count("sign out"); n != 1 {
			b.Errorf("%d sign-outs", n)
		}
		l.Return()
		b.stop(end)
	})
}

func TestASignOutThatIsNoLongerWantedLendsAgain(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.start(stay)
		pass(time.Second)
		l := b.lend()
		b.keeper.Set(leave)
		pass(grace + time.Second)
		b.keeper.Set(stay)
		pass(time.Second)
		b.lend().Return()
		l.Return()
		if said := b.vendor.said(); said != "sign in, poll" {
			b.Errorf("the platform heard %s", said)
		}
		b.stop(end)
	})
}

func TestBetweenTwoSignOutsTheSessionIsLent(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("sign out", answer{err: errBusy})
		b.start(stay)
		pass(time.Second)
		b.keeper.Set(end)
		pass(grace + time.Second)
		if n := b.vendor.count("sign out"); n == 0 {
			b.Fatal("no sign-out was tried")
		}
		b.lend().Return()
		b.vendor.script("sign out", answer{})
		b.stop(end)
	})
}

func TestAHandOverWaitsForNoReturn(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.start(stay)
		pass(time.Second)
		l := b.lend()
		begin := time.Now()
		b.stop(quit)
		if took := time.Since(begin); took > grace {
			b.Errorf("it took %s", took)
		}
		l.Return()
	})
}
