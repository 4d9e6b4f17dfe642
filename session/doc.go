// Package session is one agent's life as values: who it is, what a platform can
// do for it, what may go wrong, and the pure machine that decides what comes
// next. It starts no goroutine, takes no lock and does no I/O; package
// session/keeper drives it.
//
// # The cycle
//
// A driver asks [Machine.Next] for an [Action], carries it out, and hands the
// [Outcome] of that action to the next call:
//
//	sign in ──ok──▶ next ──ok──▶ next ──lost──▶ (wait) ──▶ sign in
//	   │ refused       │ outage
//	   ▼               ▼
//	 park          wait, next          (a live session is never thrown away)
//
// One action is outstanding at a time and every action needs the outcome of
// the one before, so two operations of one agent cannot overlap.
//
// # What must be durable before what is sent
//
//   - the [Intent] of a sign-in or sign-out, before its request leaves;
//   - the [Key] of a session, after a sign-in and after every answer that
//     changed it, before the session's next request leaves;
//   - the machine's [Memo] (doubt, parking, budgets, next try) together with
//     the outcome that changed it, before the next action.
package session
