package aws

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// This file gives resources another address: one tag is written, and nothing else. What every service
// has in common is in remark; what differs is how a tag is set.

// remark changes the mark of a resource from the address that have carries to another one. It was done
// already if it carries that one; if it carries any third, or none, the error is ErrNotOurs.
func remark(ctx context.Context, d providers.Refresher, have resource.Observed, to resource.Address, set func(tags tagged) error) (resource.Observed, error) {
	now, err := d.Refresh(ctx, have)
	if errors.Is(err, providers.ErrNotOurs) {
		done := have
		done.Address = to
		if now, doneErr := d.Refresh(ctx, done); doneErr == nil {
			return now, nil
		}
	}
	if err != nil {
		return resource.Observed{}, err
	}
	if err := set(tagged{tagAddress: to.String()}); err != nil {
		return resource.Observed{}, err
	}
	now.Address = to
	return now, nil
}

// Move gives the bucket another address. S3 sets all tags at once.
func (d *bucket) Move(ctx context.Context, have resource.Observed, to resource.Address) (resource.Observed, error) {
	return remark(ctx, d, have, to, func(mark tagged) error {
		client, err := d.clients.in(ctx, have.Scope)
		if err != nil {
			return err
		}
		tags, err := d.owned(ctx, client, "move bucket", have)
		if err != nil {
			return err
		}
		return d.putTags(ctx, client, have.Scope, have.ID, tags.with(mark, nil))
	})
}

// Move gives the role another address.
func (d *role) Move(ctx context.Context, have resource.Observed, to resource.Address) (resource.Observed, error) {
	return remark(ctx, d, have, to, func(mark tagged) error {
		client, err := d.clients.in(ctx, have.Scope)
		if err != nil {
			return err
		}
		_, err = client.TagRole(ctx, &iam.TagRoleInput{RoleName: &have.ID, Tags: toRoleTags(mark)})
		return failed("move role", have.ID, err)
	})
}

// Move gives the key another address. Its nonce and its alias stay.
func (d *key) Move(ctx context.Context, have resource.Observed, to resource.Address) (resource.Observed, error) {
	return remark(ctx, d, have, to, func(mark tagged) error {
		client, err := d.clients.in(ctx, have.Scope)
		if err != nil {
			return err
		}
		return tagKey(ctx, client, have.ID, mark)
	})
}

// Move gives the log group another address.
func (d *logGroup) Move(ctx context.Context, have resource.Observed, to resource.Address) (resource.Observed, error) {
	return remark(ctx, d, have, to, func(mark tagged) error {
		client, err := d.clients.in(ctx, have.Scope)
		if err != nil {
			return err
		}
		return d.setTags(ctx, client, have, mark, nil)
	})
}

// Move gives the alarm another address.
func (d *alarm) Move(ctx context.Context, have resource.Observed, to resource.Address) (resource.Observed, error) {
	return remark(ctx, d, have, to, func(mark tagged) error {
		client, err := d.clients.in(ctx, have.Scope)
		if err != nil {
			return err
		}
		return d.setTags(ctx, client, have, mark, nil)
	})
}

// Move gives the topic another address.
func (d *topic) Move(ctx context.Context, have resource.Observed, to resource.Address) (resource.Observed, error) {
	return remark(ctx, d, have, to, func(mark tagged) error {
		client, err := d.clients.in(ctx, have.Scope)
		if err != nil {
			return err
		}
		return d.setTags(ctx, client, have.ID, mark, nil)
	})
}

// Move gives the queue another address.
func (d *queue) Move(ctx context.Context, have resource.Observed, to resource.Address) (resource.Observed, error) {
	return remark(ctx, d, have, to, func(mark tagged) error {
		client, err := d.clients.in(ctx, have.Scope)
		if err != nil {
			return err
		}
		return d.setTags(ctx, client, have.ID, mark, nil)
	})
}

// Move gives the secret another address.
func (d *secret) Move(ctx context.Context, have resource.Observed, to resource.Address) (resource.Observed, error) {
	return remark(ctx, d, have, to, func(mark tagged) error {
		client, err := d.clients.in(ctx, have.Scope)
		if err != nil {
			return err
		}
		return d.setMark(ctx, client, have.ID, mark)
	})
}
