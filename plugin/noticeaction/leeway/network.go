package leeway

// LookAtNetwork has the runtime look at the network soon, if a processor is idle. A work calls it after each time that it may
// have waited for the network: the thread that waits there for all of them goes on with the one whose data came, or has the thread do so
// that belongs to him. Nobody takes its place until some goroutine becomes ready to run, or ten to twenty milliseconds have passed, in
// which queries find nobody although processors are idle. It may be called concurrently.
func LookAtNetwork() {
	// For a goroutine that is ready to run the runtime wakes up a processor, which looks when it finds nothing more to run.
	go func() {}()
}
