package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"agentkeeper/daemon/atomicfile"
)

// A stream's description is written once and needed at every start; a copy of
// it beside the streams mends one that a crash or a bad sector garbled.
var descriptionFiles = []string{server.JetStreamMetaFile, server.JetStreamMetaFileSum}

// openMended opens the engine; what the server cannot read is mended from the
// copies, or else moved aside. A disk that cannot be written mends nothing and
// moves nothing.
func openMended(ctx context.Context, set settings) (*engine, error) {
	torn := false
	for _, mend := range []func(settings, *brokenError) error{restoreDescriptions, dropIndexes, moveStreams, moveAll} {
		e, err := openGuarded(ctx, set)
		var broken *brokenError
		if !errors.As(err, &broken) {
			return whether(torn, e), err
		}
		had := hasMessages(streamDir(set.dir, keeperName))
		if err := probe(set.dir); err != nil {
			return nil, errors.Join(broken, err)
		}
		if err := mend(set, broken); err != nil {
			return nil, errors.Join(broken, err)
		}
		torn = torn || (had && !hasMessages(streamDir(set.dir, keeperName)))
	}
	e, err := openGuarded(ctx, set)
	return whether(torn, e), err
}

// whether tells the engine that its records' stream was moved aside.
func whether(torn bool, e *engine) *engine {
	if e != nil {
		e.torn = torn
	}
	return e
}

// dropIndexes makes the server read the messages of streams that it cannot open
// with what it noted about them.
func dropIndexes(set settings, broken *brokenError) error {
	for _, stream := range broken.streams {
		if err := os.Remove(indexOf(set.dir, stream)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// openGuarded opens the engine and, when that fails, leaves the directory with
// all that was in it.
func openGuarded(ctx context.Context, set settings) (*engine, error) {
	if err := guard(set); err != nil {
		return nil, err
	}
	mendFiles(set)
	e, err := openEngine(ctx, set)
	if err != nil {
		return nil, errors.Join(err, putBack(set))
	}
	if err := unguard(set.dir); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

func copiesDir(dir, stream string) string { return filepath.Join(dir, "descriptions", stream) }

// keepDescriptions copies the streams' descriptions where they changed.
func keepDescriptions(dir string) error {
	for _, stream := range []string{keeperName, eventsName} {
		if err := copyDescription(streamDir(dir, stream), copiesDir(dir, stream)); err != nil {
			return fmt.Errorf("keep a copy of the description of stream %s: %w", stream, err)
		}
	}
	return nil
}

func restoreDescriptions(set settings, broken *brokenError) error {
	for _, stream := range broken.streams {
		err := copyDescription(copiesDir(set.dir, stream), streamDir(set.dir, stream))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		set.log.Warn("store: restored the description of a stream from its copy", "stream", stream, "error", err)
	}
	return nil
}

func copyDescription(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, name := range descriptionFiles {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return err
		}
		if old, err := os.ReadFile(filepath.Join(to, name)); err == nil && bytes.Equal(old, data) {
			continue
		}
		if err := writeFile(filepath.Join(to, name), data); err != nil {
			return err
		}
	}
	return nil
}

// moveStreams moves the streams that cannot be read aside; the others stay.
func moveStreams(set settings, broken *brokenError) error {
	for _, stream := range broken.streams {
		if err := moveAside(set, broken, streamDir(set.dir, stream)); err != nil {
			return err
		}
	}
	return nil
}

// moveAll starts with an empty store: the last resort.
func moveAll(set settings, broken *brokenError) error {
	return moveAside(set, broken, filepath.Join(set.dir, server.JetStreamStoreDir))
}

func moveAside(set settings, broken *brokenError, path string) error {
	aside := filepath.Join(set.dir, "broken-"+time.Now().UTC().Format("20060102T150405.000000000"))
	if err := os.Mkdir(aside, 0o700); err != nil {
		return fmt.Errorf("move the broken store aside: %w", err)
	}
	to := filepath.Join(aside, filepath.Base(path))
	if err := os.Rename(path, to); err != nil {
		return fmt.Errorf("move the broken store aside: %w", err)
	}
	set.log.Error("store: moved what cannot be read aside and started afresh: what it held is lost to this program",
		"moved", path, "to", to, "reason", broken)
	return errors.Join(unguard(set.dir), atomicfile.SyncDir(set.dir))
}
