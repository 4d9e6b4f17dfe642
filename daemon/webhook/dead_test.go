package webhook

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// poison refuses the second event of agent 291 with a status, and takes others.
func poison(status int, others bool) func(p post, w http.ResponseWriter) {
	return func(p post, w http.ResponseWriter) {
		if (p.agent == "291" && p.n == 2) || !others {
			w.WriteHeader(status)
		}
	}
}

// An event that is refused again and again, while others are taken, is given up
// and holds its agent up no longer; it is counted, named, and known after a
// restart.
func TestRefusedEventIsGivenUp(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.set(poison(status, true))
				r.apply(hookTo("crm"))
				r.publish(3, "291", "292")
				r.settle(2 * time.Minute)
				r.publish(1, "292") // the receiver takes others
				r.settle(2 * time.Minute)
				if s := r.status("crm"); s.Dead[DeadRefused] != 0 || s.Failing == nil {
					t.Errorf("given up too soon: %+v", s)
				}
				r.settle(4 * time.Minute)
				s := r.status("crm")
				if s.Dead[DeadRefused] != 1 || s.Lag != 0 || s.State != Delivering || len(s.Letters) != 1 {
					t.Fatalf("after 8 minutes: %+v", s)
				}
				if l := s.Letters[0]; l.ID == "" || l.Position == 0 || l.Attempts < giveUpTries || !strings.Contains(l.Error, http.StatusText(status)) {
					t.Errorf("the dead letter: %+v", l)
				}
				var of291 []int
				for _, p := range r.got(200) {
					if p.agent == "291" {
						of291 = append(of291, p.n)
					}
				}
				if len(of291) != 2 || of291[1] != 3 {
					t.Errorf("of 291 were delivered %v, want 1 and 3", of291)
				}
				r.close()
				r.open(hookTo("crm"))
				r.settle(time.Minute)
				if s := r.status("crm"); s.Dead[DeadRefused] != 1 || len(s.Letters) != 1 || s.Lag != 0 {
					t.Errorf("after a restart: %+v", s)
				}
			})
		})
	}
}

// A receiver that refuses everything may be what is broken: nothing is given up
// within the hour, and nothing at all where it does not speak of the event.
func TestBrokenReceiverCostsNoEvents(t *testing.T) {
	for status, lost := range map[int]uint64{http.StatusBadRequest: 1, http.StatusUnauthorized: 0, http.StatusNotFound: 0} {
		inBubble(t, func(r *rig) {
			r.set(poison(status, false))
			r.apply(hookTo("crm"))
			r.publish(3, "291")
			r.settle(59 * time.Minute)
			if s := r.status("crm"); s.Dead[DeadRefused] != 0 {
				t.Errorf("%d: given up within the hour: %+v", status, s)
			}
			r.settle(10 * time.Minute)
			if s := r.status("crm"); s.Dead[DeadRefused] != lost {
				t.Errorf("%d: %d given up after 69 minutes, want %d", status, s.Dead[DeadRefused], lost)
			}
			r.set(nil)
			r.settle(2 * time.Minute)
			if got, want := len(r.got(200)), 3-int(lost); got != want {
				t.Errorf("%d: %d delivered after it was mended, want %d", status, got, want)
			}
		})
	}
}

func TestSkip(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.set(poison(http.StatusInternalServerError, true))
		r.apply(hookTo("crm"))
		if _, err := r.hooks.Skip(r.t.Context(), "crm", "", "a test", "unreadable"); !errors.Is(err, ErrNothingFails) {
			t.Errorf("skip where nothing fails: %v", err)
		}
		if _, err := r.hooks.Skip(r.t.Context(), "nobody", "", "a test", "unreadable"); !errors.Is(err, ErrUnknown) {
			t.Errorf("skip of nobody: %v", err)
		}
		r.publish(3, "291", "292")
		r.settle(10 * time.Second)
		if _, err := r.hooks.Skip(r.t.Context(), "crm", "hq/292", "a test", "unreadable"); !errors.Is(err, ErrNothingFails) {
			t.Errorf("skip for an agent whose events are taken: %v", err)
		}
		letter, err := r.hooks.Skip(r.t.Context(), "crm", "hq/291", "a test", "unreadable")
		if err != nil || letter.Reason != DeadSkipped || letter.Position == 0 {
			t.Fatalf("%+v, %v", letter, err)
		}
		r.settle(10 * time.Second)
		if s := r.status("crm"); s.Dead[DeadSkipped] != 1 || s.Lag != 0 || s.Delivered != 5 {
			t.Errorf("after the skip: %+v", s)
		}
		if !strings.Contains(r.logs.String(), "operation=skip") {
			t.Error("the audit log does not tell of the skip")
		}
	})
}

// A skip during a request goes by the request's answer.
func TestSkipDuringARequest(t *testing.T) {
	for name, status := range map[string]int{"refused": http.StatusBadRequest, "taken": http.StatusOK} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.set(always(http.StatusBadRequest))
				r.apply(hookTo("crm"))
				r.publish(1, "291")
				time.Sleep(500 * time.Millisecond)
				r.set(func(_ post, w http.ResponseWriter) {
					time.Sleep(5 * time.Second)
					w.WriteHeader(status)
				})
				time.Sleep(3 * time.Second) // the second attempt is in flight
				if _, err := r.hooks.Skip(r.t.Context(), "crm", "", "a test", "unreadable"); err != nil {
					t.Fatal(err)
				}
				r.settle(10 * time.Second)
				skipped := uint64(1)
				if status == http.StatusOK {
					skipped = 0
				}
				if s := r.status("crm"); s.Dead[DeadSkipped] != skipped || s.Delivered != 1-skipped || s.Lag != 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}
