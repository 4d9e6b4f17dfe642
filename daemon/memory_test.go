package daemon

import "testing"

// Memory is given back once when many agents have come online, and not while they
// come, nor for a few.
func TestRampIsOver(t *testing.T) {
	var r ramp
	for i, look := range []struct {
		online int
		want   bool
	}{
		{0, false}, {100, false}, {100, false}, {400, false}, {2000, false}, {4000, false}, {4003, true}, {4003, false},
		{4400, false}, {4400, false}, {4600, false}, {4600, true}, {4600, false},
		{0, false}, {3000, false}, {3000, true}, {3000, false},
	} {
		if got := r.over(look.online); got != look.want {
			t.Errorf("look %d, %d online: %v, want %v", i, look.online, got, look.want)
		}
	}
}
