package work

// States lists every state, in the order in which people are shown them.
func States() []State { return []State{Ready, Offered, Talking, WrapUp, Busy, Rest, Unknown} }

// Able reports whether calls come, now or after the one that there is.
func (s State) Able() bool { return s.InCall() || s == Ready || s == WrapUp }

// NotReady reports whether an agent that is signed in gets no calls: it is busy or
// rests, or nobody knows what it does although it is wished ready.
func (s Shown) NotReady() bool {
	if s.State == "" || s.State == Unknown {
		return s.Wish == WishReady
	}
	return !s.State.Able()
}
