//go:build race

package shift_test

// sparse is how many times fewer cases run under the race detector. The
// package is pure; test/run.sh runs all of them without it.
const sparse = 6
