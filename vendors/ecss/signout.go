package ecss

import (
	"context"
	"errors"
	"os"
	"time"

	"agentkeeper/vendors/ecss/socket"
)

// logoutLimit is how long an answer to a logout is waited for. The action is
// not documented, so that none may ever come.
const logoutLimit = 5 * time.Second

// SignOut sends the logout action and closes the websocket. The close is the
// sign-out that counts: whatever the platform answers to the action, nil means
// that the close left, or that the platform closed in answer to the logout.
// Lost means that the socket was gone before, Doubt that nothing could be sent
// in time. The session is over in every case. It takes 7 s at most.
func (l *live) SignOut(ctx context.Context) error {
	l.turning.Lock()
	defer l.turning.Unlock()
	defer l.endCommands()
	if l.lost != nil {
		return l.lost
	}
	asked, err := l.askLogout(ctx, within(ctx, logoutLimit+closeLimit).Add(-closeLimit))
	if err == nil {
		err = l.conn.Close(socket.CodeNormal, time.Now().Add(closeLimit))
	}
	_ = l.conn.CloseNow() // whatever happened, the session is over
	l.lost = ended(codeClosed, err)
	switch late := errors.Is(err, os.ErrDeadlineExceeded); {
	case err == nil, asked && !late:
		return nil
	case late:
		return ended(codeNoAnswer, err)
	}
	return l.lost
}

// askLogout sends the logout and waits for any answer to it. asked means that
// it left. No answer is no error; the end of the socket is.
func (l *live) askLogout(ctx context.Context, until time.Time) (asked bool, err error) {
	if l.options.logoutAction == "" {
		return false, nil
	}
	id := l.nextID()
	if err := l.conn.Write(request{l.options.logoutAction, id, struct{}{}}.encode(), until); err != nil {
		return false, err
	}
	for {
		m, err := l.conn.Read(ctx, until)
		switch {
		case errors.Is(err, socket.ErrIdle), ctx.Err() != nil:
			return true, nil //nolint:nilerr // it left; the answer is only waited for
		case err != nil:
			return true, err
		}
		e, ok := l.open(m)
		switch {
		case ok && e.hasID && e.id == id:
			return true, nil
		case ok && !l.answersCommand(e):
			l.keep(e)
		}
	}
}

// within returns the end of d from now, or ctx's deadline where that is sooner.
func within(ctx context.Context, d time.Duration) time.Time {
	at := time.Now().Add(d)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(at) {
		return deadline
	}
	return at
}
