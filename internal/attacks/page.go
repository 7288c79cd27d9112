package attacks

import (
	"fmt"
	"slices"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// An Unwatched is something that can be changed and isn't found, and why not.
type Unwatched struct {
	Kind, What, Why string
}

// NotWatched lists what an attacker can change without a finding. What is missing here and in All is an
// oversight.
func NotWatched() []Unwatched {
	return []Unwatched{
		{bucket, "website hosting", "a call more for each bucket; it serves only what the policy and the public access block let everybody read, and both are watched"},
		{bucket, "rules for scripts of other origins (CORS)", "a call more; they give nobody access, but let a page that has credentials or a signed link read the answer"},
		{bucket, "server access logging", "a call more; CloudTrail has what S3's logs have, and more reliably"},
		{bucket, "what an access control list says where objectOwnership lets lists count", "a call more; turned off by default, and turning them on is found"},
		{bucket, "access points, inventory, analytics and object lock", "a listing or a call more each; an access point lets nobody in whom the bucket's policy doesn't"},
		{bucket, "objects, and what is set on single objects", "there are too many; CloudTrail's data events have them"},
		{role, "what a managed policy says", "it belongs to the policy, which can be described as AWS::IAM::ManagedPolicy"},
		{role, "sessions that last, and when the role was used", "nothing of the role's settings"},
		{key, "the period of rotation", "the definitions can't say another one than AWS's year"},
		{key, "grants to AWS's own services", "services make them for what they encrypt, and take them away with it; revoking one makes that unreadable"},
		{logGroup, "metric filters, data protection and index policies, the class", "they take nothing out of the account; metric filters can be described as AWS::Logs::MetricFilter"},
		{logGroup, "the account's own subscription policy", "it belongs to the account and not to the group"},
		{alarm, "suppression by a composite alarm", "it belongs to the composite alarm"},
		{topic, "the filter, delivery and redrive policy of a subscription", "a call for each subscription; whom the topic sends to is watched"},
		{topic, "delivery policy, tracing, data protection and archive", "the definitions have no word for them"},
		{queue, "for how long SQS may use a data key again", "the definitions have no word for it"},
		{secret, "the value", "it is never read, so that it can't leak; whoever owns it watches who changes it"},
		{secret, "which versions there are, and their stages", "they belong to the value"},
	}
}

// Page is docs/reference/watched.md: what is compared of the kinds given, which are those with a driver of
// their own, what was tried, and what isn't watched.
func Page(kinds map[string]resource.Kind) string {
	var b strings.Builder
	b.WriteString("# What is watched\n\nWritten by `make docs` from the drivers and from the list in `internal/attacks`, every line of which a test tries.\n\n")
	b.WriteString("A scan compares everything in these tables with Git. What the definitions don't say is wanted as AWS has it by default,\n" +
		"so that whatever somebody adds is found: a second policy, a grant, a copy. Nothing is found by looking only at what was written.\n\n")
	b.WriteString("## Attributes\n\nAll of these are exclusive: a value that the definitions don't mention is a finding, too.\n\n")
	b.WriteString("| kind | attribute | when the definitions say nothing |\n|---|---|---|\n")
	for _, name := range order {
		for _, a := range kinds[name].Attributes {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", name, a.Name, absent(name, a))
		}
	}
	b.WriteString("\nOf the types that AWS's own description drives, such as `AWS::Lambda::Function`, what neither the definitions nor the last\n" +
		"applied ones mention isn't compared, because AWS fills in much by itself; maps, documents and the number of a list's elements are\n" +
		"compared whole. [Resource types as data](../decisions/0012-types.md) says more.\n\n")
	fmt.Fprintf(&b, "## What was tried\n\nSomebody makes one of these %d changes behind Git's back, and this is found. \"update\" is put back by the next write; what\nisn't says why.\n", len(All()))
	b.WriteString(tried())
	b.WriteString("\n## What isn't watched\n\n| kind | what | why not |\n|---|---|---|\n")
	for _, u := range NotWatched() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", u.Kind, u.What, u.Why)
	}
	b.WriteString("\nA resource that carries no mark of the fleet is nobody's: it is listed by `tenantry unmanaged`, and never a finding.\n")
	return b.String()
}

// order is that of the documentation.
var order = []string{bucket, role, key, logGroup, alarm, topic, queue, secret}

// demanded are the attributes without which a definition isn't complete.
var demanded = []string{"assumeRolePolicy", "namespace", "metric", "statistic", "threshold", "comparison"}

// absent is what is wanted of an attribute that the definitions don't mention.
func absent(kind string, a resource.Attribute) string {
	value := a.Normal(resource.Value{})
	switch {
	case a.Name == "name" || a.Name == "alias":
		return "made of the names of the fleet, the owner and the resource"
	case a.Name == "policy" && (kind == key || kind == topic):
		return "AWS's own, which leaves everything to the account"
	case slices.Contains(demanded, a.Name):
		return "must be written"
	case !value.IsSet():
		return "none"
	}
	switch text := value.Reveal(); text {
	case `[]`, `{}`, `""`:
		return "none"
	default:
		return "`" + text + "`"
	}
}

// tried are the changes by kind.
func tried() string {
	var b strings.Builder
	for _, kind := range append(slices.Clone(order), function) {
		fmt.Fprintf(&b, "\n### %s\n\n| somebody … | so that | found as | |\n|---|---|---|---|\n", kind)
		for _, a := range All() {
			if a.Kind != kind {
				continue
			}
			found := string(a.Action) + ", " + string(a.Cause)
			if a.Finds != "" {
				found += ": `" + a.Finds + "`"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", a.What, a.Why, found, a.Stays)
		}
	}
	return b.String()
}
