package store

import (
	"fmt"
	"testing"
)

// However much each user may have, all together have maxConsumers, and one that
// is forgotten makes room.
func TestConsumersOfAllUsersAreBounded(t *testing.T) {
	o := &owners{all: map[string]owned{}}
	for n := range maxConsumers {
		if v := o.take(fmt.Sprint("c", n), fmt.Sprint("user", n%7), maxConsumers); v != fresh {
			t.Fatalf("consumer %d: %v", n, v)
		}
	}
	if v := o.take("one-too-many", "user0", maxConsumers); v != crowded {
		t.Errorf("one above the bound: %v", v)
	}
	if v := o.take("c0", "user0", maxConsumers); v != had {
		t.Errorf("one that is there already: %v", v)
	}
	o.forget("c0", "user0")
	if v := o.take("in-its-place", "user1", maxConsumers); v != fresh {
		t.Errorf("in the place of one that was forgotten: %v", v)
	}
}
