package main

import (
	"fmt"
	"net"
	"slices"
	"time"
)

// firstPolls measures how long an agent waits between the answer to its sign-in
// and its first poll, as the platform sees it.
func firstPolls(s *settings) error {
	title := fmt.Sprintf("first poll after sign-in, %d agents on TLS, from the platform's answer to the poll's arrival, ms", s.First)
	return s.repeated(title, func(rec *series) error {
		for _, perSecond := range []int{20, 200} {
			if err := s.firstPollsAt(rec, perSecond); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *settings) firstPollsAt(rec *series, perSecond int) error {
	sim, err := s.simulate("server", s.First)
	if err != nil {
		return err
	}
	defer sim.end()
	p, err := s.keeper("service", sim, s.First, "-rate", fmt.Sprint(perSecond))
	if err != nil {
		return err
	}
	defer p.kill()
	began := time.Now()
	if _, _, err := p.online(); err != nil {
		return err
	}
	if err := sim.awaitPolls(began, s.First); err != nil {
		return err
	}
	saw, err := sim.look()
	if err != nil {
		return err
	}
	recordFirst(rec, fmt.Sprintf("%d sign-ins/s", perSecond), saw)
	return nil
}

func recordFirst(rec *series, of string, saw seen) {
	rec.add(of+": p50", ms(percentile(saw.First, 0.5)))
	rec.add(of+": p99", ms(percentile(saw.First, 0.99)))
	rec.add(of+": max", ms(percentile(saw.First, 1)))
}

// scrapes is how often /metrics is read for one figure.
const scrapes = 20

// ramp signs all agents in with rate and budget out of the way, reads /metrics,
// and signs all out.
func ramp(s *settings) error {
	return s.repeated(fmt.Sprintf("%d agents sign in at once on TLS, and out again", s.Agents), s.rampOnce)
}

func (s *settings) rampOnce(rec *series) error {
	sim, err := s.simulate("server", s.Agents)
	if err != nil {
		return err
	}
	defer sim.end()
	p, err := s.keeper("service", sim, s.Agents)
	if err != nil {
		return err
	}
	defer p.kill()
	began := time.Now()
	if err := p.tell("go"); err != nil {
		return err
	}
	if err := sim.awaitPolls(began, s.Agents); err != nil {
		return err
	}
	rec.add("until all have polled, s", time.Since(began).Seconds())
	used, err := cpuTime(p.pid())
	if err != nil {
		return err
	}
	rec.add("CPU of a sign-in, ms", ms(used)/float64(s.Agents))
	saw, err := sim.look()
	if err != nil {
		return err
	}
	recordFirst(rec, "first poll after sign-in, ms", saw)
	web, err := p.expect("online")
	if err != nil {
		return err
	}
	if err := recordScrapes(rec, web); err != nil {
		return err
	}
	return s.stopOnce(rec, sim, p)
}

// stopOnce has the service sign all agents out and end.
func (s *settings) stopOnce(rec *series, sim *simulator, p *process) error {
	began := time.Now()
	if err := p.tell("stop"); err != nil {
		return err
	}
	if _, err := p.expect("stopped"); err != nil {
		return err
	}
	rec.add("until all are signed out and the service has stopped, s", time.Since(began).Seconds())
	saw, err := sim.look()
	if err == nil && saw.SignOuts != s.Agents {
		err = fmt.Errorf("%d of %d signed out", saw.SignOuts, s.Agents)
	}
	return err
}

// recordScrapes reads /metrics again and again.
func recordScrapes(rec *series, web string) error {
	var took []time.Duration
	for range scrapes {
		time.Sleep(100 * time.Millisecond)
		began := time.Now()
		if _, err := scrape(web); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	rec.add("a scrape of /metrics: p50, ms", ms(percentile(took, 0.5)))
	rec.add("a scrape of /metrics: max, ms", ms(percentile(took, 1)))
	return nil
}

// freeAddress is one on 127.0.0.1 that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
