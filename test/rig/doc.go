// Package rig runs the built programs as processes of their own and looks at
// them from outside: vendorsim as the platform that counts, agentkeeper as the
// service. The tests of package live and the command chaos stand on it.
//
// It decides nothing: its functions return errors, and whoever calls them says
// what an error means. Everything happens on 127.0.0.1 and in the directories
// that the caller gives.
package rig
