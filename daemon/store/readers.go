package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrNoConsumer means that a user has no consumer of that name.
var ErrNoConsumer = errors.New("no such consumer")

// ConsumerStatus is one consumer of a user.
type ConsumerStatus struct {
	User       string // "" for one of an earlier version that nobody has used since
	Name       string
	Durable    bool
	Pending    uint64    // events that wait for it
	AckPending int       // delivered and not acknowledged
	LastActive time.Time // the last delivery or acknowledgement; zero: none since the service started
	Created    time.Time
	Inactive   time.Duration // it is deleted after so long without a reader; 0: never
}

// ListConsumers returns the consumers of all users, by user and name. It fails
// with [ErrUnavailable] or ctx's error.
func (s *Store) ListConsumers(ctx context.Context) ([]ConsumerStatus, error) {
	e, err := s.current()
	if err != nil {
		return nil, err
	}
	var infos []*jetstream.ConsumerInfo
	if e.access != nil {
		infos, err = e.access.clerk.refresh(ctx)
	} else {
		infos, err = infosOf(ctx, e.js)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	var list []ConsumerStatus
	for _, info := range infos {
		if user, theirs := e.ownerOf(info); theirs {
			list = append(list, statusOf(info, user))
		}
	}
	slices.SortFunc(list, func(a, b ConsumerStatus) int {
		if by := strings.Compare(a.User, b.User); by != 0 {
			return by
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list, nil
}

// RemoveConsumer deletes a user's consumer and its position; its program is told
// at its next request. It fails with [ErrNoConsumer], [ErrUnavailable] or ctx's
// error.
func (s *Store) RemoveConsumer(ctx context.Context, user, name string) error {
	e, err := s.current()
	if err != nil {
		return err
	}
	consumer, err := e.js.Consumer(ctx, eventsName, name)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound), errors.Is(err, jetstream.ErrInvalidConsumerName):
		return fmt.Errorf("%w: %s of the user %s", ErrNoConsumer, name, user)
	case err != nil:
		return unavailable(err)
	}
	if owner, theirs := e.ownerOf(consumer.CachedInfo()); !theirs || owner != user {
		return fmt.Errorf("%w: %s of the user %s", ErrNoConsumer, name, user)
	}
	if err := e.js.DeleteConsumer(ctx, eventsName, name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return unavailable(err)
	}
	if e.access != nil {
		e.access.clerk.forget(user, name)
	}
	return nil
}

// ownerOf returns whose a consumer is; theirs is false for one of our own.
func (e *engine) ownerOf(info *jetstream.ConsumerInfo) (user string, theirs bool) {
	if e.access != nil {
		if user, known := e.access.clerk.owners.of(info.Name); known {
			return user, true
		}
	}
	user, signed := info.Config.Metadata[ownerKey]
	return user, signed || info.Config.Durable != ""
}

func statusOf(info *jetstream.ConsumerInfo, user string) ConsumerStatus {
	s := ConsumerStatus{
		User: user, Name: info.Name, Durable: info.Config.Durable != "", Pending: info.NumPending, AckPending: info.NumAckPending,
		Created: info.Created, Inactive: info.Config.InactiveThreshold,
	}
	for _, at := range []*time.Time{info.Delivered.Last, info.AckFloor.Last} {
		if at != nil && at.After(s.LastActive) {
			s.LastActive = *at
		}
	}
	return s
}
