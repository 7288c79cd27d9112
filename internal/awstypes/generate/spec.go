package main

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// A specData is what the CDK's service specification has beyond the schemas.
type specData struct {
	version string
	types   map[string]specType
}

type specType struct {
	Name      string `json:"cloudFormationType"`
	HoldsData bool   `json:"isStateful"`
	ARN       string `json:"arnTemplate"`
	Tags      *struct {
		Property string `json:"tagPropertyName"`
		Variant  string `json:"variant"`
	} `json:"tagInformation"`
}

func readSpec(dir string) (out specData, failure error) {
	var about struct {
		Version string `json:"version"`
	}
	if err := readJSON(filepath.Join(dir, "package.json"), &about); err != nil {
		return out, err
	}
	f, err := os.Open(filepath.Join(dir, "db.json.gz")) //nolint:gosec // the caller says where
	if err != nil {
		return out, fmt.Errorf("open the service specification: %w", err)
	}
	defer func() { failure = errors.Join(failure, f.Close()) }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return out, fmt.Errorf("open the service specification: %w", err)
	}
	var db struct {
		Schema struct {
			Resource struct {
				Entities []specType `json:"entities"`
			} `json:"resource"`
		} `json:"schema"`
	}
	if err := json.NewDecoder(z).Decode(&db); err != nil {
		return out, fmt.Errorf("read the service specification: %w", err)
	}
	out = specData{version: about.Version, types: map[string]specType{}}
	for _, t := range db.Schema.Resource.Entities {
		out.types[t.Name] = t
	}
	if len(out.types) == 0 {
		return out, errors.New("the service specification has no resources")
	}
	return out, nil
}
