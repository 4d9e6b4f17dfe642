package session

import (
	"fmt"
	"strings"
)

// ID names one account on one platform and is the unit of ownership. Neither
// part is empty; Platform contains no slash, Login may.
type ID struct{ Platform, Login string }

// String returns "platform/login", the agent's full name everywhere.
func (id ID) String() string { return id.Platform + "/" + id.Login }

// ParseID reads what String writes. The first slash divides.
func ParseID(name string) (ID, error) {
	platform, login, ok := strings.Cut(name, "/")
	if !ok || platform == "" || login == "" {
		return ID{}, fmt.Errorf("%q is no agent name: want platform/login, for example hq/291", Cut(name, NameLimit))
	}
	return ID{Platform: platform, Login: login}, nil
}
