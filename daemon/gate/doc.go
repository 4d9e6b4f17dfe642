// Package gate answers one question per platform: may this sign-in go now? A
// [Gate] decorates the adapter's session.Platform, so that there is no second
// road to a login: schedule, reload, retry, restart and a person's word all
// wait in the same queue, first come, first served.
//
// What an address counts against us it counts for all platforms that are reached
// there: a [Service], one for each host and port, holds the lock-out budget and
// the quarantine of its gates, and is what is stored.
//
// # What holds a sign-in back
//
// In this order, of which [Gate.Snapshot] names the first that applies:
//
//   - trouble of the store ([Gate.SetStore]), or a lock-out budget that could
//     not be saved: what the next process must know is durable before the next
//     sign-in goes;
//   - a quarantine;
//   - a trial: one sign-in goes alone and the rest wait for its answer. So it
//     is after an outage, after a quarantine, after a mass change of secrets,
//     while a failure is older than two seconds and nobody reached the platform
//     since, and when log-ins without an answer have used up the budget;
//   - Concurrent operations in flight; sign-outs come before sign-ins, are not
//     limited by rate and are never held for any other reason;
//   - the lock-out budget: refusals of late, unanswered log-ins and log-ins in
//     flight together stay below Failures, so wrong passwords tried at once
//     can never be more. A secret that has signed in before (Account.Proven) is
//     no such risk while others like it succeed: each success lets one more of
//     them be in flight, a refusal takes that back. Who has one passes those
//     that wait for this reason only;
//   - the rate: admissions are 1/Rate apart, without bursts.
//
// # What counts as refused
//
// Refusals of credentials (session.CauseCredential), of any account, from
// sign-ins and from renewals inside Next. At Failures of them within Within
// the platform is quarantined for Quiet. So it is when, within a minute of a
// refusal, the connections of two agents in a row, or of one for two seconds,
// are refused or vanish without an answer, or the adapter reports
// session.CauseBan: that is how a ban of our address looks. One sign-in ends a
// quarantine and the budget is whole again; its refusal, and a ban that shows
// itself again, begin a new one; an outage lets the next try wait for the
// back-off. Probes of agents that are in doubt wait, and go one at a time, like
// sign-ins; the answer to one neither ends a quarantine nor hurries its end.
//
// A log-in that was answered 403, or what else stands for a wrong password on
// one platform and for a ban on another (session.CauseForbidden), counts as
// refused and is not repeated. Where another account is served by the platform
// afterwards, or was within ten minutes before and none was turned away since,
// it is the account's: Refused, within about half a minute. Where nobody is, it
// looks like a ban and begins a quarantine, which ends early if another account
// is served after all.
//
// A log-in whose answer never came (session.Doubt, or a predecessor killed in
// between) may have been refused: it takes its part of the budget until some
// sign-in succeeds, and turns into a refusal's weight when one is refused.
//
// # When a platform is out
//
// When three agents in a row, or any for two seconds without a success in
// between, could not reach it by SignIn, Next or Probe (session.Outage and
// session.Doubt; not session.CauseStore, which never left this machine). A
// good sign-in, Next or Probe ends that, and so does every answer that only a
// working platform gives to a sign-in: Taken, Refused, Busy. Lost proves
// neither. Afterwards the queue drains by rate.
//
// # Time and goroutines
//
// Who waits for a turn waits as a session.Wait, and holds no goroutine: thousands
// stand in the queue after a start. The turn is used by the call that asks for it
// and is let through, so there is none that could be lost. The gate has no
// goroutine of its own and one timer, for the instant that may admit the head of a
// queue; every change pokes the heads, which look again. The mutex is never held
// over a save, a call or a wait.
package gate
