package daemon

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Tasks are ended in the reverse of their order, each when the one after it has
// ended; the first error of one that cannot go on is told.
func TestTasks(t *testing.T) {
	var log []string
	all := tasks{failed: make(chan error, 1)}
	for _, name := range []string{"store", "listeners", "agents"} {
		all.start(task{name, func(ctx context.Context, ready func()) error {
			log = append(log, name)
			ready()
			<-ctx.Done()
			log = append(log, "no "+name)
			return nil
		}})
	}
	all.start(task{"broken", func(context.Context, func()) error { return errors.New("no room") }})
	all.end()
	if diff := cmp.Diff([]string{"store", "listeners", "agents", "no agents", "no listeners", "no store"}, log); diff != "" {
		t.Error(diff)
	}
	if err := <-all.failed; err.Error() != "broken: no room" {
		t.Errorf("failed: %v", err)
	}
}
