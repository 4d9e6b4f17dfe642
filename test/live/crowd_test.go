package live

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestCrowd opens more connections to the public listener than it takes and says
// nothing on them: the agents and the control socket notice nothing, and when
// the silent ones are cut off everybody is served again.
func TestCrowd(t *testing.T) {
	t.Parallel()
	const crowd = 700
	names := logins(291, 2)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
	s.place = []string{"options: {hold: 1s}"}
	s.write()
	k := s.runOnline()
	before := s.platform.huawei()
	for range crowd {
		c, err := net.DialTimeout("tcp", strings.TrimPrefix(k.url, "http://"), patience)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	files := func() int {
		_, body, err := k.control("GET", "/metrics", "")
		if err != nil {
			t.Fatalf("the control socket: %v", err)
		}
		_, rest, _ := strings.Cut(body, "\nprocess_open_fds ")
		value, _, _ := strings.Cut(rest, "\n")
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Fatalf("process_open_fds: %v", err)
		}
		return n
	}
	within(t, 5*time.Second, "the closing of those that are too many", func() error {
		if n := files(); n > 512+100 {
			return fmt.Errorf("%d open files with %d silent connections", n, crowd)
		}
		return nil
	})
	within(t, patience, "an answer after the silent ones were cut off", k.ready)
	within(t, patience, "the files of the silent ones", func() error {
		if n := files(); n > 100 {
			return fmt.Errorf("%d open files", n)
		}
		return nil
	})
	s.awaitOnline(k)
	if got := touched(before, s.platform.huawei()); len(got) != 0 {
		t.Errorf("a crowd at the listener caused operations: %v", got)
	}
	k.stop()
}
