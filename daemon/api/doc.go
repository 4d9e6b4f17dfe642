// Package api is the service's HTTP: the read-only half for everybody who may
// reach `listen`, and the whole for those who may open the control socket.
package api
