package store

import (
	"context"
	"errors"
)

// openFiles opens the small files beside the server's.
func (s *Store) openFiles() (err error) {
	used := len(streamsOn(s.dir)) > 0
	var found, made bool
	if s.journal, found, err = openJournal(s.dir, s.log); err != nil {
		return err
	}
	if used && !found {
		s.log.Warn("store: there is no second copy of the records yet, or somebody removed it; writing one")
	}
	s.mark = openMark(s.dir, s.log)
	s.hashKey, made = hashKey(s.dir, s.log)
	if made && (used || found) {
		s.found(Damage{HashKey: true})
	}
	return nil
}

// readOnly reads all there is from a directory that cannot be written. The
// server writes even when it only reads, and deletes a stream for which it
// cannot, so the second copy is read first.
func (s *Store) readOnly(ctx context.Context) ([]pair, error) {
	ix, err := s.journal.read()
	all := s.journal.pairs(ix)
	if err == nil && len(ix.entries) > 0 && ix.damaged == 0 {
		return all, nil
	}
	e, openErr := openGuarded(ctx, s.settings)
	switch {
	case openErr == nil:
		defer e.close()
		more := []pair{}
		err = e.read(ctx, ">", func(key string, value []byte, _ uint64) { more = append(more, pair{key, value}) })
		return more, err
	case len(ix.entries) == 0:
		return nil, errors.Join(err, openErr)
	}
	s.found(Damage{Unknown: true})
	return all, nil
}
