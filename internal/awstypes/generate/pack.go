package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"tenantry.dev/internal/awstypes"
)

// merge brings both sources together. A schema that can't be read is left out, and said.
func merge(lint lintData, spec specData) ([]awstypes.Type, awstypes.Index) {
	index := awstypes.Index{
		Sources: []awstypes.Source{
			{Name: "cfn-lint", Version: lint.version, Licence: "MIT-0"},
			{Name: "@aws-cdk/aws-service-spec", Version: spec.version, Licence: "Apache-2.0"},
		},
		Regions: slices.Sorted(maps.Keys(lint.regions)),
	}
	var types []awstypes.Type
	for _, name := range slices.Sorted(maps.Keys(lint.types)) {
		if strings.HasSuffix(name, "::MODULE") {
			continue
		}
		t, err := lint.types[name].typeOf()
		if err != nil {
			fmt.Fprintln(os.Stderr, "left out:", err)
			continue
		}
		more := spec.types[name]
		t.ARN, t.HoldsData = more.ARN, more.HoldsData
		if more.Tags != nil && more.Tags.Property == t.Tagging.Property {
			t.Tagging.AsMap = more.Tags.Variant == "map"
		}
		types = append(types, t)
		e := awstypes.Entry{Name: name, Lacks: t.Lacks(), Named: t.Named()}
		for i, region := range index.Regions {
			if !lint.regions[region][name] {
				e.Absent = append(e.Absent, i)
			}
		}
		index.Types = append(index.Types, e)
	}
	return types, index
}

// pack writes the archive. It has no times in it, so that equal data has equal bytes.
func pack(types []awstypes.Type, index awstypes.Index) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	add := func(name string, v any) error {
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
		if err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if _, err := w.Write(text); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		return nil
	}
	if err := add("index.json", index); err != nil {
		return nil, err
	}
	for _, t := range types {
		if err := add(strings.ReplaceAll(t.Name, "::", "/")+".json", t); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("close the archive: %w", err)
	}
	return b.Bytes(), nil
}
