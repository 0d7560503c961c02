// Package pause waits for very short times, as a thread does that waits for
// another one's next store: too short to sleep, and not to be spent on taking
// the core's units from the sibling thread that it waits for.
package pause
