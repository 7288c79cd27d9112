package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"tenantry.dev/internal/audit"
	"tenantry.dev/internal/store"
)

func (a *app) auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Prove or export the audit log"}
	var asJSON bool
	var heads []string
	verify := &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Prove that the audit log, or an export of it, was not altered",
		Long: "Prove that the audit log, or an export of it, was not altered. With --head, prove it also against a head that\n" +
			"was kept elsewhere, such as the one at the foot of an audit report in Git: only that finds a log that was cut or\n" +
			"rewritten as a whole.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			head, err := a.verify(cmd, args, heads)
			if asJSON {
				return errors.Join(a.printJSON(map[string]any{"format_version": formatVersion, "valid": err == nil, "head": head}), err)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.out, "The log is whole: %s.\n", head)
			return err
		},
	}
	verify.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	verify.Flags().StringArrayVar(&heads, "head", nil, "a head that was kept, such as \"183 entries, sha256:…\"; may be repeated")
	export := &cobra.Command{
		Use:   "export",
		Short: "Print the audit log as JSON lines, the head first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			kept, err := a.log(cmd)
			if err != nil {
				return err
			}
			return errors.Join(kept.Export(cmd.Context(), a.out), kept.Close())
		},
	}
	export.Flags().Bool("json", true, "as JSON lines; it is the only format")
	cmd.AddCommand(verify, export)
	return cmd
}

// log opens the store that is meant by the settings.
func (a *app) log(cmd *cobra.Command) (*store.Store, error) {
	if a.dataDir == "" {
		return nil, errors.New("which log? Give --data-dir, or set TENANTRY_DATA_DIR")
	}
	return store.Open(cmd.Context(), a.dataDir, store.ReadOnly)
}

func (a *app) verify(cmd *cobra.Command, args, heads []string) (audit.Head, error) {
	var known []audit.Head
	for _, text := range heads {
		var head audit.Head
		if _, err := fmt.Sscanf(text, "%d entries, %s", &head.Size, &head.Hash); err != nil {
			return audit.Head{}, fmt.Errorf("--head %q: want it as reports write it, such as \"183 entries, sha256:…\"", text)
		}
		known = append(known, head)
	}
	if len(args) == 0 {
		kept, err := a.log(cmd)
		if err != nil {
			return audit.Head{}, err
		}
		head, err := kept.Verify(cmd.Context(), known...)
		return head, errors.Join(err, kept.Close())
	}
	file, err := os.Open(args[0])
	if err != nil {
		return audit.Head{}, fmt.Errorf("audit log: %w", err)
	}
	claimed, records, err := audit.Import(file)
	if err != nil {
		return audit.Head{}, errors.Join(err, file.Close())
	}
	head, err := audit.Verify(records, append(known, claimed)...)
	return head, errors.Join(err, file.Close())
}
