package leeway

// LookAtNetwork has the runtime look at the network soon, if a processor is idle. A work calls it after each time that it may
// have waited for the network: the thread that waits there for all of them goes on with the one whose data came, or has the thread do so
// that belongs to him. Nobody takes its place until some goroutine becomes ready to run, or ten milliseconds have passed, in which
// queries find nobody although processors are idle.
func LookAtNetwork() {
	// For a goroutine that is ready to run the runtime wakes up a processor, which then has nothing to do but look.
	go func() {}()
}
