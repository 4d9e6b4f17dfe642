package wire

import "net/http"

// Intercepted reports whether status, as the answer to a request that needs no
// authentication, shows that a server before the platform answers in its place:
// one that wants a login of its own, or leads to one. While it does, such a
// status says nothing about a session either.
func Intercepted(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusProxyAuthRequired || (status >= 300 && status < 400)
}
