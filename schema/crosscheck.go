package schema

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tenantry.dev/reconciler/resource"
)

// A crosscheck finds what no tenant shows by itself: two files of one name, a domain or a name in the
// cloud that two have, a cell that is full. It remembers who has what since the last time, so that
// only what changed has to be looked at; what it finds depends on the rows alone. Safe for
// concurrent use.
type crosscheck struct {
	mu      sync.Mutex
	rows    []row // that the rest is about
	owners  map[resource.Owner]*kept
	twice   map[resource.Owner][]*kept // all files of an owner that has several, by path
	taken   map[nameSum]*kept
	clashes map[nameSum][]*kept // all that want something that several want; one may be in it twice
	used    map[string]int      // by Count.Of
}

// across is what concerns several owners.
type across struct {
	about map[*kept][]Finding // each of them breaks the owner
	found []Finding           // about nobody in particular
}

// find looks at all rows, which are sorted by path.
func (c *crosscheck) find(rows []row, limits []Limit) across {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owners == nil {
		c.owners, c.twice = map[resource.Owner]*kept{}, map[resource.Owner][]*kept{}
		c.taken, c.clashes, c.used = map[nameSum]*kept{}, map[nameSum][]*kept{}, map[string]int{}
	}
	c.become(rows)
	out := across{about: map[*kept][]Finding{}}
	c.sayClashes(out.about)
	for _, owner := range sortedKeys(c.twice) {
		sayTwice(c.twice[owner], out.about)
	}
	for _, l := range limits {
		if taken := c.used[l.Of] + l.Taken; taken > l.Most {
			words := strings.NewReplacer("{most}", strconv.Itoa(l.Most), "{taken}", strconv.Itoa(taken), "{whom}", c.whom(l))
			out.found = append(out.found, Finding{Origin: l.At, Severity: Error, Message: words.Replace(l.Message)})
		}
	}
	return out
}

// whom lists the tenants that take of something, with how much, those that take most first.
func (c *crosscheck) whom(l Limit) string {
	takes := map[string]int{}
	for _, e := range c.rows {
		for _, count := range e.answer.Counts {
			if count.Of == l.Of && c.owners[e.answer.Owner] == e.answer {
				takes[e.answer.Owner.Name()] += count.Takes
			}
		}
	}
	names := slices.SortedFunc(maps.Keys(takes), func(a, b string) int {
		return cmp.Or(cmp.Compare(takes[b], takes[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %d", name, takes[name])
	}
	if l.Taken > 0 {
		names = slices.Insert(names, 0, fmt.Sprintf("the cells %d", l.Taken))
	}
	return some(names)
}

// become removes what is no more and adds what is new.
func (c *crosscheck) become(rows []row) {
	var gone, fresh []*kept
	i, j := 0, 0
	for i < len(c.rows) || j < len(rows) {
		switch {
		case j == len(rows) || i < len(c.rows) && c.rows[i].path < rows[j].path:
			gone = append(gone, c.rows[i].answer)
			i++
		case i == len(c.rows) || rows[j].path < c.rows[i].path:
			fresh = append(fresh, rows[j].answer)
			j++
		default:
			if c.rows[i].answer != rows[j].answer {
				gone, fresh = append(gone, c.rows[i].answer), append(fresh, rows[j].answer)
			}
			i, j = i+1, j+1
		}
	}
	c.rows = rows
	for _, k := range gone {
		c.change(k, false)
	}
	for _, k := range fresh {
		c.change(k, true)
	}
}

// change adds or removes a file. Of several files of one owner, only the first has claims.
func (c *crosscheck) change(k *kept, add bool) {
	before := c.owners[k.Owner]
	files := c.twice[k.Owner]
	if files == nil && before != nil {
		files = []*kept{before}
	}
	if add {
		at, _ := slices.BinarySearchFunc(files, k, func(a, b *kept) int { return cmp.Compare(a.File, b.File) })
		files = slices.Insert(slices.Clip(files), at, k)
	} else {
		files = slices.DeleteFunc(slices.Clone(files), func(other *kept) bool { return other == k })
	}
	delete(c.twice, k.Owner)
	delete(c.owners, k.Owner)
	if len(files) > 1 {
		c.twice[k.Owner] = files
	}
	if len(files) > 0 {
		c.owners[k.Owner] = files[0]
	}
	if after := c.owners[k.Owner]; after != before {
		if before != nil {
			c.claim(before, false)
		}
		if after != nil {
			c.claim(after, true)
		}
	}
}

// claim adds or removes what an owner wants for itself.
func (c *crosscheck) claim(k *kept, add bool) {
	for _, count := range k.Counts {
		if add {
			c.used[count.Of] += count.Takes
		} else {
			c.used[count.Of] -= count.Takes
		}
	}
	for _, claim := range k.Claims {
		c.want(claim.sum(), k, add)
	}
	for i := range len(k.Names) / len(nameSum{}) {
		c.want(k.name(i), k, add)
	}
}

func (k *kept) name(i int) nameSum {
	size := len(nameSum{})
	return nameSum(k.Names[i*size : (i+1)*size])
}

// sum stands for the claim. Names in the cloud have a kind in place of the field.
func (c Claim) sum() nameSum {
	sum := sha256.Sum256([]byte(c.Of + "\x00\x00\x00" + c.Name))
	return nameSum(sum[:16])
}

func (c *crosscheck) want(what nameSum, k *kept, add bool) {
	all := c.clashes[what]
	if one := c.taken[what]; one != nil {
		all = []*kept{one}
	}
	if add {
		all = append(slices.Clip(all), k)
	} else if i := slices.Index(all, k); i >= 0 {
		all = slices.Delete(slices.Clone(all), i, i+1)
	}
	delete(c.taken, what)
	delete(c.clashes, what)
	switch len(all) {
	case 0:
	case 1:
		c.taken[what] = all[0]
	default:
		c.clashes[what] = all
	}
}

// A clash is what is said of one owner, and its place among all that the owner wants.
type clash struct {
	order int
	Finding
}

// sayClashes refuses what somebody before has already, by the order of the files.
func (c *crosscheck) sayClashes(about map[*kept][]Finding) {
	said := map[*kept][]clash{}
	for what, all := range c.clashes {
		all = slices.Clone(all)
		slices.SortStableFunc(all, func(a, b *kept) int { return cmp.Compare(a.File, b.File) })
		first := all[0]
		for i, k := range slices.Compact(all) {
			wants := k.wants(what)
			if i == 0 {
				wants = wants[min(1, len(wants)):] // it has it
			}
			for _, w := range wants {
				said[k] = append(said[k], clash{w.order, w.taken(k, first, first.wants(what)[0].at)})
			}
		}
	}
	for k, list := range said {
		slices.SortFunc(list, func(a, b clash) int { return cmp.Compare(a.order, b.order) })
		for _, x := range list {
			about[k] = append(about[k], x.Finding)
		}
	}
}

// A wish is a claim or a name that an owner wants.
type wish struct {
	order   int
	claim   string // the field; empty for a name in the cloud
	name    string
	address resource.Address
	at      resource.Origin
}

// wants finds what a sum stands for.
func (k *kept) wants(what nameSum) []wish {
	var out []wish
	for i, c := range k.Claims {
		if c.sum() == what {
			out = append(out, wish{order: i, claim: c.Of, name: c.Name, at: c.At})
		}
	}
	var resources []resource.Desired
	for i := range len(k.Names) / len(nameSum{}) {
		if k.name(i) != what {
			continue
		}
		if resources == nil {
			resources = k.body.resources()
		}
		if i < len(resources) {
			d := resources[i]
			out = append(out, wish{order: len(k.Claims) + i, name: nameOf(d).name, address: d.Address, at: d.Origin})
		}
	}
	return out
}

func (w wish) taken(by, first *kept, at resource.Origin) Finding {
	f := Finding{Origin: w.at, Severity: Error, Tenant: by.Owner.Name()}
	if w.claim == "" {
		f.Message = fmt.Sprintf("%s: the name %q is that of a resource of %s already (%s)", w.address, w.name, first.Owner, at)
	} else {
		f.Message = fmt.Sprintf("%s: %q belongs to the tenant %s already (%s)", w.claim, w.name, first.Owner.Name(), at)
	}
	return f
}

// sayTwice refuses all files of one tenant: nobody can tell which is meant.
func sayTwice(files []*kept, about map[*kept][]Finding) {
	for _, other := range files[1:] {
		for _, pair := range [][2]*kept{{files[0], other}, {other, files[0]}} {
			about[pair[0]] = append(about[pair[0]], Finding{
				Origin: pair[0].At, Severity: Error, Tenant: pair[0].Owner.Name(),
				Message: fmt.Sprintf("the tenant %s is defined twice, here and in %s", pair[0].Owner.Name(), pair[1].File),
			})
		}
	}
}
