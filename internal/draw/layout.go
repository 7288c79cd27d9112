package draw

import (
	"cmp"
	"slices"

	"tenantry.dev/schema"
)

// A box is something that takes room in a layer: a node, the label of an edge, or the place where an
// edge passes between the nodes of a layer.
type box struct {
	node   *schema.Node
	label  string
	width  float64
	height float64
	layer  int
	x, y   float64 // of the upper left corner
	before []*box  // in the layer before
	after  []*box
	want   float64
	order  int
}

func (b *box) middle() float64 { return b.y + b.height/2 }

// A picture is a graph with places.
type picture struct {
	layers        [][]*box
	routes        []route
	between       float64 // layers
	width, height float64
}

// A route is an edge through its boxes, from the first node to the last.
type route struct {
	boxes []*box
	class string // of where it begins
}

// Room between things.
const (
	margin    = 24
	betweenX  = 64
	labelledX = 40 // between layers with labels in every other one
	betweenY  = 14
	passing   = 6 // the height of an edge that passes a layer
)

// lay places a graph in layers from left to right: what nothing points at comes first, and edges
// lead from a layer to the next. Boxes of a layer stand below each other, so that no text can
// overlap another.
func lay(g schema.Graph) *picture {
	p := &picture{between: betweenX}
	nodes := map[string]*box{}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		width, height := sizeOf(n)
		nodes[n.ID] = &box{node: n, width: width, height: height, order: i}
	}
	edges := slices.DeleteFunc(slices.Clone(g.Edges), func(e schema.Edge) bool {
		return nodes[e.From] == nil || nodes[e.To] == nil || e.From == e.To
	})
	labelled := slices.ContainsFunc(edges, func(e schema.Edge) bool { return e.Label != "" })
	if labelled {
		p.between = labelledX
	}
	rank(g, nodes, edges, labelled)
	for i := range g.Nodes {
		p.put(nodes[g.Nodes[i].ID])
	}
	for _, e := range edges {
		p.route(nodes[e.From], nodes[e.To], e)
	}
	p.sort()
	p.place()
	return p
}

// rank gives each node its layer: one after the last of what it depends on. What depends on nothing
// moves right, to the layer before what first needs it. With labels, every other layer is theirs.
func rank(g schema.Graph, nodes map[string]*box, edges []schema.Edge, labelled bool) {
	after := map[string][]string{}
	before := map[string]int{}
	for _, e := range edges {
		after[e.From] = append(after[e.From], e.To)
		before[e.To]++
	}
	var ready []string
	for i := range g.Nodes {
		if before[g.Nodes[i].ID] == 0 {
			ready = append(ready, g.Nodes[i].ID)
		}
	}
	first := slices.Clone(ready)
	for len(ready) > 0 { // a circle, which a fleet hasn't, would stay in the first layer
		id := ready[0]
		ready = ready[1:]
		for _, to := range after[id] {
			nodes[to].layer = max(nodes[to].layer, nodes[id].layer+1)
			if before[to]--; before[to] == 0 {
				ready = append(ready, to)
			}
		}
	}
	for _, id := range first {
		nearest := -1
		for _, to := range after[id] {
			if l := nodes[to].layer - 1; nearest < 0 || l < nearest {
				nearest = l
			}
		}
		nodes[id].layer = max(nearest, 0)
	}
	if labelled {
		for _, b := range nodes {
			b.layer *= 2
		}
	}
}

func (p *picture) put(b *box) {
	for len(p.layers) <= b.layer {
		p.layers = append(p.layers, nil)
	}
	p.layers[b.layer] = append(p.layers[b.layer], b)
}

// route leads an edge through the layers between its ends. Its label stands in the first of them.
func (p *picture) route(from, to *box, e schema.Edge) {
	r := route{boxes: []*box{from}, class: from.node.Class}
	at := from
	for layer := from.layer + 1; layer < to.layer; layer++ {
		pass := &box{layer: layer, height: passing, order: from.order}
		if layer == from.layer+1 && e.Label != "" {
			pass.label = e.Label
			pass.width, pass.height = textWidth(e.Label, labelSize)+8, labelHeight
		}
		p.put(pass)
		at.after, pass.before = append(at.after, pass), append(pass.before, at)
		r.boxes = append(r.boxes, pass)
		at = pass
	}
	if to.layer > from.layer {
		at.after, to.before = append(at.after, to), append(to.before, at)
	}
	p.routes = append(p.routes, route{append(r.boxes, to), r.class})
}

// sort orders each layer by the middle of its neighbours, from left to right and back, a few times.
func (p *picture) sort() {
	p.number()
	const sweeps = 12
	for sweep := range sweeps {
		for i := range p.layers {
			layer, neighbours := i, func(b *box) []*box { return b.before }
			if sweep%2 == 1 {
				layer, neighbours = len(p.layers)-1-i, func(b *box) []*box { return b.after }
			}
			for _, b := range p.layers[layer] {
				b.want = float64(b.order)
				if len(b.before)+len(b.after) == 0 {
					b.want = alone
				}
				if list := neighbours(b); len(list) > 0 {
					b.want = 0
					for _, n := range list {
						b.want += float64(n.order)
					}
					b.want /= float64(len(list))
				}
			}
			slices.SortStableFunc(p.layers[layer], func(a, b *box) int { return cmp.Compare(a.want, b.want) })
			p.number()
		}
	}
}

// alone is where what nothing is connected to goes: below all else.
const alone = 1e9

// number notes the place of each box in its layer, relative to the layer's length, so that layers compare.
func (p *picture) number() {
	const scale = 10_000
	for _, layer := range p.layers {
		for i, b := range layer {
			b.order = (2*i + 1) * scale / (2 * len(layer))
		}
	}
}

// place gives every box its coordinates: layers side by side, and in each the boxes as near to the middle
// of their neighbours as their order and their room allow.
func (p *picture) place() {
	x := float64(margin)
	for _, layer := range p.layers {
		width := 0.0
		for _, b := range layer {
			width = max(width, b.width)
		}
		y := float64(margin)
		for _, b := range layer {
			b.x, b.y, b.width = x, y, width
			y += b.height + betweenY
		}
		x += width + p.between
	}
	const sweeps = 16
	for sweep := range sweeps {
		for i := range p.layers {
			layer := i
			if sweep%2 == 1 {
				layer = len(p.layers) - 1 - i
			}
			settle(p.layers[layer])
		}
	}
	p.frame(x - p.between + margin)
}

// settle moves the boxes of a layer: each as near as it can get to the middle of its neighbours.
// This is isotonic regression by pooling adjacent violators: blocks of boxes that touch share the mean
// of what their boxes want.
func settle(layer []*box) {
	type block struct {
		want  float64 // sum, relative to the block's top
		count int
		boxes []*box
		size  float64
	}
	top := func(b block) float64 { return b.want / float64(b.count) }
	var blocks []block
	for _, b := range layer {
		want := b.y
		if n := len(b.before) + len(b.after); n > 0 {
			want = 0
			for _, list := range [][]*box{b.before, b.after} {
				for _, other := range list {
					want += other.middle() - b.height/2
				}
			}
			want /= float64(n)
		}
		next := block{want, 1, []*box{b}, b.height + betweenY}
		for len(blocks) > 0 {
			last := blocks[len(blocks)-1]
			if top(last)+last.size <= top(next) {
				break
			}
			next = block{last.want + next.want - last.size*float64(next.count), last.count + next.count, append(last.boxes, next.boxes...), last.size + next.size}
			blocks = blocks[:len(blocks)-1]
		}
		blocks = append(blocks, next)
	}
	for _, b := range blocks {
		y := top(b)
		for _, box := range b.boxes {
			box.y = y
			y += box.height + betweenY
		}
	}
}

// frame moves everything below the title and measures the whole.
func (p *picture) frame(width float64) {
	least, most, has := 0.0, 0.0, false
	for _, layer := range p.layers {
		for _, b := range layer {
			if !has || b.y < least {
				least = b.y
			}
			most, has = max(most, b.y+b.height), true
		}
	}
	shift := margin + titleHeight - least
	for _, layer := range p.layers {
		for _, b := range layer {
			b.y += shift
		}
	}
	p.width, p.height = max(width, 2*margin), most+shift+margin
}
