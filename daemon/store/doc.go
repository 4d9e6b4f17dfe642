// Package store keeps what survives a restart: session keys, intents and
// doubt, parked agents, refusal budgets, people's overrides, and events. The
// daemon opens one [Store]; the fleet, the webhooks and the events' readers use
// parts of it by interfaces of their own, and store/storetest stands in for it
// in tests. It knows agents by name and record only (package session). Its
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
//	  gate.<address>           a platform's lock-out budget
//	  platform.<platform>      what signs its agents out when it is configured no longer
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
// Put, Save, Forget and Publish return nil when the write is on disk. When they
// return an error other than [ErrFenced], the outcome is unknown: the write may
// appear later, but never after a write that the same agent made afterwards. A
// deletion is a write of an empty value, never a purge: the server can bring
// purged values back after a crash.
//
// # Trouble
//
// A server that cannot write (a full disk, a lost mount) stops taking writes;
// every call then fails at once with [ErrUnavailable] and a supervisor
// restarts the server in place, with back-off, until it works. Open succeeds on
// such a disk, too, with the records as their second copy has them.
//
// # Damage
//
// The server drops whatever lies behind a damaged byte of its files, and gives
// older values back for it, without a word. So every record is kept twice. The
// file records.journal gets a line for each write that the server has
// acknowledged; every start of the server compares the two and writes again
// what one of them lost. Each line has sums of its own, so that one damaged
// byte costs one line of one copy. Events are kept once; the file events.mark
// tells how far they had come, so that it is known when some are gone. Both
// streams' files are read before the server reads them, and damaged bytes are cut
// out, so that one costs what it belonged to and not all behind it.
// [Store.Damage] tells what was found. A stream that the server cannot open at
// all is moved aside to broken-<time>.
//
// # Files that somebody removes
//
// The server goes on writing to files that were removed. So the directory and
// the streams' files are compared with what this process holds, now and then
// and before an acknowledgement; where they differ, writes fail with
// [ErrUnavailable], and the supervisor takes the directory that lies under the
// name then, if nobody else has it, and fills it with the records that this
// process holds. The directory itself is locked, the file "lock" in it for file
// systems that lock no directories, and a name in the network namespace, made
// of the directory's path, keeps a second process out of a directory that was
// replaced.
//
// # Goroutines
//
// A Store has one supervisor and, while the server runs, one committer per
// stream, which writes whatever queued up during its last commit as one atomic
// batch where that is cheaper by its own measurements. Close joins them.
package store
