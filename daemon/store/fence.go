package store

import (
	"encoding/json"
	"strconv"

	"github.com/nats-io/nats.go"
)

// owner is the value of a shard's key.
type owner struct {
	Node string `json:"node"`
	Boot string `json:"boot"`
}

// fence holds the tokens of this process's shards. It belongs to the goroutine
// of the keeper stream's committer.
type fence struct {
	self  owner
	token [shards]uint64 // revision of our claim; 0: not ours
	seen  [shards]uint64 // last revision that anybody wrote
}

// learn takes note of a shard key as it was read.
func (f *fence) learn(shard int, value []byte, revision uint64) {
	var o owner
	ours := json.Unmarshal(value, &o) == nil && o == f.self
	f.seen[shard], f.token[shard] = revision, 0
	if ours {
		f.token[shard] = revision
	}
}

// foreign lists the shards that were in use and are not ours.
func (f *fence) foreign() (list []int) {
	for s := range shards {
		if f.seen[s] != 0 && f.token[s] == 0 {
			list = append(list, s)
		}
	}
	return list
}

// missing lists, once each, the shards that groups need and we do not hold.
func (f *fence) missing(groups []*group) (list []int) {
	asked := make(map[int]bool)
	for _, g := range groups {
		if g.shard != noShard && f.token[g.shard] == 0 && !asked[g.shard] {
			asked[g.shard] = true
			list = append(list, g.shard)
		}
	}
	return list
}

// claims returns the messages that make shards ours if nobody else was faster.
func (f *fence) claims(shards []int) []*nats.Msg {
	value, _ := json.Marshal(f.self) // two strings
	msgs := make([]*nats.Msg, len(shards))
	for i, s := range shards {
		msgs[i] = keyMsg(shardKey(s), value)
		msgs[i].Header.Set(headerExpect, strconv.FormatUint(f.seen[s], 10))
	}
	return msgs
}

// claimed takes note of the answer to a claim. After a rejection the shard's
// groups run into the fence, as they should.
func (f *fence) claimed(shard int, a ack) {
	if a.err == nil {
		f.seen[shard], f.token[shard] = a.seq, a.seq
	}
}

// protect makes the server write g only while its shard is ours.
func (f *fence) protect(g *group) {
	for _, m := range g.msgs {
		m.Header.Set(headerExpect, strconv.FormatUint(f.token[g.shard], 10))
		m.Header.Set(headerExpectOn, keyPrefix+shardKey(g.shard))
	}
}

// keyMsg is a write of one key; an empty value is a tombstone.
func keyMsg(key string, value []byte) *nats.Msg {
	return &nats.Msg{Subject: keyPrefix + key, Header: nats.Header{}, Data: value}
}
