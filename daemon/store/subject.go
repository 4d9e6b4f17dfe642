package store

import (
	"fmt"
	"strconv"
	"strings"

	"agentkeeper/session"
)

const (
	shards     = 1024
	bucket     = "keeper"
	keeperName = "KV_" + bucket
	eventsName = "EVENTS"
	// eventsSubjects is what eventSubject makes.
	eventsSubjects = "ev.*.*.*"
	keyPrefix      = "$KV." + bucket + "."
	maxSubject     = 1024 // bytes; the server refuses protocol lines above 4096
	maxTypeName    = 200  // bytes of an event type's token
)

// shardOf returns the shard of an agent.
func shardOf(id session.ID) int { return shardOfName(id.String()) }

func shardKey(shard int) string { return fmt.Sprintf("shard.%04d", shard) }

func agentKey(kind string, id session.ID) string {
	return fmt.Sprintf("%s.%04d.%s", kind, shardOf(id), token(id.String()))
}

func eventSubject(id session.ID, typ string) string {
	return agentKey("ev", id) + "." + typeToken(typ)
}

// typeToken cuts names of absurd length short; the event itself has them whole.
func typeToken(typ string) string {
	t := token(typ)
	return t[:min(len(t), maxTypeName)]
}

func plain(c byte) bool {
	return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') || c == '_' || c == '-' || c == '/'
}

// token encodes any text as one subject token that is also a valid part of a
// key; untoken reverses it.
func token(text string) string {
	if text == "" {
		return "="
	}
	var b strings.Builder
	for i := range len(text) {
		if plain(text[i]) {
			b.WriteByte(text[i])
		} else {
			fmt.Fprintf(&b, "=%02X", text[i])
		}
	}
	return b.String()
}

func untoken(tok string) (string, error) {
	if tok == "=" {
		return "", nil
	}
	var b strings.Builder
	for rest := tok; rest != ""; {
		switch {
		case plain(rest[0]):
			b.WriteByte(rest[0])
			rest = rest[1:]
		case rest[0] == '=' && len(rest) >= 3:
			n, err := strconv.ParseUint(rest[1:3], 16, 8)
			if err != nil {
				return "", fmt.Errorf("token %q: %q is no encoded byte", tok, rest[:3])
			}
			b.WriteByte(byte(n))
			rest = rest[3:]
		default:
			return "", fmt.Errorf("token %q: unexpected %q", tok, rest[0])
		}
	}
	return b.String(), nil
}
