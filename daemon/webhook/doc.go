// Package webhook posts the stored events to the programs that the
// configuration names: one hook, one task with a position of its own in the
// store, so that a slow or dead receiver delays nobody but itself.
//
// # Delivery
//
// At least once, in order per agent. A hook follows the stream and keeps what
// it has read and not delivered in a bounded window; each agent in it is a
// lane, whose first event is posted again and again until the receiver answers
// 2xx, and only then the next. Lanes are served side by side, up to the hook's
// `concurrent`. While the window is full nothing is read: what waits, waits in
// the stream.
//
// A request carries one event as structured CloudEvents JSON, exactly as it is
// stored, and is signed twice with HMAC-SHA256: as Standard Webhooks do, over
// id, time and body, and as X-Hub-Signature-256, over the body alone. The id is
// the event's own, so that repeats are known.
//
// # What an answer leads to
//
//	2xx           delivered
//	410           the hook stops, over restarts too, until its configuration
//	              changes or a person resumes it; what waits is kept as long as
//	              the stream keeps it
//	429           the whole hook pauses, then goes on with half the requests in
//	              flight and gains them back one by one
//	503 with Retry-After    the whole hook pauses so long
//	anything else, redirects and time-outs included    the lane waits, for as
//	              long as Retry-After says or by back-off, and tries again
//
// When three lanes in a row fail without a success between, the receiver is
// taken to be out: one request at a time goes as a canary, and its success
// releases the lanes that waited for it.
//
// # Position
//
// A hook stores the last position read and, of each lane in the window, the
// first position not delivered: what a restart repeats is what was delivered
// since the last write, a quarter of a second of it, and no agent's events change
// their order. A new hook begins with the events after it was configured. A
// hook that leaves the configuration keeps its position as long as events are
// kept, in case it comes back.
//
// # Dead letters
//
// An event that the stream's retention drops before it was delivered is a dead
// letter: counted per hook, logged and shown. So is one that the receiver refuses
// with 4xx again and again, so that it does not hold its agent's later events up:
// after five minutes where the receiver took another event meanwhile, after an
// hour where it took none and the status is about the event itself. And so is
// one that a person skips. The latest are kept with the position; the events
// themselves stay in the stream.
//
// # Goroutines
//
// Each hook has one that decides, one that follows the stream, one per request
// in flight, and one while it stores its position; [Hooks.Close] joins them.
package webhook
