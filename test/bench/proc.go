package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// parseStatm reads the resident set in bytes out of /proc/PID/statm.
func parseStatm(text string, pageSize int) (int64, error) {
	fields := strings.Fields(text)
	if len(fields) < 2 {
		return 0, fmt.Errorf("statm: %q", text)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(pageSize), err
}

// tick is the unit of the times in /proc/PID/stat, on every architecture that Go
// runs on.
const tick = 10 * time.Millisecond

// parseStat reads the user and system time out of /proc/PID/stat.
func parseStat(text string) (time.Duration, error) {
	const user, system = 11, 12 // behind the name, which is in brackets and may contain any
	end := strings.LastIndexByte(text, ')')
	if end < 0 {
		return 0, fmt.Errorf("stat: %q", text)
	}
	fields := strings.Fields(text[end+1:])
	if len(fields) <= system {
		return 0, fmt.Errorf("stat: %q", text)
	}
	u, errUser := strconv.ParseInt(fields[user], 10, 64)
	s, errSystem := strconv.ParseInt(fields[system], 10, 64)
	return time.Duration(u+s) * tick, errors.Join(errUser, errSystem)
}

// rss is a process's resident set in bytes.
func rss(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	return parseStatm(string(text), os.Getpagesize())
}

// cpuTime is what a process has used so far, user and system.
func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(string(text))
}

// load is the machine's load average over the last minute; "?" where it is not
// told.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "?"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
