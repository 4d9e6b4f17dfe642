// Package conform holds the contract of session.Platform and session.Session
// that every vendor's adapter keeps, run against every vendor's simulator in
// virtual time. What is one vendor's own is tested beside its adapter.
package conform
