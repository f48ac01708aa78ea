package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/pipe-ml/pipe/cmd/pipe/internal/view"
)

// streams are what the program reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// globalOptions are the flags of every verb.
type globalOptions struct {
	json    bool
	noColor bool
	cache   string
	chdir   string
}

// app is what verbs share: the streams and the global flags.
type app struct {
	streams
	globalOptions
	view view.View // made when the flags are read
	mask view.Mask // hides sensitive values in all that is shown
}

// Main runs the program and returns its exit code.
func Main(ctx context.Context, args []string, s streams) int {
	signal.Ignore(syscall.SIGXFSZ) // a limit on the size of files is an error of write, as a full disk is
	a := &app{streams: s}
	root := a.command()
	args = doubleDashes(args)
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	err := root.ExecuteContext(ctx)
	if a.view == nil { // the command line is wrong, and its flags may not have been read
		a.json = slices.Contains(args, "--json")
		a.view = a.newView()
	}
	code, err := codeOf(err)
	if err != nil {
		a.view.Error(err)
	}
	a.view.Close()
	return code
}

// command is the root of the verbs.
func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "pipe",
		Short: "Run machine-learning studies, only what changed",
		Long: `pipe reads a pipeline, builds its graph, and runs every stage whose inputs, code or configuration changed.

A pipeline is an HCL file, a folder of them, or the name of one that comes with the program.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			a.view = a.newView()
			return a.enter()
		},
	}
	flags := root.PersistentFlags()
	flags.BoolVar(&a.json, "json", false, "write one JSON object a line")
	flags.BoolVar(&a.noColor, "no-color", false, "write without colours (also: NO_COLOR)")
	flags.StringVar(&a.cache, "cache", "", "`FOLDER` of the store (default: PIPE_CACHE, else .pipe)")
	flags.StringVar(&a.chdir, "chdir", "", "`FOLDER` to change to before anything else")
	root.AddCommand(
		a.applyCommand(), a.planCommand(), a.whyCommand(), a.validateCommand(), a.fmtCommand(), a.graphCommand(),
		a.showCommand(), a.runsCommand(), a.logsCommand(), a.diffCommand(), a.gcCommand(), a.verifyCommand(), a.doctorCommand(),
		a.docsCommand(), a.workerCommand(), a.versionCommand(), a.completionCommand(root),
	)
	explainUsage(root)
	root.CompletionOptions.DisableDefaultCmd = true
	return root
}

// enter changes to the folder of -chdir.
func (a *app) enter() error {
	if a.chdir == "" {
		return nil
	}
	return os.Chdir(a.chdir)
}

// newView chooses how to write: JSON, plain text, or colours and live bars on a terminal.
func (a *app) newView() view.View {
	if a.json {
		return view.NewJSON(a.out, &a.mask)
	}
	style := view.Style{}
	if isTerminal(a.out) && os.Getenv("TERM") != "dumb" {
		style.Live = true
		style.Color = isTerminal(a.err) && !a.noColor && os.Getenv("NO_COLOR") == "" // mistakes may go to a file
		if width, _, err := term.GetSize(int(a.out.(*os.File).Fd())); err == nil {
			style.Width = width
		}
	}
	return view.NewHuman(a.out, a.err, style, &a.mask)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// doubleDashes lets long flags be written with one dash, as Terraform's users do: -var becomes --var. A
// single letter stays a short flag, and what follows -- stays as it is.
func doubleDashes(args []string) []string {
	out := make([]string, len(args))
	for i, arg := range args {
		if arg == "--" {
			copy(out[i:], args[i:])
			break
		}
		out[i] = arg
		if len(arg) > 2 && arg[0] == '-' && arg[1] != '-' && arg[1] != '=' && !strings.ContainsAny(arg[1:2], "0123456789.") {
			out[i] = "-" + arg
		}
	}
	return out
}

// exits ends a verb's help with its exit codes.
func exits(lines ...string) string {
	return "\n\nExit codes:\n  " + strings.Join(lines, "\n  ")
}

// Lines for exits.
const (
	exits0       = "0    done"
	exits1       = "1    the pipeline or the command line is wrong, or the store cannot be used"
	exits2       = "2    something would run or be published (with -detailed-exitcode)"
	exits3       = "3    a file is not formatted (with -check)"
	exits4       = "4    some stages failed; those that do not need them have finished"
	exits4verify = "4    something is damaged, differs or failed"
	exits1doctor = "1    a check failed"
	exits130     = "130  interrupted"
)
