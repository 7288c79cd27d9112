//go:build !race

package evaluate

// detector tells that the race detector is built in.
const detector = false
