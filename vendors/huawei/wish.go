package huawei

import (
	"fmt"
	"strconv"

	"agentkeeper/session/work"
)

// The codes that a wish may have: the reasons of busy that a tenant defines, and the
// causes of a rest. (commands.md 3.1)
const (
	minReason = 200
	maxReason = 250
	maxCause  = 255
)

// wrongWish implements adapter.Vendor.WrongWish.
func wrongWish(w work.Wish, code string) string {
	n, err := strconv.Atoi(code)
	switch {
	case code == "" || (w != work.WishBusy && w != work.WishRest):
		return ""
	case w == work.WishBusy && (err != nil || n < minReason || n > maxReason):
		return fmt.Sprintf("is no reason for busy; write a number from %d to %d, or leave it out", minReason, maxReason)
	case w == work.WishRest && (err != nil || n < 0 || n > maxCause):
		return fmt.Sprintf("is no cause of a rest; write a number from 0 to %d, or leave it out", maxCause)
	}
	return ""
}
