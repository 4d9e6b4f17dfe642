// Command answerecss takes every call that rings at an agent of ECSS-10: it reads the
// stream of events with a NATS client and sends call/accept on the agent's session.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func main() {
	user, secret := os.Getenv("NATS_USER"), os.Getenv("NATS_PASSWORD")
	nc, err := nats.Connect(os.Getenv("NATS_URL"), nats.UserInfo(user, secret), nats.CustomInboxPrefix("_INBOX."+user), nats.MaxReconnects(-1))
	must(err)
	js, err := jetstream.New(nc)
	must(err)
	consumer, err := js.CreateOrUpdateConsumer(context.Background(), "EVENTS", jetstream.ConsumerConfig{
		Name: "answerecss", AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverNewPolicy, FilterSubject: "ev.>",
	})
	must(err)
	_, err = consumer.Consume(func(m jetstream.Msg) {
		var event struct {
			Data struct{ Payload struct{ ID, Status string } }
		}
		if json.Unmarshal(m.Data(), &event) == nil && event.Data.Payload.Status == "alerting" {
			accept(nc, m.Subject(), event.Data.Payload.ID)
		}
	})
	must(err)
	log.Print("waiting for calls")
	select {}
}

// accept sends to cmd.<shard>.<agent>, with both as in the event's subject.
func accept(nc *nats.Conn, subject, call string) {
	parts := strings.Split(subject, ".")
	command := fmt.Sprintf(`{"action":"call/accept","payload":{"callId":%q},"reason":"the bot takes the call","id":"accept-%s"}`, call, call)
	answer, err := nc.Request("cmd."+parts[1]+"."+parts[2], []byte(command), 15*time.Second)
	if err != nil {
		log.Printf("%s: %v", call, err) // nats.ErrNoResponders: not sent
		return
	}
	log.Printf("%s: %s", call, answer.Data)
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
