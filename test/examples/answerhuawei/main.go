// Command answerhuawei answers every call that rings at an agent of a Huawei
// CC-Gateway: it follows the events and sends commands at the control socket.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
)

var control = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", os.Getenv("AGENTKEEPER_CONTROL"))
}}}

func main() {
	events, err := control.Get("http://agentkeeper/api/v1/events?type=huawei.AgentEvent_Ringing")
	if err != nil {
		log.Fatal(err)
	}
	log.Print("waiting for calls")
	lines := bufio.NewScanner(events.Body)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		data, isEvent := strings.CutPrefix(lines.Text(), "data: ")
		var event struct{ ID, Source string }
		if isEvent && json.Unmarshal([]byte(data), &event) == nil {
			go answer(event.Source, event.ID)
		}
	}
	_ = events.Body.Close()
	log.Fatalf("the events ended: %v", lines.Err())
}

// answer sends the verb answer to the agent of an event, /platforms/hq/agents/291.
func answer(source, event string) {
	parts := strings.Split(source, "/")
	command := `{"do":"answer","reason":"the bot takes the call","id":"answer ` + event + `"}`
	res, err := control.Post("http://agentkeeper/api/v1/agents/"+parts[2]+"/"+parts[4]+"/command", "application/json", strings.NewReader(command))
	if err != nil {
		log.Printf("%s: in doubt: %v", event, err)
		return
	}
	defer func() { _ = res.Body.Close() }()
	result, _ := io.ReadAll(res.Body)
	log.Printf("%s: %d %s", event, res.StatusCode, result)
}
