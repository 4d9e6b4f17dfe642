package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// becomeUser gives root's rights up for those of the user that the service runs
// as, for good and for the whole process, and returns the name; "" where the
// rights stay: the process is not root's, or there is no such user and nobody
// asked for it by name.
func becomeUser(name string) (string, error) {
	if os.Geteuid() != 0 || name == "root" {
		return "", nil
	}
	u, err := user.Lookup(name)
	var unknown user.UnknownUserError
	switch {
	case errors.As(err, &unknown) && name == serviceUser:
		return "", nil // not installed as a service here
	case err != nil:
		return "", usage("--user: there is no user %s on this machine", name)
	}
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return "", fmt.Errorf("find the user %s: %w", name, err)
	}
	if err := errors.Join(syscall.Setgroups(groupsOf(u, gid)), syscall.Setgid(gid), syscall.Setuid(uid)); err != nil {
		return "", fmt.Errorf("take the rights of the user %s: %w; --user root reads with your own", name, err)
	}
	return name, nil
}

// serviceUser is whom the packages' unit runs the service as.
const serviceUser = "agentkeeper"

// groupsOf are the groups that the user is in; those that the unit adds by
// SupplementaryGroups= are not known here.
func groupsOf(u *user.User, own int) []int {
	groups := []int{own}
	ids, err := u.GroupIds()
	if err != nil {
		return groups
	}
	for _, id := range ids {
		if gid, err := strconv.Atoi(id); err == nil && gid != own {
			groups = append(groups, gid)
		}
	}
	return groups
}
