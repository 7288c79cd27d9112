package resource

import "strings"

// At returns the value at a path into attributes, such as "BackupSelection.SelectionName"; unset if there
// is nothing.
func (a Attributes) At(path string) Value {
	name, rest, deeper := strings.Cut(path, ".")
	v := a[name]
	for deeper {
		name, rest, deeper = strings.Cut(rest, ".")
		members, _ := v.Members()
		v = members[name]
	}
	return v
}

// Alike tells whether two values name the same thing: they are equal, or one is an ARN that ends in the
// other. Services take either and give back the one that they like.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
func Alike(a, b Value) bool {
	if a.Equal(b) {
		return true
	}
	long, short := a.Text(), b.Text()
	if len(long) < len(short) {
		long, short = short, long
	}
	return short != "" && !a.IsSecret() && !b.IsSecret() && strings.HasPrefix(long, "arn:") &&
		(strings.HasSuffix(long, ":"+short) || strings.HasSuffix(long, "/"+short))
}
