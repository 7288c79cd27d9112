package iampolicy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tenantry.dev/providers"
)

// A collection is what one role may do, gathered from all kinds.
type collection struct {
	access string // "Read" or "Write"
	blocks map[string]*block
	rows   []Row
	notes  []string
}

// A block becomes a statement: actions on the same things under the same condition.
type block struct {
	on      []string
	also    providers.Condition
	data    bool // what is in resources, rather than the resources
	kinds   map[string]bool
	actions map[string]bool
	text    map[string]Condition
}

// dataActions read or write what is in resources. AWS lists them for some types of resources; they stand
// in statements of their own, so that whoever reads the policy sees them.
var dataActions = []string{
	"dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan",
	"dynamodb:UpdateItem", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "lambda:InvokeFunction", "logs:GetLogEvents", "s3:DeleteObject",
	"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "sqs:SendMessage", "ssm:GetParameter", "ssm:GetParameters",
}

// withheld are actions that drivers have a use for and no policy allows: they would undo what protects.
var withheld = map[string]string{
	"iam:DeleteRolePermissionsBoundary": "Taking the boundary off a role isn't allowed, whatever the definitions say; that is for a person.",
	"iam:DeleteUserPermissionsBoundary": "Taking the boundary off a user isn't allowed, whatever the definitions say; that is for a person.",
}

// collect gathers what reading and writing ask for.
func (e Estate) collect() (reads, writes *collection) {
	reads = &collection{access: "Read", blocks: map[string]*block{}}
	writes = &collection{access: "Write", blocks: map[string]*block{}}
	for _, kind := range slices.Sorted(maps.Keys(e.Kinds)) {
		for _, g := range e.Kinds[kind].Read {
			e.add(reads, kind, g)
		}
		for _, g := range e.Kinds[kind].Write {
			if e.Written[kind] {
				e.add(writes, kind, g)
			}
		}
	}
	if e.Queue != "" {
		here := e
		here.Account.Regions = e.EventRegions
		here.add(reads, "change events", providers.Grant{
			Actions: []string{"sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"}, On: "arn:{partition}:sqs:{region}:{account}:" + e.Queue,
		})
	}
	slices.Sort(writes.notes)
	writes.notes = slices.Compact(writes.notes)
	return reads, writes
}

func (e Estate) add(c *collection, kind string, g providers.Grant) {
	on, note := e.on(kind, g.On)
	if note != "" {
		c.notes = append(c.notes, note)
	}
	var kept []string
	for _, action := range g.Actions {
		if reason, is := withheld[action]; is {
			c.notes = append(c.notes, reason)
			continue
		}
		kept = append(kept, action)
		data := slices.Contains(dataActions, action)
		key := fmt.Sprint(on, g.If, data)
		if g.If == providers.Passed {
			key += kind // each to its own service
		}
		b := c.blocks[key]
		if b == nil {
			b = &block{on: on, also: g.If, data: data, kinds: map[string]bool{}, actions: map[string]bool{}, text: e.condition(kind, g.If)}
			c.blocks[key] = b
		}
		b.kinds[kind], b.actions[action] = true, true
	}
	if len(kept) > 0 {
		what := map[string]string{"Read": "reading", "Write": "writing"}[c.access]
		c.rows = append(c.rows, Row{Kind: kind, For: what, Actions: kept, On: on, If: e.words(kind, g.If)})
	}
}

// on writes out what a grant is about.
func (e Estate) on(kind, form string) (list []string, note string) {
	names := []string{""}
	if strings.Contains(form, "{name}") {
		names, note = e.names(kind)
	}
	regions := e.Account.Regions
	if !strings.Contains(form, "{region}") {
		regions = []string{""}
	}
	for _, region := range regions {
		for _, name := range names {
			words := strings.NewReplacer("{partition}", e.partition(), "{account}", e.Account.ID, "{region}", region, "{name}", name)
			list = append(list, words.Replace(form))
		}
	}
	slices.Sort(list)
	return slices.Compact(list), note
}

// mostNames is how many names a policy lists before it gives up on names.
const mostNames = 20

// names are the patterns for the names of a kind's resources: the fleet's own, and those of what was
// taken over under another name.
func (e Estate) names(kind string) (list []string, note string) {
	own := e.Fleet + "-"
	list = []string{own + "*"}
	for _, name := range e.Names[kind] {
		if !strings.HasPrefix(name, own) {
			list = append(list, name)
		}
	}
	if len(list) > mostNames {
		return []string{"*"}, fmt.Sprintf("%d resources of %s have names that don't begin with %q: the policy allows any name.", len(list)-1, kind, own)
	}
	slices.Sort(list)
	return slices.Compact(list), ""
}

// condition is what a grant's condition is in a policy.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func (e Estate) condition(kind string, c providers.Condition) map[string]Condition {
	switch c {
	case providers.Ours:
		return map[string]Condition{"StringEquals": {"aws:ResourceTag/tenantry:fleet": {e.Fleet}}}
	case providers.Marks:
		return map[string]Condition{
			"StringEquals": {"aws:RequestTag/tenantry:fleet": {e.Fleet}},
			"Null":         {"aws:ResourceTag/tenantry:fleet": {"true"}},
		}
	case providers.Bounded:
		return map[string]Condition{"StringEquals": {"iam:PermissionsBoundary": e.boundaries()}}
	case providers.Passed:
		// A service is named with its region or without, and in China with another end.
		return map[string]Condition{"StringLike": {"iam:PassedToService": {service(kind) + ".*.amazonaws.com*", service(kind) + ".amazonaws.com*"}}}
	}
	return nil
}

// service is the service of a kind of ours: "s3" of "aws.s3.bucket".
func service(kind string) string {
	_, rest, _ := strings.Cut(kind, ".")
	name, _, _ := strings.Cut(rest, ".")
	return name
}

func (e Estate) words(kind string, c providers.Condition) string {
	switch c {
	case providers.Ours:
		return "it carries the mark of " + e.Fleet
	case providers.Marks:
		return "it gets the mark of " + e.Fleet + " and carries none"
	case providers.Bounded:
		return "it has the boundary"
	case providers.Passed:
		return "it is passed to " + service(kind)
	}
	return ""
}

// statements are the blocks as a policy says them. What is allowed on everything and without a condition
// isn't said again for a part.
func (c *collection) statements() []Statement {
	free := map[string]bool{}
	for _, b := range c.blocks {
		if b.free() {
			maps.Copy(free, b.actions)
		}
	}
	var out []Statement
	for _, key := range slices.Sorted(maps.Keys(c.blocks)) {
		b := c.blocks[key]
		var actions []string
		for _, action := range slices.Sorted(maps.Keys(b.actions)) {
			if b.free() || !free[action] {
				actions = append(actions, action)
			}
		}
		if len(actions) > 0 {
			out = append(out, Statement{Sid: c.sid(b), Effect: "Allow", Action: actions, Resource: b.on, Condition: b.text})
		}
	}
	slices.SortStableFunc(out, func(a, b Statement) int { return cmp.Compare(a.Sid, b.Sid) })
	return out
}

func (b *block) free() bool { return slices.Equal(b.on, []string{"*"}) && b.also == providers.Always }

func (c *collection) sid(b *block) string {
	what := "Kinds"
	if len(b.kinds) == 1 {
		for kind := range b.kinds {
			what = shortKind(kind)
		}
	}
	suffix := map[providers.Condition]string{providers.Ours: "Ours", providers.Marks: "Marks", providers.Bounded: "Bounded", providers.Passed: "Passed"}[b.also]
	if b.data {
		suffix += "Data"
	}
	return sid(c.access, what, suffix)
}
