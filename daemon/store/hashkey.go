package store

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

const (
	hashKeySize = 32
	hashSumSize = 8
)

// hashKeyFiles are the two places of the key of Hash. Each holds the key and
// the beginning of its SHA-256 sum; the first one held the key alone once.
var hashKeyFiles = []string{"hash.key", "hash.key.copy"}

// hashKey reads or makes the key of Hash. A damaged copy is mended from the
// other. made means that neither is there or whole and that the key is a new
// one, with which no stored hash can be compared.
func hashKey(dir string, log *slog.Logger) (key []byte, made bool) {
	var old []byte
	for _, name := range hashKeyFiles {
		data, err := os.ReadFile(filepath.Join(dir, name))
		switch whole := wholeKey(data); {
		case err == nil && whole != nil:
			if key == nil {
				key = whole
			}
		case err == nil && len(data) == hashKeySize && name == hashKeyFiles[0]:
			old = data
		case !errors.Is(err, fs.ErrNotExist):
			log.Error("store: damage on disk: the key that tells changed secrets cannot be read; its other copy is taken if that is whole", "file", name, "error", err)
		}
	}
	if key == nil {
		key = old
	}
	if key == nil {
		key, made = make([]byte, hashKeySize), true
		_, _ = rand.Read(key) // never fails
	}
	return key, made
}

func wholeKey(data []byte) []byte {
	if len(data) != hashKeySize+hashSumSize || !bytes.Equal(keySum(data[:hashKeySize]), data[hashKeySize:]) {
		return nil
	}
	return data[:hashKeySize:hashKeySize]
}

func keySum(key []byte) []byte {
	s := sha256.Sum256(key)
	return s[:hashSumSize]
}

// keepHashKey writes the key where it is not.
func keepHashKey(dir string, key []byte) error {
	want := append(bytes.Clone(key), keySum(key)...)
	var all error
	for _, name := range hashKeyFiles {
		name = filepath.Join(dir, name)
		if data, err := os.ReadFile(name); err == nil && bytes.Equal(data, want) {
			continue
		}
		all = errors.Join(all, writeFile(name, want))
	}
	return all
}
