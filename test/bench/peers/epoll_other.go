//go:build !linux

package main

import "errors"

func startEpoll(options, *tally) error { return errors.New("epoll is Linux's") }
