package work

import "container/heap"

// queue holds the agents by the time at which their machines are asked again.
type queue struct{ heap byDue }

// put takes the agent in, moves it, or, where it has no time, out.
func (q *queue) put(a *agent) {
	switch {
	case a.due.IsZero():
		q.remove(a)
	case a.place < 0:
		heap.Push(&q.heap, a)
	default:
		heap.Fix(&q.heap, a.place)
	}
}

func (q *queue) remove(a *agent) {
	if a.place >= 0 {
		heap.Remove(&q.heap, a.place)
	}
}

// first returns the agent whose time comes first, nil where there is none.
func (q *queue) first() *agent {
	if len(q.heap) == 0 {
		return nil
	}
	return q.heap[0]
}

// byDue implements heap.Interface.
type byDue []*agent

func (h byDue) Len() int           { return len(h) }
func (h byDue) Less(i, j int) bool { return h[i].due.Before(h[j].due) }

func (h byDue) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *byDue) Push(x any) {
	a, ok := x.(*agent)
	if !ok {
		return
	}
	a.place = len(*h)
	*h = append(*h, a)
}

func (h *byDue) Pop() any {
	old := *h
	a := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	a.place = -1
	return a
}
