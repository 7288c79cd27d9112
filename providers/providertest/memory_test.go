package providertest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// memory is a cloud in memory: the plainest thing that passes the suite. A fault makes its drivers
// break one promise, so that the suite can be tested against drivers that deserve to fail.
type memory struct {
	mu     sync.Mutex
	items  map[string]*item // by scope and id
	kinds  map[string]resource.Kind
	fault  string
	writes int
}

type item struct {
	observed resource.Observed
	fleet    string // empty without a mark
}

// newMemory makes a cloud of the kinds that the walks are about.
func newMemory(fault string) *memory {
	return &memory{items: map[string]*item{}, kinds: kinds(), fault: fault}
}

// kinds describes the kinds of all walks.
var kinds = sync.OnceValue(func() map[string]resource.Kind {
	all := Walks()
	kinds := map[string]resource.Kind{}
	for _, w := range all {
		if _, known := kinds[w.Kind]; !known {
			kinds[w.Kind] = kindOf(w.Kind, all)
		}
	}
	return kinds
})

// kindOf describes a kind by what its walks set.
func kindOf(name string, walks []Walk) resource.Kind {
	kind := resource.Kind{
		Name: name, Outputs: []string{"arn", "name"}, Global: name == "aws.iam.role",
		DataBearing:  slices.Contains([]string{"aws.s3.bucket", "aws.kms.key", "aws.logs.group", "aws.secretsmanager.secret"}, name),
		Unrepeatable: name == "aws.kms.key",
		Uses:         uses[name],
	}
	if name == "aws.kms.key" {
		kind.Outputs = []string{"arn", "alias", "id"}
	}
	attributes := map[string]bool{}
	for _, w := range walks {
		for _, a := range w.attributes() {
			if w.Kind == name {
				attributes[a] = true
			}
		}
	}
	for _, a := range slices.Sorted(maps.Keys(attributes)) {
		kind.Attributes = append(kind.Attributes, resource.Attribute{
			Name: a, Immutable: a == "name" || a == "alias" || a == "path", Secret: a == "description",
		})
	}
	return kind
}

var uses = map[string][]string{
	"aws.s3.bucket":             {"aws.kms.key"},
	"aws.iam.role":              {"aws.sqs.queue"},
	"aws.logs.group":            {"aws.kms.key"},
	"aws.cloudwatch.alarm":      {"aws.sns.topic"},
	"aws.sns.topic":             {"aws.kms.key", "aws.sqs.queue"},
	"aws.sqs.queue":             {"aws.kms.key"},
	"aws.secretsmanager.secret": {"aws.kms.key"},
}

func (m *memory) cloud() Cloud {
	return Cloud{
		Drivers: func() (providers.Set, error) {
			var drivers []providers.Driver
			for _, kind := range m.kinds {
				drivers = append(drivers, &memoryDriver{memory: m, kind: kind, cache: map[string]resource.Observed{}})
			}
			return providers.NewSet(drivers...)
		},
		Fleet:     "suite",
		Scope:     resource.Scope{Account: "111111111111", Region: "eu-central-1"},
		Elsewhere: resource.Scope{Account: "111111111111", Region: "eu-west-1"},
		Unmark: func(_ context.Context, have resource.Observed) error {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.items[key(have.Scope, have.ID)].fleet = ""
			return nil
		},
		Writes: func() int {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.writes
		},
	}
}

func key(scope resource.Scope, id string) string { return scope.String() + " " + id }

type memoryDriver struct {
	*memory
	kind  resource.Kind
	cache map[string]resource.Observed // used by the fault "cached" only
}

func (d *memoryDriver) Kind() resource.Kind { return d.kind }

func (d *memoryDriver) Observe(ctx context.Context, scope resource.Scope, fleet string) ([]resource.Observed, error) {
	if ctx.Err() != nil && d.fault != "deaf" {
		return nil, ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fault == "read writes" {
		d.writes++
	}
	var found []resource.Observed
	for _, id := range slices.Sorted(maps.Keys(d.items)) {
		it := d.items[id]
		o := it.observed
		if o.Address.Kind != d.kind.Name || o.Scope != scope && d.fault != "all regions" || !d.marked(it, fleet) {
			continue
		}
		found = append(found, d.spoilt(o))
	}
	return found, nil
}

func (d *memoryDriver) marked(it *item, fleet string) bool {
	switch d.fault {
	case "prefix":
		return strings.HasPrefix(it.fleet, fleet)
	case "unmarked":
		return it.fleet == fleet || it.fleet == ""
	}
	return it.fleet == fleet
}

// spoilt is what a faulty driver makes of what it read.
func (d *memoryDriver) spoilt(o resource.Observed) resource.Observed {
	o.Attributes = maps.Clone(o.Attributes)
	o.Outputs = maps.Clone(o.Outputs)
	switch d.fault {
	case "cached":
		if old, ok := d.cache[o.ID]; ok {
			return old
		}
		d.cache[o.ID] = o
	case "plain secret":
		if v, ok := o.Attributes["description"]; ok {
			o.Attributes["description"], _ = resource.ParseValue([]byte(v.Reveal()))
		}
	case "extra attribute":
		o.Attributes["created"] = resource.Int(1)
	case "no output":
		delete(o.Outputs, "arn")
	case "blind":
		delete(o.Attributes, "tags")
	case "never retired":
		o.Retired = ""
	}
	return o
}

func (d *memoryDriver) id(want resource.Desired) string {
	name := want.Attributes["name"]
	if d.kind.Name == "aws.kms.key" {
		name = want.Attributes["alias"]
	}
	return d.kind.Name + ":" + name.Text()
}

func (d *memoryDriver) Create(ctx context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	if ctx.Err() != nil {
		return resource.Observed{}, ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	id := d.id(want)
	it, taken := d.items[key(want.Scope, id)]
	if taken && (it.fleet != fleet || it.observed.Address != want.Address) && d.fault != "grabs names" {
		return resource.Observed{}, providers.ErrNotOurs
	}
	if taken && d.fault == "create once" {
		return resource.Observed{}, fmt.Errorf("%s exists", id)
	}
	d.writes++
	o := resource.Observed{
		Address: want.Address, Scope: want.Scope, Fleet: fleet, ID: id,
		Attributes: d.kind.Canonical(want.Attributes), Outputs: map[string]string{},
	}
	if taken && d.fault == "create leaves" {
		o.Attributes = it.observed.Attributes
	}
	for _, name := range d.kind.Outputs {
		o.Outputs[name] = name + ":" + id
	}
	d.items[key(want.Scope, id)] = &item{observed: o, fleet: fleet}
	return d.spoilt(o), nil
}

// find returns the item that a driver has seen, if it still is what was seen.
func (d *memoryDriver) find(have resource.Observed) (*item, error) {
	it, ok := d.items[key(have.Scope, have.ID)]
	switch {
	case !ok:
		return nil, providers.ErrGone
	case it.fleet == "" && d.fault != "touches unmarked":
		return nil, providers.ErrNotOurs
	case it.observed.Address != have.Address && d.fault != "touches others":
		return nil, providers.ErrNotOurs
	}
	return it, nil
}

func (d *memoryDriver) Update(ctx context.Context, have resource.Observed, want resource.Desired) (resource.Observed, error) {
	if ctx.Err() != nil {
		return resource.Observed{}, ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	it, err := d.find(have)
	if err != nil {
		return resource.Observed{}, err
	}
	o := it.observed
	attributes := d.kind.Canonical(want.Attributes)
	if d.fault == "never unsets" {
		attributes = maps.Clone(o.Attributes)
		maps.Copy(attributes, want.Attributes)
	}
	if !maps.Equal(o.Attributes, attributes) || o.Retired != "" || d.fault == "writes anyway" {
		d.writes++
	}
	o.Attributes = attributes
	if d.fault != "stays retired" {
		o.Retired = ""
	}
	it.observed = o
	return d.spoilt(o), nil
}

func (d *memoryDriver) Delete(ctx context.Context, have resource.Observed) error {
	switch {
	case d.kind.DataBearing && d.fault != "deletes data":
		return providers.ErrHoldsData
	case ctx.Err() != nil:
		return ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.find(have); err != nil {
		if err == providers.ErrGone && d.fault != "delete once" {
			return nil
		}
		return err
	}
	d.writes++
	delete(d.items, key(have.Scope, have.ID))
	return nil
}

func (d *memoryDriver) Refresh(_ context.Context, have resource.Observed) (resource.Observed, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fault == "echo" {
		return have, nil
	}
	it, err := d.find(have)
	if err != nil {
		return resource.Observed{}, err
	}
	return d.spoilt(it.observed), nil
}

func (d *memoryDriver) Retire(_ context.Context, have resource.Observed, at string) (resource.Observed, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	it, err := d.find(have)
	if err != nil {
		return resource.Observed{}, err
	}
	d.writes++
	it.observed.Retired = at
	return d.spoilt(it.observed), nil
}

func (d *memoryDriver) Adopt(_ context.Context, want resource.Desired, fleet string) (resource.Observed, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	it, ok := d.items[key(want.Scope, want.Adopt)]
	switch {
	case !ok:
		return resource.Observed{}, providers.ErrGone
	case it.fleet != "" && (it.fleet != fleet || it.observed.Address != want.Address) && d.fault != "takes over":
		return resource.Observed{}, providers.ErrNotOurs
	}
	d.writes++
	it.fleet, it.observed.Fleet, it.observed.Address = fleet, fleet, want.Address
	return d.spoilt(it.observed), nil
}

func (d *memoryDriver) Survey(_ context.Context, scope resource.Scope) ([]providers.Found, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []providers.Found
	for _, id := range slices.Sorted(maps.Keys(d.items)) {
		it := d.items[id]
		o := d.spoilt(it.observed)
		if o.Address.Kind != d.kind.Name || o.Scope != scope || it.fleet != "" && d.fault == "surveys nobody's" {
			continue
		}
		f := providers.Found{
			Kind: d.kind.Name, Scope: scope, ID: o.ID, Name: cmp.Or(o.Outputs["name"], o.Outputs["alias"]), Attributes: o.Attributes, Outputs: o.Outputs, Retired: o.Retired,
		}
		_ = (resource.Attributes{"tags": o.Attributes["tags"]}).Decode(&struct{ Tags *map[string]string }{&f.Tags})
		if it.fleet != "" && d.fault != "surveys without marks" {
			f.Fleet, f.Address = it.fleet, it.observed.Address
		}
		list = append(list, f)
		if d.fault == "surveys twice" {
			list = append(list, f)
		}
	}
	return list, nil
}

func (d *memoryDriver) Move(_ context.Context, have resource.Observed, to resource.Address) (resource.Observed, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	it, ok := d.items[key(have.Scope, have.ID)]
	switch {
	case !ok:
		return resource.Observed{}, providers.ErrGone
	case it.fleet == have.Fleet && it.observed.Address == to && d.fault != "moves once":
		return d.spoilt(it.observed), nil
	case (it.fleet != have.Fleet || it.observed.Address != have.Address) && d.fault != "moves anything":
		return resource.Observed{}, providers.ErrNotOurs
	}
	d.writes++
	it.observed.Address = to
	if d.fault == "moves and resets" {
		it.observed.Attributes = resource.Attributes{"name": it.observed.Attributes["name"]}
	}
	return d.spoilt(it.observed), nil
}
