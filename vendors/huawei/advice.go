package huawei

import (
	"fmt"
	"strings"
	"time"

	"agentkeeper/vendors/option"
)

// advise reports polls that keep the window only barely: a quiet poll that
// takes half of it, or one without an answer that leaves no time for a second.
func advise(set option.Set, window time.Duration) []option.Problem {
	r := option.Read(set, specs)
	if r.String("events") != "poll" {
		return nil
	}
	hold, timeout := r.Duration("hold"), pollTimeout(r, window)
	if len(r.Problems()) > 0 {
		return nil // decode reports them
	}
	switch {
	case hold+r.Duration("poll_pause") >= window/2:
		r.Problem("hold", fmt.Sprintf("option \"hold\": a quiet poll takes %s of the window of %s; one that is lost signs the agent out: shorten the hold or lengthen the window, on the platform", hold, window))
	case timeout > window/2:
		r.Problem("poll_timeout", fmt.Sprintf("option \"poll_timeout\": %s of the window of %s leave no time for a second try: stay below %s", timeout, window, window/2))
	}
	return r.Problems()
}

// oddLogin reports a login that is no number, which an agentid is on every
// gateway that the vendor documents; "" for a number.
func oddLogin(login string) string {
	if strings.Trim(login, "0123456789") == "" {
		return ""
	}
	return "is no number, which an agentid is: the platform will hardly know it; look whether this is the right column, and whether letters or quotes slipped in"
}
