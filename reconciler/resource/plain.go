package resource

// isPlain tells whether a JSON text is canonical as it stands, which most values are: a word, a short whole
// number, an empty list or object, a string of printable ASCII without escapes. Others may be canonical, too.
func isPlain(text []byte) bool {
	switch string(text) {
	case "true", "false", "null", "[]", "{}":
		return true
	case "", "-", "-0":
		return false
	}
	if text[0] == '"' {
		return len(text) > 1 && text[len(text)-1] == '"' && isPlainString(text[1:len(text)-1])
	}
	return isPlainNumber(text)
}

func isPlainString(text []byte) bool {
	for _, b := range text {
		if b < ' ' || b > '~' || b == '"' || b == '\\' {
			return false
		}
	}
	return true
}

// isPlainNumber: whole numbers of so few digits have no shorter form.
func isPlainNumber(text []byte) bool {
	if text[0] == '-' {
		text = text[1:]
	}
	if len(text) > 15 || text[0] == '0' && len(text) > 1 {
		return false
	}
	for _, b := range text {
		if b < '0' || b > '9' {
			return false
		}
	}
	return true
}
