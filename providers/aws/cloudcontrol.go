package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"

	"tenantry.dev/internal/awstypes"
	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// cloudControl drives every resource type that AWS Cloud Control can make, list and tag, by what AWS
// publishes about the type. There is one per type, and no Go for any.
// https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/what-is-cloudcontrolapi.html
type cloudControl struct {
	typed
	sessions *sessions
	clients  *pool[*cloudcontrol.Client]
}

// newTypeDriver returns the driver of a type with the abilities that the type allows.
func newTypeDriver(s *sessions, clients *pool[*cloudcontrol.Client], t awstypes.Type) (providers.Driver, error) {
	d, err := newCloudControl(s, clients, t)
	switch {
	case err != nil:
		return nil, err
	case len(d.kind.Within) > 0:
		return inside{d}, nil
	case len(d.kind.Identity) > 0:
		return d, nil
	}
	return whole{d}, nil
}

// newCloudControl returns what the drivers of all types have in common. Types that can't be managed are
// refused with the reason.
func newCloudControl(s *sessions, clients *pool[*cloudcontrol.Client], t awstypes.Type) (*cloudControl, error) {
	if lack := t.Lacks(); lack != "" {
		return nil, fmt.Errorf("%s %s", t.Name, lack)
	}
	typed, err := newTyped(t)
	if err != nil {
		return nil, err
	}
	return &cloudControl{typed: typed, sessions: s, clients: clients}, nil
}

func newCloudControlPool(s *sessions) *pool[*cloudcontrol.Client] {
	return newPool(s, func(c aws.Config) *cloudcontrol.Client { return cloudcontrol.NewFromConfig(c) })
}

// Kind describes the type.
func (d *cloudControl) Kind() resource.Kind { return d.kind }

// Observe costs ⌈resources of the type in the scope / 100⌉ ListResources + resources × GetResource; each of
// those calls the service itself as often as the type's handler does. Of what the list shows with
// tags, only ours is read. Of a type that can't be tagged everything is.
// https://docs.aws.amazon.com/cloudcontrolapi/latest/APIReference/API_ListResources.html
func (d *cloudControl) Observe(ctx context.Context, scope resource.Scope, fleet string) ([]resource.Observed, error) {
	if len(d.kind.Within) > 0 {
		return nil, fmt.Errorf("list %s of %s: it is listed by %s only", d.Name, scope, strings.Join(d.kind.Within, ", "))
	}
	return d.observe(ctx, scope, fleet, "")
}

// observe lists what the models of resources say, the empty one being everything, and reads it.
func (d *cloudControl) observe(ctx context.Context, scope resource.Scope, fleet string, models ...string) ([]resource.Observed, error) {
	if len(d.kind.Identity) > 0 {
		return d.bare(ctx, scope, models)
	}
	return scanner(func(ctx context.Context, scope resource.Scope, s search) ([]sighting, error) {
		return d.scan(ctx, scope, s, models)
	}).ours(ctx, scope, d.kind, fleet)
}

// A whole is the driver of a type that is listed as a whole and tagged: all there is can be surveyed.
type whole struct{ *cloudControl }

// Survey costs ⌈resources of the type in the scope / 100⌉ ListResources + resources × GetResource.
func (d whole) Survey(ctx context.Context, scope resource.Scope) ([]providers.Found, error) {
	return scanner(func(ctx context.Context, scope resource.Scope, s search) ([]sighting, error) {
		return d.scan(ctx, scope, s, []string{""})
	}).everything(ctx, scope, d.kind)
}

func (d *cloudControl) scan(ctx context.Context, scope resource.Scope, s search, models []string) ([]sighting, error) {
	client, err := d.clients.in(ctx, scope)
	if err != nil {
		return nil, err
	}
	listed, err := d.list(ctx, client, scope, models)
	if err != nil {
		return nil, err
	}
	return each(ctx, slices.Sorted(maps.Keys(listed)), func(ctx context.Context, id string) (sighting, error) {
		// No tags in a list may only mean that the list doesn't read them.
		if tags := d.tags(listed[id]); len(tags) > 0 {
			if _, wanted := s.wants(tags); !wanted {
				return sighting{}, notOurs("read", id, "another fleet's, or nobody's")
			}
		}
		var properties map[string]any
		return s.sight(id,
			func() (tagged, error) {
				var err error
				properties, err = d.get(ctx, client, "read", id)
				return d.tags(properties), err
			},
			func(tags tagged) (resource.Observed, error) { return d.seen(scope, id, properties, tags) })
	})
}

// list returns what there is by identifier, with as much of each as the service's list says.
func (d *cloudControl) list(ctx context.Context, client *cloudcontrol.Client, scope resource.Scope, models []string) (map[string]map[string]any, error) {
	listed := map[string]map[string]any{}
	for _, model := range models {
		in := &cloudcontrol.ListResourcesInput{TypeName: &d.Name, MaxResults: aws.Int32(100)}
		if model != "" {
			in.ResourceModel = &model
		}
		pages := cloudcontrol.NewListResourcesPaginator(client, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err = failed("list "+d.Name+" of", scope.String(), err); model != "" && errors.Is(err, providers.ErrGone) {
				break // what it would lie in is gone
			}
			if err != nil {
				return nil, err
			}
			for _, r := range page.ResourceDescriptions {
				properties, err := readProperties(str(r.Properties))
				if err != nil {
					return nil, failed("list "+d.Name+" of", scope.String(), err)
				}
				listed[str(r.Identifier)] = properties
			}
		}
	}
	return listed, nil
}

// get reads one resource.
func (d *cloudControl) get(ctx context.Context, client *cloudcontrol.Client, operation, id string) (map[string]any, error) {
	out, err := client.GetResource(ctx, &cloudcontrol.GetResourceInput{TypeName: &d.Name, Identifier: &id})
	if err != nil {
		return nil, failed(operation+" "+d.Name, id, err)
	}
	if out.ResourceDescription == nil {
		return nil, gone(operation+" "+d.Name, id)
	}
	properties, err := readProperties(str(out.ResourceDescription.Properties))
	if err != nil {
		return nil, failed(operation+" "+d.Name, id, err)
	}
	return properties, nil
}

// checked reads a resource and proves that it is ours, right before it is written. What can't be tagged
// is proved to be still what was recognised.
func (d *cloudControl) checked(ctx context.Context, operation string, have resource.Observed) (*cloudcontrol.Client, map[string]any, tagged, error) {
	client, err := d.clients.in(ctx, have.Scope)
	if err != nil {
		return nil, nil, nil, err
	}
	properties, err := d.get(ctx, client, operation, have.ID)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(d.kind.Identity) > 0 {
		return client, properties, nil, d.still(operation, have, properties)
	}
	tags := d.tags(properties)
	return client, properties, tags, tags.require(operation+" "+d.Name, have.ID, have.Fleet, have.Address)
}

// shown is what a read of a resource of ours says.
func (d *cloudControl) shown(have resource.Observed, properties map[string]any, tags tagged) (resource.Observed, error) {
	if len(d.kind.Identity) > 0 {
		return d.plainly(have, properties)
	}
	return d.seen(have.Scope, have.ID, properties, tags)
}

// Refresh reads one resource again.
func (d *cloudControl) Refresh(ctx context.Context, have resource.Observed) (resource.Observed, error) {
	_, properties, tags, err := d.checked(ctx, "read", have)
	if err != nil {
		return resource.Observed{}, err
	}
	return d.shown(have, properties, tags)
}

// Create asks for the resource with all its properties and tags under a token that is made of what
// is asked for, so that asking again is answered with what became of the first time. While the
// service is still at it, the error is ErrPending. What exists by the name already is finished,
// provided that it is ours.
func (d *cloudControl) Create(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	client, err := d.clients.in(ctx, want.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	attributes := d.kind.Canonical(want.Attributes)
	properties := d.properties(attributes)
	if id, known := d.typed.identifier(properties); known {
		if _, err := d.get(ctx, client, "create", id); err == nil {
			if len(d.kind.Identity) == 0 {
				return d.finish(ctx, want, fleet, id)
			}
			if err := d.begun(ctx, client, want, id); err != nil {
				return resource.Observed{}, err
			}
		} else if !errors.Is(err, providers.ErrGone) {
			return resource.Observed{}, err
		}
	}
	if d.Marked() {
		properties[d.Tagging.Property] = d.tagValue(marked(usersOf(attributes), fleet, want.Address, want.Nonce))
	}
	state, err := json.Marshal(properties)
	if err != nil {
		return resource.Observed{}, fmt.Errorf("create %s: %w", want.Address, err)
	}
	id, err := d.request(ctx, client, want, string(state))
	if errors.Is(err, errExists) {
		return d.there(ctx, want, fleet, id, properties, err)
	}
	if err != nil {
		return resource.Observed{ID: id}, err // with an id, something was made
	}
	made, err := d.get(ctx, client, "read the new", id)
	if err != nil {
		return resource.Observed{ID: id}, existing("create "+d.Name, id, err)
	}
	return d.shown(resource.Observed{Address: want.Address, Scope: want.Scope, Fleet: fleet, ID: id}, made, d.tags(made))
}

// there goes on with a create of what exists already: it is finished if it is ours.
func (d *cloudControl) there(ctx context.Context, want resource.Desired, fleet, id string, properties map[string]any, exists error) (resource.Observed, error) {
	if known, ok := d.typed.identifier(properties); ok && id == "" {
		id = known
	}
	switch {
	case id == "":
		return resource.Observed{}, exists
	case len(d.kind.Identity) == 0:
		return d.finish(ctx, want, fleet, id)
	case !errors.Is(exists, errEarlier):
		return resource.Observed{}, nobodys(want, id)
	}
	have, err := d.Refresh(ctx, resource.Observed{Address: want.Address, Scope: want.Scope, Fleet: fleet, ID: id, Attributes: d.kind.Canonical(want.Attributes)})
	if err != nil {
		return resource.Observed{ID: id}, err
	}
	return d.Update(ctx, have, want)
}

// usersOf are the tags that Git asks for: a map of texts, by the definition.
func usersOf(attributes resource.Attributes) map[string]string {
	var users map[string]string
	_ = json.Unmarshal([]byte(attributes[attributeTags].Reveal()), &users)
	return users
}

// finish brings what exists to what is wanted, if it is ours.
func (d *cloudControl) finish(ctx context.Context, want resource.Desired, fleet, id string) (resource.Observed, error) {
	return d.Update(ctx, resource.Observed{Address: want.Address, Scope: want.Scope, Fleet: fleet, ID: id}, want)
}

// Update sends a patch of what differs from what is there now and was asked for. What is never read
// back goes with every patch.
func (d *cloudControl) Update(ctx context.Context, have resource.Observed, want resource.Desired) (resource.Observed, error) {
	client, properties, tags, err := d.checked(ctx, "update", have)
	if err != nil {
		return resource.Observed{}, err
	}
	attributes := d.kind.Canonical(want.Attributes)
	patch := d.patch(properties, attributes, want)
	if set, remove := tags.change(usersOf(attributes)); d.Marked() && len(set)+len(remove) > 0 {
		patch = append(patch, awstypes.Operation{Op: "add", Path: "/" + d.Tagging.Property, Value: d.tagValue(tags.with(set, remove).writable())})
	}
	if err := d.send(ctx, client, "update", have, patch); err != nil {
		return resource.Observed{}, err
	}
	now, err := d.get(ctx, client, "read the updated", have.ID)
	if err != nil {
		return resource.Observed{}, err
	}
	return d.shown(have, now, d.tags(now))
}

// patch brings the properties to what is wanted of them. What Git doesn't ask for any more is removed;
// what AWS filled in stays. What is never read back goes along with anything else, since a service
// that gets none of it may drop it, and by itself if it isn't known to be there.
func (d *cloudControl) patch(properties map[string]any, attributes resource.Attributes, want resource.Desired) []awstypes.Operation {
	dropped := slices.DeleteFunc(slices.Clone(want.Dropped), func(keys []string) bool { return at(properties, keys) == nil })
	if len(d.differences(properties, attributes, true))+len(dropped)+len(want.Missing) == 0 {
		return nil
	}
	out := d.differences(properties, attributes, false)
	for _, keys := range dropped {
		path := awstypes.Pointer(keys)
		if !slices.ContainsFunc(out, func(op awstypes.Operation) bool { return path == op.Path || strings.HasPrefix(path, op.Path+"/") }) {
			out = append(out, awstypes.Operation{Op: "remove", Path: path})
		}
	}
	return out
}

// differences are the operations that bring properties to what is wanted. hidden takes what is never
// read back as there.
func (d *cloudControl) differences(properties map[string]any, want resource.Attributes, hidden bool) []awstypes.Operation {
	var out []awstypes.Operation
	for _, a := range d.kind.Attributes {
		if a.Name == attributeTags || a.Immutable {
			continue
		}
		field, wanted := d.shape.Fields[a.Name], plain(want[a.Name])
		var applied any
		if hidden {
			applied = wanted
		}
		out = append(out, field.Patch("/"+a.Name, field.Asked(field.Normal(properties[a.Name]), wanted, applied), wanted)...)
	}
	return out
}

// Delete removes the resource. What is gone is no error.
func (d *cloudControl) Delete(ctx context.Context, have resource.Observed) error {
	if d.kind.DataBearing {
		return holdsData(have)
	}
	client, _, _, err := d.checked(ctx, "delete", have)
	if errors.Is(err, providers.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.remove(ctx, client, have)
}

// Retire notes on the resource that it is out of service. Types that hold data and can't have that noted
// aren't managed.
func (d *cloudControl) Retire(ctx context.Context, have resource.Observed, since string) (resource.Observed, error) {
	return d.retag(ctx, "retire", have, func(tags tagged) tagged { return tags.with(tagged{tagRetired: since}, nil) })
}

// Move gives the resource another address. Of what can't be tagged, Git alone says what its address is.
func (d *cloudControl) Move(ctx context.Context, have resource.Observed, to resource.Address) (resource.Observed, error) {
	if len(d.kind.Identity) > 0 {
		now, err := d.Refresh(ctx, have)
		now.Address = to
		return now, err
	}
	return remark(ctx, d, have, to, func(mark tagged) error {
		_, err := d.retag(ctx, "move", have, func(tags tagged) tagged { return tags.with(mark, nil) })
		return err
	})
}

// retag changes nothing but tags.
func (d *cloudControl) retag(ctx context.Context, operation string, have resource.Observed, change func(tagged) tagged) (resource.Observed, error) {
	client, properties, tags, err := d.checked(ctx, operation, have)
	if err != nil {
		return resource.Observed{}, err
	}
	if !d.Tagging.Updatable {
		return resource.Observed{}, fixedTags(operation, have.ID)
	}
	after := change(tags)
	if !maps.Equal(after, tags) {
		patch := []awstypes.Operation{{Op: "add", Path: "/" + d.Tagging.Property, Value: d.tagValue(after.writable())}}
		if err := d.send(ctx, client, operation, have, patch); err != nil {
			return resource.Observed{}, err
		}
	}
	return d.seen(have.Scope, have.ID, properties, after)
}

// fixedTags is the error of what would have to change tags that can't be changed.
func fixedTags(operation, id string) error {
	return fmt.Errorf("%s %s: AWS doesn't let its tags be changed: %w", operation, id, providers.ErrNotOurs)
}

// Adopt puts our mark on a resource that carries none. What can't be tagged is adopted by being what
// the definition asks for.
func (d *cloudControl) Adopt(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	client, err := d.clients.in(ctx, want.Scope)
	if err != nil {
		return resource.Observed{}, err
	}
	properties, err := d.get(ctx, client, "adopt", want.Adopt)
	if err != nil {
		return resource.Observed{}, err
	}
	if len(d.kind.Identity) > 0 {
		return d.adoptBare(want, fleet, properties)
	}
	tags := d.tags(properties)
	if !d.Tagging.Updatable {
		return resource.Observed{}, fixedTags("adopt", want.Adopt)
	}
	if err := tags.adoptable(want.Adopt, fleet, want.Address); err != nil {
		return resource.Observed{}, err
	}
	have := resource.Observed{Address: want.Address, Scope: want.Scope, Fleet: fleet, ID: want.Adopt}
	with := tags.with(tagged{tagFleet: fleet, tagAddress: want.Address.String()}, nil)
	patch := []awstypes.Operation{{Op: "add", Path: "/" + d.Tagging.Property, Value: d.tagValue(with.writable())}}
	if err := d.send(ctx, client, "adopt", have, patch); err != nil {
		return resource.Observed{}, err
	}
	return d.seen(want.Scope, want.Adopt, properties, with)
}

// writable are the tags that may be written: AWS's own come with reads and can't be.
func (t tagged) writable() tagged {
	out := tagged{}
	for key, value := range t {
		if len(key) < 4 || key[:4] != "aws:" {
			out[key] = value
		}
	}
	return out
}
