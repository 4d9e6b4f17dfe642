//go:build !noepoll

package rig

// Tags are those that the tests were built with, as far as the programs know them:
// the programs are built with the same ones.
const Tags = ""
