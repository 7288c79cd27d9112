package awsbox

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// An obj is a structure on the wire, as all the protocols agree on it. Requests hold text, numbers,
// booleans, []any and obj; answers may also hold time.Time, []string, []obj and, for maps with keys
// that are data, map[string]string.
type obj map[string]any

// str returns a member as text, whatever its type; "" if it is absent.
func (o obj) str(name string) string { return text(o[name]) }

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// has tells whether a member was given.
func (o obj) has(name string) bool { return o[name] != nil }

// int returns a number, or otherwise if it is absent or none.
func (o obj) int(name string, otherwise int) int {
	n, err := strconv.Atoi(o.str(name))
	if err != nil {
		return otherwise
	}
	return n
}

// bool returns a boolean; false if it is absent.
func (o obj) bool(name string) bool { return o.str(name) == "true" }

// list returns the elements of a list; nil if it is absent.
func (o obj) list(name string) []any {
	list, _ := o[name].([]any)
	return list
}

// strs returns a list of text.
func (o obj) strs(name string) []string {
	var out []string
	for _, v := range o.list(name) {
		out = append(out, text(v))
	}
	return out
}

// obj returns a structure or a map; nil if it is absent.
func (o obj) obj(name string) obj {
	inner, _ := o[name].(obj)
	return inner
}

// texts returns a map of text to text.
func (o obj) texts(name string) map[string]string {
	out := map[string]string{}
	for key, v := range o.obj(name) {
		out[key] = text(v)
	}
	return out
}

// add sets a member unless the value is empty text, and returns o.
func (o obj) add(name, value string) obj {
	if value != "" {
		o[name] = value
	}
	return o
}

// fromJSON gives decoded JSON the types of obj.
func fromJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		o := make(obj, len(v))
		for key, element := range v {
			o[key] = fromJSON(element)
		}
		return o
	case []any:
		for i, element := range v {
			v[i] = fromJSON(element)
		}
	}
	return v
}

// stamp writes a time into an attribute, parse reads it back.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func parseStamp(text string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, text) // ours alone write it
	return t
}
