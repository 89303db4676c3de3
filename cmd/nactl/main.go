// Command nactl is the operator's command line for coredns-na: a client of the
// admin API and nothing more. It opens no database and decides nothing; what
// the server refuses is shown as the server put it.
//
// It exits with 0 when done, 1 when something was refused or failed, and 2
// when the command line was wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/coredns-na/coredns-na/internal/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// app is what the flags for every command say, and where in- and output go.
type app struct {
	server, tokenFile string
	ca, cert, key     string
	output            string
	timeout           time.Duration
	in                io.Reader
	out, err          io.Writer
}

// failure is an error of a command line that was understood: exit code 1.
// Every other error is one of usage.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{in: stdin, out: stdout, err: stderr}
	root := a.command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "nactl:", err)
	if errors.As(err, new(failure)) {
		return 1
	}
	fmt.Fprintln(stderr, `Run "nactl --help", or --help after a command.`)
	return 2
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "nactl",
		Short: "Flag names, run cases, and see where they stand",
		Long: "nactl asks the admin API of a running coredns-na.\n\n" +
			"Over a unix socket the file mode decides who may; over TCP a token does\n" +
			"(NACTL_TOKEN or --token-file), or a client certificate (--cert and --key).\n" +
			"It exits with 0 when done, 1 when something was refused or failed, 2 when\n" +
			"the command line was wrong.",
		Version:       version.String(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if a.output != "table" && a.output != "json" {
				return fmt.Errorf("--output: expected table or json, got %q", a.output)
			}
			if a.timeout <= 0 {
				return fmt.Errorf("--timeout: expected more than 0, got %q", a.timeout)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("nactl {{.Version}}\n")
	server := os.Getenv("NACTL_SERVER")
	if server == "" {
		server = "unix:noticeaction.sock"
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.server, "server", server, "where the API is: unix:PATH, http://HOST:PORT or https://HOST:PORT (NACTL_SERVER)")
	flags.StringVar(&a.tokenFile, "token-file", "", "file that holds the token, instead of NACTL_TOKEN")
	flags.StringVar(&a.ca, "ca", "", "PEM file of the CA that issued the server's certificate")
	flags.StringVar(&a.cert, "cert", "", "PEM file of the client certificate")
	flags.StringVar(&a.key, "key", "", "PEM file of its key")
	flags.StringVar(&a.output, "output", "table", "table or json")
	flags.DurationVar(&a.timeout, "timeout", 30*time.Second, "longest wait for an answer; in export and backup, for its next part; import waits as long as it takes")
	complete(root, "output", "table", "json")

	root.AddCommand(
		a.flagCommand(), a.unflagCommand(), a.listCommand(), a.showCommand(), a.previewCommand(),
		a.importCommand(), a.exportCommand(), a.backupCommand(),
		a.caseCommand(), a.noticeCommand(), a.pageCommand(), a.deadlinesCommand(), a.taskCommand(), a.statisticsCommand(),
		a.nodesCommand(), a.replicaCommand(), a.statusCommand(), a.auditCommand(), a.tokenCommand(),
	)
	return root
}

// do makes the body of a command: its errors exit with 1, unless they are
// marked as usage.
func do(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := f(cmd.Context(), args)
		if err == nil || errors.As(err, new(usage)) {
			return err
		}
		return failure{err}
	}
}

// usage is an error in the command line that shows only while it is carried
// out.
type usage struct{ error }

// complete offers fixed values for a flag in the shell.
func complete(cmd *cobra.Command, flag string, values ...string) {
	must(cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)))
}

// must stops on a mistake in this program.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
