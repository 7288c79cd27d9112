package main

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// What is kept of a schema, by how its value is to be read. Descriptions, titles and examples are
// AWS's texts and aren't copied.
var (
	keywords = map[string]bool{
		"type": true, "enum": true, "const": true, "pattern": true, "minLength": true, "maxLength": true, "minimum": true, "maximum": true,
		"exclusiveMinimum": true, "exclusiveMaximum": true, "multipleOf": true, "minItems": true, "maxItems": true, "uniqueItems": true,
		"minProperties": true, "maxProperties": true, "required": true, "default": true, "$ref": true, "format": true,
		"insertionOrder": true, "arrayType": true, "dependentRequired": true,
	}
	oneSchema   = map[string]bool{"items": true, "additionalProperties": true, "not": true}
	someSchemas = map[string]bool{"oneOf": true, "anyOf": true, "allOf": true}
	namedOnes   = map[string]bool{"properties": true, "patternProperties": true, "definitions": true}
)

// trim leaves of a schema what says something to a program.
func trim(text []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("read a schema: %w", err)
	}
	out, err := json.Marshal(trimmed(v)) // sorts the keys
	if err != nil {
		return nil, fmt.Errorf("write a schema: %w", err)
	}
	return out, nil
}

func trimmed(v any) any {
	schema, ok := v.(map[string]any)
	if !ok {
		return v // true and false are schemas, too
	}
	for key, value := range schema {
		switch {
		case keywords[key]:
		case oneSchema[key]:
			schema[key] = trimmed(value)
		case someSchemas[key]:
			if list, ok := value.([]any); ok {
				for i := range list {
					list[i] = trimmed(list[i])
				}
			}
		case namedOnes[key]:
			if named, ok := value.(map[string]any); ok {
				for name := range named {
					named[name] = trimmed(named[name])
				}
			}
		default:
			delete(schema, key)
		}
	}
	return schema
}
