package huawei

import (
	"testing"

	"agentkeeper/session/work"
)

// A code fits its wish, or the text says what to write.
func TestWrongWish(t *testing.T) {
	for _, tt := range []struct {
		wish work.Wish
		code string
		good bool
	}{
		{work.WishReady, "", true}, {work.WishReady, "7", true}, // of no meaning there
		{work.WishBusy, "", true}, {work.WishBusy, "200", true}, {work.WishBusy, "250", true},
		{work.WishBusy, "199", false}, {work.WishBusy, "251", false}, {work.WishBusy, "0", false}, {work.WishBusy, "lunch", false},
		{work.WishRest, "0", true}, {work.WishRest, "255", true}, {work.WishRest, "256", false}, {work.WishRest, "-1", false},
	} {
		if why := wrongWish(tt.wish, tt.code); (why == "") != tt.good {
			t.Errorf("%s with %q: %q", tt.wish, tt.code, why)
		}
	}
}
