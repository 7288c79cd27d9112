package schema

// files holds what was read of a fleet, for rendering.
type files struct{}
