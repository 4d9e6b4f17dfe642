//go:build !race

package shift_test

const sparse = 1 // every case
