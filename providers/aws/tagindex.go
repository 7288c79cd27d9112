package aws

import (
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// indexLag is how long the index may lag behind a write. AWS gives no bound; until this is over, the index
// isn't asked about what this process has written.
const indexLag = 15 * time.Minute

// indexed are the services whose tags are looked up in the index. What a filter leaves out is read at
// its service, so that a filter can cost calls and nothing else.
var indexed = []string{"s3", "kms", "logs", "cloudwatch", "sns", "sqs"}

// A tagIndex is what the Resource Groups Tagging API tells about the tags in a scope, a hundred
// resources per call, next to what the services themselves said. It saves a call per resource and is
// never the authority:
//
//   - What exists comes from the services' own lists. That the index lacks a resource means nothing: its
//     tags are read at the service.
//   - Once tags were read at the service, the index is taken at its word for as long as it says the same.
//   - Before that, as after a start, it is taken at its word only about what it says is marked as ours.
//   - It isn't asked about what this process wrote within the last indexLag.
//
// All else is read at the service, and so is everything if the index can't be read. What was taken from
// the index and no service confirmed to this process is marked as Hearsay. Safe for concurrent use.
// https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
type tagIndex struct {
	mu    sync.Mutex
	heard map[string]hearing // by ARN
}

// A tagListing is the index as it was listed once, by ARN; empty if it couldn't be read. There may be very
// many of them at the same time, so that tags are packed.
type tagListing map[string]packedTags

// packedTags are tags in a text; empty for no entry.
type packedTags string

// pack sorts tags by their keys. No tag has the separator in it.
func (t tagged) pack() packedTags {
	var text strings.Builder
	text.WriteString("\x00")
	for _, key := range slices.Sorted(maps.Keys(t)) {
		text.WriteString(key + "\x00" + t[key] + "\x00")
	}
	return packedTags(text.String())
}

// unpack returns nil for no entry.
func (p packedTags) unpack() tagged {
	if p == "" {
		return nil
	}
	tags, fields := tagged{}, strings.Split(string(p), "\x00")
	for i := 1; i+1 < len(fields); i += 2 {
		tags[fields[i]] = fields[i+1]
	}
	return tags
}

// A hearing is what this process knows of the tags of a resource by itself.
type hearing struct {
	read  bool // that they were read at the service, and were
	tags  digest
	wrote time.Time // when this process last wrote them; zero if never
}

// A digest stands for tags, so that they can be compared without being kept.
type digest [sha256.Size]byte

// digest leaves out AWS's own tags, which not every service shows.
func (t tagged) digest() digest {
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(t)) {
		if !strings.HasPrefix(key, "aws:") {
			text.WriteString(key + "\x00" + t[key] + "\x00")
		}
	}
	return sha256.Sum256([]byte(text.String()))
}

func newTagIndex() *tagIndex {
	return &tagIndex{heard: map[string]hearing{}}
}

// believed tells whether what the index says of a resource, which is nil if it says nothing, may be
// taken for its tags by somebody who looks for a fleet's resources of a kind; for an empty fleet, for
// whatever there is.
func (h hearing) believed(says tagged, s search, now time.Time) bool {
	switch {
	case says == nil, !h.wrote.IsZero() && now.Sub(h.wrote) < indexLag:
		return false
	case h.read:
		return h.tags == says.digest()
	case s.fleet == "":
		_, complete := says.mark()
		return complete
	}
	return says.in(s.fleet, s.kind)
}

// read notes the tags that the service itself gave.
func (ix *tagIndex) read(arn string, tags tagged) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	h := ix.heard[arn]
	h.read, h.tags = true, tags.digest()
	ix.heard[arn] = h
}

// wrote notes that this process writes, or has just written, tags.
func (ix *tagIndex) wrote(arn string) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.heard[arn] = hearing{wrote: time.Now()}
}

// forget drops what was heard of resources that the whole index lacks: those are read at their services in
// any case.
func (ix *tagIndex) forget(listing tagListing, at time.Time) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	maps.DeleteFunc(ix.heard, func(arn string, h hearing) bool {
		return listing[arn] == "" && at.Sub(h.wrote) >= indexLag
	})
}

// A saying is what the index has of a resource, if it may be believed.
type saying struct {
	tags     tagged
	believed bool
	hearsay  bool // no service has confirmed it to this process
}

// An indexLookup asks the index about a resource.
type indexLookup func(arn string, s search) saying

// index returns the look-up for one scan of what a service has in a scope. The index is listed when it is
// first asked, and answers for the whole scan from that listing: one of all services for everybody in a
// sweep, otherwise one of this service.
func (s *sessions) index(ctx context.Context, scope resource.Scope) indexLookup {
	if providers.IsAtSource(ctx) {
		return func(string, search) saying { return saying{} }
	}
	ix, listed := s.tagIndex(scope), make(chan tagListing, 1)
	listed <- nil
	whole := func(arn string) tagListing {
		listing := <-listed // a channel, since listing may take long
		defer func() { listed <- listing }()
		if listing == nil {
			listing = s.listIndex(ctx, scope, arn)
		}
		return listing
	}
	return func(arn string, want search) saying {
		says := whole(arn)[arn].unpack()
		ix.mu.Lock()
		heard := ix.heard[arn]
		ix.mu.Unlock()
		if heard.believed(says, want, time.Now()) {
			return saying{tags: says, believed: true, hearsay: !heard.read}
		}
		return saying{}
	}
}

// listIndex lists what serves a scan in which the resource is. If the index can't be read, it is empty:
// what the index doesn't tell is read at the service.
func (s *sessions) listIndex(ctx context.Context, scope resource.Scope, arn string) tagListing {
	list := func(services ...string) (tagListing, error) {
		client, err := s.tagging.in(ctx, scope)
		if err != nil {
			return nil, err
		}
		return listTags(ctx, client, scope, services)
	}
	sweep := providers.SweepOf(ctx)
	if sweep == nil {
		listing, err := list(serviceOf(arn))
		return listing.or(err)
	}
	listing, err := providers.Shared(ctx, sweep, s.tagIndex(scope), func() (tagListing, error) {
		began := time.Now()
		all, err := list(indexed...)
		if err == nil {
			s.tagIndex(scope).forget(all, began)
		}
		return all, err
	})
	return listing.or(err)
}

// or returns an empty listing in place of one that failed.
func (l tagListing) or(err error) tagListing {
	if err != nil {
		return tagListing{}
	}
	return l
}

// serviceOf is the service in an ARN.
func serviceOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 4); len(parts) == 4 {
		return parts[2]
	}
	return ""
}

// listTags lists what the index has of services in a scope. A resource that comes twice with different tags, as it may when
// it changes between two pages, is left out.
func listTags(ctx context.Context, client *tagging.Client, scope resource.Scope, services []string) (tagListing, error) {
	tags, torn := tagListing{}, map[string]bool{}
	pages := tagging.NewGetResourcesPaginator(client, &tagging.GetResourcesInput{
		ResourcesPerPage: aws.Int32(100), ResourceTypeFilters: services,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list the tags of", scope.String(), err)
		}
		for _, r := range page.ResourceTagMappingList {
			arn := strings.TrimSuffix(str(r.ResourceARN), ":*") // as log groups are called in places
			says := fromTags(r.Tags, func(t types.Tag) (key, value *string) { return t.Key, t.Value }).pack()
			if before, twice := tags[arn]; twice && before != says {
				torn[arn] = true
			}
			tags[arn] = says
		}
	}
	maps.DeleteFunc(tags, func(arn string, _ packedTags) bool { return torn[arn] })
	return tags, nil
}
