package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"

	"github.com/spf13/cobra"
)

// What the server takes in its tokens file.
var (
	tokenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)
	tokenRole = regexp.MustCompile(`^(viewer|operator|admin|authority:[a-z0-9-]{1,63})$`)
)

func (a *app) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make tokens for calls over TCP",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "new NAME ROLE",
		Short: "Make a token, and its line for the tokens file",
		Long: "Prints a new token, this once, and the line that admits it, which holds only its\n" +
			"SHA-256. The role is viewer, operator, admin or authority:NAME. Asks no server:\n" +
			"put the line into the tokens file and reload.",
		Args: cobra.ExactArgs(2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) != 1 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []string{"viewer", "operator", "admin", "authority:"}, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		},
		RunE: do(func(_ context.Context, args []string) error { return a.newToken(args[0], args[1]) }),
	})
	return cmd
}

func (a *app) newToken(name, role string) error {
	if !tokenName.MatchString(name) || name == "system" {
		return usage{fmt.Errorf("expected a name of 1 to 64 letters, digits, \".\", \"_\", \"@\" or \"-\", got %q", name)}
	}
	if !tokenRole.MatchString(role) {
		return usage{fmt.Errorf("expected the role viewer, operator, admin or authority:NAME, got %q", role)}
	}
	secret := make([]byte, 32)
	rand.Read(secret) // never fails: crypto/rand ends the program instead
	token := base64.RawURLEncoding.EncodeToString(secret)
	sum := sha256.Sum256([]byte(token))
	line := fmt.Sprintf("%s %s %s", name, role, hex.EncodeToString(sum[:]))
	result := struct {
		Token string `json:"token"`
		Line  string `json:"line"`
	}{token, line}
	return a.showValue(result, func(w io.Writer) {
		fmt.Fprintf(w, "token, shown only now:\n  %s\nline for the tokens file:\n  %s\n", token, line)
	})
}
