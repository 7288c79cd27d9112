package reconciler

import (
	"context"
	"encoding/json"
	"fmt"
)

// recall reads what is kept as JSON under a key of State. What was never kept, or was empty, leaves the value as it
// is. What says in the error what was to be recalled.
func (d *Daemon) recall(ctx context.Context, key string, into any, what string) error {
	text, err := d.Reconciler.State.Get(ctx, key)
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), into)
	}
	if err != nil {
		return fmt.Errorf("recall %s: %w", what, err)
	}
	return nil
}

// remember keeps a value as JSON under a key of State. An empty list or map is kept as nothing.
func (d *Daemon) remember(ctx context.Context, key string, value any, what string) error {
	text, err := json.Marshal(value)
	if s := string(text); s == "{}" || s == "[]" || s == "null" {
		text = nil
	}
	if err == nil {
		err = d.Reconciler.State.Put(ctx, key, string(text))
	}
	if err != nil {
		return fmt.Errorf("remember %s: %w", what, err)
	}
	return nil
}
