package awsbox

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The rules for tags that all services share:
// https://docs.aws.amazon.com/tag-editor/latest/userguide/tag-naming-limits.html
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
)

var tagText = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)

// readTags reads tags in any of the shapes that services use: a map, or a list of structures with
// Key and Value or TagKey and TagValue.
func (c *call) readTags(v any) (map[string]string, error) {
	tags := map[string]string{}
	add := func(key, value string) error {
		if _, twice := tags[key]; twice {
			return c.invalidTag("Duplicate tag keys found: " + key)
		}
		tags[key] = value
		return c.checkTag(key, value)
	}
	switch v := v.(type) {
	case obj:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if err := add(key, text(v[key])); err != nil {
				return nil, err
			}
		}
	case []any:
		for _, element := range v {
			pair, _ := element.(obj)
			if err := add(pair.str("Key")+pair.str("TagKey"), pair.str("Value")+pair.str("TagValue")); err != nil {
				return nil, err
			}
		}
	}
	return tags, nil
}

func (c *call) checkTag(key, value string) error {
	switch {
	case key == "" || len([]rune(key)) > maxTagKey:
		return c.invalidTag("A tag's key has 1 to 128 characters: " + key)
	case len([]rune(value)) > maxTagValue:
		return c.invalidTag("A tag's value has at most 256 characters: " + key)
	case strings.HasPrefix(strings.ToLower(key), "aws:"):
		return c.invalidTag("aws: prefixed tag key names are not allowed for external use: " + key)
	case !tagText.MatchString(key) || !tagText.MatchString(value):
		return c.invalidTag("The tag holds a character that isn't allowed: " + key + " = " + value)
	}
	return nil
}

func (c *call) invalidTag(message string) error {
	return refuse(c.srv.services[c.Service].codes.invalidTag, "%s", message)
}

// tag adds tags to a resource.
func (c *call) tag(r *Resource, v any) error {
	tags, err := c.readTags(v)
	if err != nil {
		return err
	}
	maps.Copy(r.Tags, tags)
	if len(r.Tags) > maxTags {
		return c.invalidTag("A resource has at most 50 tags")
	}
	return nil
}

// untag takes tags away; keys that aren't there are no error.
func untag(r *Resource, keys []string) {
	for _, key := range keys {
		delete(r.Tags, key)
	}
}

// tagList writes tags as a list of structures with the given names of members.
func tagList(tags map[string]string, key, value string) []obj {
	list := []obj{}
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, obj{key: name, value: tags[name]})
	}
	return list
}
