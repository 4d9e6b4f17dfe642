package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// greeting is what an operator sends first: the login and the subscription.
func greeting(i int) [][]byte {
	login := firstLogin + i
	return [][]byte{
		fmt.Appendf(nil, `{"action":"login","requestId":1,"payload":{"login":"%d","password":%q,"number":"40%d","profile":"default","role":"operator"}}`, login, password, login),
		fmt.Appendf(nil, `{"action":"call/subscribe","requestId":2,"payload":{"operatorIds":["%d"]}}`, login),
	}
}

// granted checks the answer to a request.
func granted(text []byte) error {
	var answer struct{ Status int }
	if err := json.Unmarshal(text, &answer); err != nil {
		return err
	}
	if answer.Status != http.StatusOK {
		return fmt.Errorf("refused: %s", text)
	}
	return nil
}

// firstPing spreads the agents' pings over their period.
func firstPing(every time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(every)) + 1)
}

func startCoder(o options, t *tally) error {
	conf, err := trusting(o.CAFile, o.Address)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: conf}}
	return all(o, func(i int) error {
		ctx := context.Background()
		c, _, err := websocket.Dial(ctx, "wss://"+o.Address+"/", &websocket.DialOptions{HTTPClient: client})
		if err != nil {
			return err
		}
		for _, text := range greeting(i) {
			if err := c.Write(ctx, websocket.MessageText, text); err != nil {
				return err
			}
			_, answer, err := c.Read(ctx)
			if err != nil {
				return err
			}
			if err := granted(answer); err != nil {
				return err
			}
		}
		go hear(c, t)
		go pinging(c, o, t)
		return nil
	})
}

// hear reads on, which is how this library gets its pongs.
func hear(c *websocket.Conn, t *tally) {
	for {
		if _, _, err := c.Read(context.Background()); err != nil {
			t.fail(err)
			return
		}
		t.events.Add(1)
	}
}

func pinging(c *websocket.Conn, o options, t *tally) {
	for wait := firstPing(o.Ping); ; wait = o.Ping {
		time.Sleep(wait)
		ctx, cancel := context.WithTimeout(context.Background(), o.Timeout)
		err := c.Ping(ctx)
		cancel()
		if err != nil {
			t.fail(err)
			return
		}
		t.rounds.Add(1)
	}
}
