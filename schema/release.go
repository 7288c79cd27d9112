package schema

import (
	"slices"
	"strconv"

	"cuelang.org/go/cue"

	"tenantry.dev/reconciler/resource"
)

func itoa(i int) string { return strconv.Itoa(i) }

// releaseFields is a release as JSON.
type releaseFields struct {
	Service, Version, Image, Deadline string
	Rings                             []struct {
		Name, Bake string
		Select     struct{ Tenants, Cells, Plans, Environments []string }
	}
	Gates   map[string]struct{ Alarm, Approval string }
	Windows []string
}

// defineRelease takes a release that fits the schema. What it names is checked when all of that is known.
func (e *engine) defineRelease(src *source, v cue.Value) []Finding {
	var in releaseFields
	if err := decode(v.Unify(e.definition("#Release")), &in); err != nil {
		return []Finding{{Origin: src.at(nil), Severity: Error, Message: err.Error()}}
	}
	n := &sheet{src: src, root: []string{src.name()}}
	out := Release{Name: src.name(), Service: in.Service, Version: in.Version, Image: in.Image, Windows: in.Windows, Origin: n.at()}
	if in.Version == "" && in.Image == "" {
		n.sayAt(n.at(), Error, "give the version, as in version: \"2026.11.2\", or the image with its digest")
	}
	out.Deadline, _ = n.time(in.Deadline, "deadline")
	for i, r := range in.Rings {
		at := []string{"rings", itoa(i)}
		out.Rings = append(out.Rings, Ring{
			Name: r.Name, Tenants: r.Select.Tenants, Cells: r.Select.Cells, Plans: r.Select.Plans, Environments: r.Select.Environments,
			Bake: n.duration(r.Bake, append(at, "bake")...), Origin: n.at(at...),
		})
	}
	for _, name := range sortedKeys(in.Gates) {
		g := in.Gates[name]
		if (g.Alarm == "") == (g.Approval == "") {
			n.sayAt(n.at("gates", name), Error, "gates.%s: give alarm or approval, one of them", name)
		}
		out.Gates = append(out.Gates, Gate{Name: name, Alarm: g.Alarm, Approval: g.Approval, Origin: n.at("gates", name)})
	}
	e.def.releases = append(e.def.releases, &releaseDef{out, src, len(n.found) == 0})
	return n.found
}

// checkReleases finds what releases name and there isn't, and what they say twice.
func (d *definitions) checkReleases() {
	services := map[string]resource.Origin{}
	for _, r := range d.releases {
		n := &sheet{src: r.source, root: []string{r.Name}}
		if first, twice := services[r.Service]; twice {
			n.say([]string{"service"}, "service: %s has a release already (%s); a service has one at a time", r.Service, first)
		} else {
			services[r.Service] = n.value("service")
		}
		d.checkRings(n, r)
		for _, g := range r.Gates {
			if alarms := d.alarms(); g.Alarm != "" && !slices.Contains(alarms, g.Alarm) && !d.spoiledIn(plansDir) {
				n.say([]string{"gates", g.Name, "alarm"}, "gates.%s.alarm: no plan has an alarm %q%s", g.Name, g.Alarm, maybe(g.Alarm, alarms))
			}
			if g.Approval != "" && !d.knows(accessDir, g.Approval) {
				n.say([]string{"gates", g.Name, "approval"}, "gates.%s.approval: there is no team %q in access/%s", g.Name, g.Approval, maybe(g.Approval, d.files[accessDir]))
			}
		}
		n.names(r.Windows, "window", func(name string) bool { return slices.Contains(d.windows, name) }, d.windows, "windows")
		d.found = append(d.found, n.found...)
	}
}

func (d *definitions) checkRings(n *sheet, r *releaseDef) {
	names, tenants := map[string]resource.Origin{}, map[string]resource.Origin{}
	for i, ring := range r.Rings {
		in := func(field string) []string { return []string{"rings", itoa(i), "select", field} }
		if first, twice := names[ring.Name]; twice {
			n.say([]string{"rings", itoa(i), "name"}, "rings: there is a ring %q already (%s)", ring.Name, first)
		}
		names[ring.Name] = n.value("rings", itoa(i), "name")
		n.names(ring.Cells, "cell", func(name string) bool { return d.knows(cellsDir, name) }, d.files[cellsDir], in("cells")...)
		n.names(ring.Plans, "plan", func(name string) bool { return d.knows(plansDir, name) }, d.files[plansDir], in("plans")...)
		n.names(ring.Environments, "environment", func(name string) bool { return slices.Contains(d.fleet.environments, name) }, d.fleet.environments, in("environments")...)
		for j, tenant := range ring.Tenants {
			path := append(in("tenants"), itoa(j))
			if first, twice := tenants[tenant]; twice {
				n.say(path, "rings: the tenant %s is in a ring already (%s); it gets the release once", tenant, first)
				continue
			}
			tenants[tenant] = n.value(path...)
			d.mentions = append(d.mentions, Mention{tenant, n.value(path...), "rings.select.tenants"})
		}
	}
}

// alarms are the names of the alarms in all plans, sorted.
func (d *definitions) alarms() []string {
	var out []string
	for _, p := range d.plans {
		for name, kind := range p.kinds {
			if kind == "aws.cloudwatch.alarm" || kind == "" { // the kind isn't known without a tenant
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// A releaseDef is a release and its file.
type releaseDef struct {
	Release
	source *source
	sound  bool
}

// Members are the tenants in each ring of a release, in the order of the rings, and those in none.
func (f *Fleet) Members(r Release) (rings [][]Tenant, none []Tenant) {
	environment := map[string]string{}
	for _, c := range f.Cells {
		environment[c.Name] = c.Environment
	}
	rings = make([][]Tenant, len(r.Rings))
	for _, t := range f.Tenants {
		i := slices.IndexFunc(r.Rings, func(ring Ring) bool { return ring.selects(t, environment[t.Cell]) })
		if i < 0 {
			none = append(none, t)
		} else {
			rings[i] = append(rings[i], t)
		}
	}
	return rings, none
}

func (r Ring) selects(t Tenant, environment string) bool {
	in := func(list []string, name string) bool { return len(list) == 0 || slices.Contains(list, name) }
	return in(r.Tenants, t.Name) && in(r.Cells, t.Cell) && in(r.Plans, t.Plan) && in(r.Environments, environment)
}

// lonely finds rings that nobody is in, and tenants that no ring selects, in releases about which nothing
// else is wrong.
func (f *Fleet) lonely(found []Finding) []Finding {
	var out []Finding
	for _, r := range f.Releases {
		if slices.ContainsFunc(found, func(x Finding) bool { return x.File == r.Origin.File }) {
			continue
		}
		rings, none := f.Members(r)
		for i, members := range rings {
			if len(members) == 0 {
				out = append(out, Finding{
					Origin: r.Rings[i].Origin, Severity: Warn,
					Message: "the ring " + r.Rings[i].Name + " has no tenants: nobody is selected who isn't in a ring before",
				})
			}
		}
		if len(none) > 0 {
			names := make([]string, len(none))
			for i, t := range none {
				names[i] = t.Name
			}
			out = append(out, Finding{
				Origin: r.Origin, Severity: Warn,
				Message: "no ring selects " + some(names) + "; a last ring without select is everybody else",
			})
		}
	}
	return out
}

// some names the first few of many.
func some(names []string) string {
	const most = 8
	if len(names) <= most {
		return allOf(names)
	}
	return allOf(append(slices.Clone(names[:most]), itoa(len(names)-most)+" more"))
}
