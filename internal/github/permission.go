package github

import "context"

// MayWrite tells whether a login may push to the repository.
func (c *Client) MayWrite(ctx context.Context, login string) (bool, error) {
	permission, err := c.Permission(ctx, login)
	return permission == "admin" || permission == "write", err
}
