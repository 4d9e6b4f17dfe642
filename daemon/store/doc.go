// Package store keeps what survives a restart: session keys, intents and
// doubt, parked agents, refusal budgets, people's overrides, and events. Its
// engine is NATS JetStream; one node runs the server inside its own process,
// on files that only the owner can read, and syncs every write before it is
// acknowledged. It listens only where [Options].Consumers opens the stream of
// events to other programs.
//
// # Layout
//
//	stream KV_keeper, the bucket "keeper", one value per key, no expiry:
//	  node.<node>              {"boot": …}; who runs, rewritten at every start
//	  shard.<0000..1023>       {"node": …, "boot": …}; its revision is the shard's token
//	  sess.<shard>.<agent>     an agent's record
//	  wish.<shard>.<agent>     a person's override
//	  gate.<platform>          a platform's lock-out budget
//	  hook.<shard>.<name>      a webhook's position
//	stream EVENTS, limited by age and size, the oldest go first:
//	  ev.<shard>.<agent>.<type>
//
// An agent's shard is the FNV-1a hash of its full name modulo 1024, fixed for
// the life of the directory. Names become one token each: letters, digits,
// "_", "-" and "/" stand for themselves, any other byte is "=" and two
// hexadecimal digits, so that "huawei.AgentState_Ready" is
// "huawei=2EAgentState_Ready".
//
// # Fences
//
// A process claims a shard by writing its key; the revision of that write is
// the token that the server checks on every later write about the shard's
// agents. Once another process has claimed the shard, the old owner's writes
// fail with [ErrFenced], whatever the clocks say. On one node the lock on the
// directory makes the same true earlier; the fences are there so that a
// cluster adds machines and not a second store.
//
// # Durability
//
// Save, Forget, SaveGate, SaveWish, SaveHook and Publish return nil when the write is on
// disk. When they return an error other than [ErrFenced], the outcome is
// unknown: the write may appear later, but never after a write that the same
// agent made afterwards. A deletion is a write of an empty value, never a
// purge: the server can bring purged values back after a crash.
//
// # Trouble
//
// A server that cannot write (a full disk, a lost mount) stops taking writes;
// every call then fails at once with [ErrUnavailable] and a supervisor
// restarts the server in place, with back-off, until it works. A directory
// that was torn by a crash is mended by the server; what it cannot read is
// moved aside to broken-<time> with one loud line in the log. Damage in the
// middle of a file is the file system's to prevent: the server silently drops
// what lies behind it in that file.
//
// # Goroutines
//
// A Store has one supervisor and, while the server runs, one committer per
// stream, which writes whatever queued up during its last commit as one atomic
// batch where that is cheaper by its own measurements. Close joins them.
package store
