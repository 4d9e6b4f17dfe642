package store

import (
	"encoding/json"
	"fmt"
	"time"

	"agentkeeper/session"
)

// recordVersion grows only when an older program could misread a newer record;
// added fields do not count, unknown ones are ignored.
const recordVersion = 1

// record is session.Record on disk. The key is written as it is: the files are
// the owner's alone.
type record struct {
	Version      int          `json:"v"`
	Key          []byte       `json:"key,omitempty"`
	Started      time.Time    `json:"started,omitzero"`
	LastContact  time.Time    `json:"last_contact,omitzero"`
	Op           string       `json:"op,omitempty"`
	OpDeadline   time.Time    `json:"op_deadline,omitzero"`
	Memo         session.Memo `json:"memo,omitzero"`
	Written      time.Time    `json:"written,omitzero"`
	SecretHash   string       `json:"secret_hash,omitempty"`
	SettingsHash string       `json:"settings_hash,omitempty"`
	ProvenHash   string       `json:"proven_hash,omitempty"`
	Sequence     uint64       `json:"sequence,omitempty"`
	Generation   uint64       `json:"generation,omitempty"`
	SignIns      uint64       `json:"sign_ins,omitempty"`
}

func encodeRecord(r session.Record) ([]byte, error) {
	data, err := json.Marshal(record{
		Version: recordVersion, Key: []byte(r.Key.Reveal()),
		Started: r.Started.UTC(), LastContact: r.LastContact.UTC(),
		Op: r.Intent.Op.String(), OpDeadline: r.Intent.Deadline.UTC(), Memo: memoUTC(r.Memo), Written: r.Written.UTC(),
		SecretHash: r.SecretHash, SettingsHash: r.SettingsHash, ProvenHash: r.ProvenHash,
		Sequence: r.Sequence, Generation: r.Generation, SignIns: r.SignIns,
	})
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	return data, nil
}

// memoUTC leaves the caller's slice alone.
func memoUTC(m session.Memo) session.Memo {
	m.Until, m.NextAt = m.Until.UTC(), m.NextAt.UTC()
	m.OrphanUntil, m.OwnUntil = m.OrphanUntil.UTC(), m.OwnUntil.UTC()
	forced := m.Forced
	m.Forced = nil
	for _, at := range forced {
		m.Forced = append(m.Forced, at.UTC())
	}
	return m
}

func decodeRecord(data []byte) (session.Record, error) {
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return session.Record{}, fmt.Errorf("decode record: %w", err)
	}
	if r.Version != recordVersion {
		return session.Record{}, fmt.Errorf("decode record: version %d, this program reads %d", r.Version, recordVersion)
	}
	op, err := parseOp(r.Op)
	if err != nil {
		return session.Record{}, err
	}
	out := session.Record{
		Started: r.Started, LastContact: r.LastContact,
		Intent: session.Intent{Op: op, Deadline: r.OpDeadline}, Memo: memoUTC(r.Memo), Written: r.Written,
		SecretHash: r.SecretHash, SettingsHash: r.SettingsHash, ProvenHash: r.ProvenHash,
		Sequence: r.Sequence, Generation: r.Generation, SignIns: r.SignIns,
	}
	if len(r.Key) > 0 {
		out.Key = session.NewKey(r.Key)
	}
	return out, nil
}

func parseOp(name string) (session.Op, error) {
	for _, op := range []session.Op{session.OpNone, session.OpSignIn, session.OpSignOut} {
		if op.String() == name {
			return op, nil
		}
	}
	return 0, fmt.Errorf("decode record: unknown operation %q", name)
}
