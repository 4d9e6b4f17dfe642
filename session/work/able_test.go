package work

import "testing"

// Whoever gets no calls is not ready, and what is not known is so only where ready
// is wished.
func TestNotReady(t *testing.T) {
	for _, state := range append(States(), "") {
		for _, wish := range append(Wishes(), "") {
			want := state == Busy || state == Rest || ((state == Unknown || state == "") && wish == WishReady)
			if got := (Shown{Standing: Standing{State: state}, Wish: wish}).NotReady(); got != want {
				t.Errorf("%q, wished %q: %v, want %v", state, wish, got, want)
			}
		}
	}
}
