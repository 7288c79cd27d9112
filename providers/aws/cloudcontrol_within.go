package aws

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol/types"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// This file is about types that are listed within something else, and about those that can't be tagged.
// Of the second, a read says nothing of whose a resource is: that follows from what definitions ask for,
// and here a write only proves that the resource is still the one that was recognised.

// An inside is the driver of a type that is listed within something, by some of its properties.
type inside struct{ *cloudControl }

// ObserveWithin costs ⌈resources / 100⌉ ListResources for each of within, and a GetResource for each resource.
// https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/resource-operations-list.html
func (d inside) ObserveWithin(ctx context.Context, scope resource.Scope, fleet string, within []resource.Attributes) ([]resource.Observed, error) {
	models := map[string]bool{}
	for _, one := range within {
		model := map[string]any{}
		for _, name := range d.kind.Within {
			if !one[name].IsSet() || !one[name].Known() {
				return nil, fmt.Errorf("list %s of %s: nothing says by which %s", d.Name, scope, name)
			}
			model[name] = plain(one[name])
		}
		text, err := json.Marshal(model)
		if err != nil {
			return nil, fmt.Errorf("list %s of %s: %w", d.Name, scope, err)
		}
		models[string(text)] = true
	}
	return d.observe(ctx, scope, fleet, slices.Sorted(maps.Keys(models))...)
}

// bare reads all resources of a type that can't be tagged. They have no address but their kind.
func (d *cloudControl) bare(ctx context.Context, scope resource.Scope, models []string) ([]resource.Observed, error) {
	client, err := d.clients.in(ctx, scope)
	if err != nil {
		return nil, err
	}
	listed, err := d.list(ctx, client, scope, models)
	if err != nil {
		return nil, err
	}
	return each(ctx, slices.Sorted(maps.Keys(listed)), func(ctx context.Context, id string) (resource.Observed, error) {
		properties, err := d.get(ctx, client, "read", id)
		if err != nil {
			return resource.Observed{}, err
		}
		return d.plainly(resource.Observed{Address: resource.Address{Kind: d.Name}, Scope: scope, ID: id}, properties)
	})
}

// plainly is what the properties of a resource say whose address is known from elsewhere, or isn't.
func (t typed) plainly(as resource.Observed, properties map[string]any) (resource.Observed, error) {
	attributes, err := resource.AttributesOf(t.attributes(properties))
	if err != nil {
		return resource.Observed{}, fmt.Errorf("read %s: %w", as.ID, err)
	}
	return resource.Observed{
		Address: as.Address, Scope: as.Scope, Fleet: as.Fleet, ID: as.ID,
		Attributes: t.kind.Canonical(attributes), Outputs: t.outputs(as.Scope, as.ID, properties),
	}, nil
}

// still is the guard before every write of what can't be tagged: what was read just now is what was
// recognised as ours before, by all that tells it apart and can't be changed.
func (d *cloudControl) still(operation string, have resource.Observed, properties map[string]any) error {
	now, err := d.plainly(have, properties)
	if err != nil {
		return err
	}
	for _, path := range d.kind.Fixed() {
		if before, after := have.Attributes.At(path), now.Attributes.At(path); !after.Equal(before) {
			return notOurs(operation+" "+d.Name, have.ID, fmt.Sprintf("it is another one by now: %s was %q and is %q", path, before, after))
		}
	}
	return nil
}

// adoptBare takes over what exists, if it is what the definition asks for by all that tells it apart.
func (d *cloudControl) adoptBare(want resource.Desired, fleet string, properties map[string]any) (resource.Observed, error) {
	have, err := d.plainly(resource.Observed{Address: want.Address, Scope: want.Scope, Fleet: fleet, ID: want.Adopt}, properties)
	if err != nil {
		return resource.Observed{}, err
	}
	wanted := d.kind.Canonical(want.Attributes)
	for _, path := range d.kind.Identity {
		if asked, is := wanted.At(path), have.Attributes.At(path); asked.IsSet() && !resource.Alike(asked, is) {
			return resource.Observed{}, notOurs("adopt "+d.Name, want.Adopt, fmt.Sprintf("its %s is %q, and Git asks for %q", path, is, asked))
		}
	}
	return have, nil
}

// nobodys is the error of a create of what is there already and can't be tagged.
func nobodys(want resource.Desired, id string) error {
	return fmt.Errorf("create %s: it exists already as %s, and nothing says that it is ours; to take it over, say adopt: %q in its definition: %w",
		want.Address, cmp.Or(id, "something that AWS doesn't name"), cmp.Or(id, "ITS ID"), providers.ErrNotOurs)
}

// begun returns nil if Cloud Control knows of a create that made, or is making, what has an identifier:
// asked again with the same token, it says whether that was ours.
func (d *cloudControl) begun(ctx context.Context, client *cloudcontrol.Client, want resource.Desired, id string) error {
	events, err := d.creates(ctx, client)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(events, func(e types.ProgressEvent) bool { return str(e.Identifier) == id }) {
		return nobodys(want, id)
	}
	return nil
}

// creates are the creates of the type that Cloud Control has succeeded with within the last week, or is
// still at.
// https://docs.aws.amazon.com/cloudcontrolapi/latest/APIReference/API_ListResourceRequests.html
func (d *cloudControl) creates(ctx context.Context, client *cloudcontrol.Client) ([]types.ProgressEvent, error) {
	pages := cloudcontrol.NewListResourceRequestsPaginator(client, &cloudcontrol.ListResourceRequestsInput{ResourceRequestStatusFilter: &types.ResourceRequestStatusFilter{
		Operations:        []types.Operation{types.OperationCreate},
		OperationStatuses: []types.OperationStatus{types.OperationStatusPending, types.OperationStatusInProgress, types.OperationStatusSuccess},
	}})
	var out []types.ProgressEvent
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list the requests for", d.Name, err)
		}
		for _, e := range page.ResourceRequestStatusSummaries {
			if str(e.TypeName) == d.Name {
				out = append(out, e)
			}
		}
	}
	return out, nil
}

// earlier finds what became of an earlier create under the same mark that asked for something else: the
// resource that it made, or an error while it is still at it. Without either it has failed.
func (d *cloudControl) earlier(ctx context.Context, client *cloudcontrol.Client, want resource.Desired) (string, error) {
	events, err := d.creates(ctx, client)
	if err != nil {
		return "", d.open(true, err)
	}
	for _, e := range events {
		if !ended(&e) {
			return "", d.open(true, fmt.Errorf("create %s: an earlier create, maybe of it, is still under way (request %s): %w", want.Address, str(e.RequestToken), providers.ErrPending))
		}
	}
	for _, e := range events {
		id := str(e.Identifier)
		properties, err := d.get(ctx, client, "read", id)
		if errors.Is(err, providers.ErrGone) {
			continue
		}
		if err != nil {
			return "", d.open(true, err)
		}
		if d.isWanted(want, id, properties) {
			return id, nil
		}
	}
	return "", nil
}

// isWanted tells whether a resource is what a create asks for, by its mark or by what tells it apart.
func (d *cloudControl) isWanted(want resource.Desired, id string, properties map[string]any) bool {
	if len(d.kind.Identity) == 0 {
		m, ok := d.tags(properties).mark()
		return ok && m.address == want.Address && m.nonce == want.Nonce
	}
	want.Adopt = id
	_, err := d.adoptBare(want, "", properties)
	return err == nil
}
