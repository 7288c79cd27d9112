//go:build race

package evaluate

// detector tells that the race detector is built in. It reserves address space by the terabyte, so that
// a limit on that ends the process at once.
const detector = true
