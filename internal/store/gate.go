package store

import "context"

// gate is a lock that can be waited for until a context ends.
type gate chan struct{}

func newGate() gate { return make(gate, 1) }

// enter takes the lock. After an error, which is the context's, it is not held.
func (g gate) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g gate) leave() { <-g }
