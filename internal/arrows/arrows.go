// Package arrows holds the structure of the project in place: who may import whom. It has no code
// of its own, only the test.
package arrows
