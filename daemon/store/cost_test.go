package store

import (
	"testing"
	"time"
)

func TestCostPlan(t *testing.T) {
	now := time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC)
	old := now.Add(-2 * measureAgain)
	const us = time.Microsecond
	fast := cost{single: 60 * us, batch: 5500 * us, singleAt: now, batchAt: now} // break-even at 110
	slow := cost{single: 2100 * us, batch: 15 * time.Millisecond, singleAt: now, batchAt: now}
	tests := []struct {
		name  string
		c     cost
		n     int
		take  int
		batch bool
	}{
		{"nothing measured, one", cost{}, 1, 1, false},
		{"nothing measured, few", cost{}, 50, 50, false},
		{"nothing measured, many: singles first", cost{}, 500, sampleSize, false},
		{"no batch yet, many", cost{single: 60 * us, singleAt: now}, 500, 500, true},
		{"no batch yet, fast disk", cost{single: 60 * us, singleAt: now}, 60, 60, false},
		{"no batch yet, slow disk tries one", cost{single: 2 * time.Millisecond, singleAt: now}, 20, 20, true},
		{"too few to try", cost{single: 2 * time.Millisecond, singleAt: now}, smallestTry - 1, smallestTry - 1, false},
		{"fast disk below", fast, 109, 109, false},
		{"fast disk above", fast, 112, 112, true},
		{"slow disk below", slow, 7, 7, false},
		{"slow disk above", slow, 9, 9, true},
		{"one is never a batch", slow, 1, 1, false},
		{"singles cheaper than a batch's share", cost{single: us, singleAt: now, batchAt: now}, 1000, 1000, false},
		{"singles measured anew", cost{single: 60 * us, batch: 5500 * us, singleAt: old, batchAt: now}, 500, sampleSize, false},
		{"batch measured anew", cost{single: 60 * us, batch: time.Second, singleAt: now, batchAt: old}, 500, 500, true},
		{"batch not measured anew for little", cost{single: 60 * us, batch: time.Second, singleAt: now, batchAt: old}, 30, 30, false},
	}
	for _, tt := range tests {
		if take, batch := tt.c.plan(tt.n, now); take != tt.take || batch != tt.batch {
			t.Errorf("%s: plan(%d) = %d, %v; want %d, %v", tt.name, tt.n, take, batch, tt.take, tt.batch)
		}
	}
}

// TestCostSettles runs the model against disks of known speed: it must come to
// the cheaper way of writing and stay with it.
func TestCostSettles(t *testing.T) {
	for _, disk := range []struct {
		sync    time.Duration
		waiting int
		batch   bool
	}{
		{50 * time.Microsecond, 20, false},
		{50 * time.Microsecond, 64, false},
		{50 * time.Microsecond, 1000, true},
		{2 * time.Millisecond, 3, false},
		{2 * time.Millisecond, 64, true},
		{20 * time.Millisecond, 30, true},
	} {
		var c cost
		now := time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC)
		rounds := map[bool]int{}
		for range 400 {
			take, batch := c.plan(disk.waiting, now)
			took := time.Duration(take) * (disk.sync + batchPerMsg)
			if batch {
				took = 5*time.Millisecond + 5*disk.sync + time.Duration(take)*batchPerMsg
			}
			now = now.Add(took)
			c.observe(take, batch, took, now)
			rounds[batch]++
		}
		if rounds[disk.batch] < 390 {
			t.Errorf("%+v: %d rounds in batches, %d singly", disk, rounds[true], rounds[false])
		}
	}
}
