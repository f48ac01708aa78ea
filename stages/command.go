package stages

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

func init() {
	Register(Type{
		Name:    "command",
		Version: 1,
		Doc: "Runs any program.\n\n" +
			"The program starts in a private work folder that holds the files of code under their own names. " +
			"input.NAME, output.NAME and params.file are paths there; params is written to params.file as JSON. " +
			"It sees PATH, HOME and the like from outside, the GPUs of resources { gpus } in CUDA_VISIBLE_DEVICES, and what env says. " +
			"Its standard output and error go to the log; it must end with status 0 and have made every output. " +
			"Symbolic links in an output are followed, and what they lead to is stored; one that leads nowhere, or back to a folder it lies in, is an error. " +
			"What the program leaves running is killed when it ends.",
		CPUs:   1,
		Memory: 1 << 30,
		New:    func() Stage { return &command{} },
	})
}

type command struct {
	Command []string          `pipe:"command" doc:"The program and its arguments; no shell."`
	Code    []string          `pipe:"code,optional" role:"code" doc:"Files whose content enters the key, relative to the pipeline's folder."`
	Env     map[string]string `pipe:"env,optional" doc:"Environment variables."`
	Probe   []string          `pipe:"probe,optional" role:"probe" doc:"A program whose output enters the key, such as [\"python3\", \"--version\"]: when the environment changes, the stage runs again."`
	Params  map[string]any    `pipe:"params,optional" doc:"Values for the program, written as JSON to params.file."`

	Inputs  map[string]Input  `pipe:"inputs,optional" doc:"What the program reads, by name."`
	Outputs map[string]Output `pipe:"outputs" doc:"What it makes: name = file name."`
}

// inherited are the variables that a program gets from outside. They are not part of the key, so only what
// a program cannot start without is here.
var inherited = []string{"PATH", "HOME", "USER", "TMPDIR", "LANG", "SYSTEMROOT", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"}

// grace is how long a cancelled program may take to clean up before it is killed.
const grace = 5 * time.Second

func (c *command) Validate() error {
	if len(c.Command) == 0 || c.Command[0] == "" {
		return wrong("command", `names no program; write ["PROGRAM", "ARGUMENT"]`)
	}
	return nil
}

func (c *command) Run(ctx context.Context, r Reporter) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	params := filepath.Join(dir, "params.json")
	if err := writeParams(params, c.Params); err != nil {
		return err
	}
	for _, name := range sortedKeys(c.Outputs) {
		if err := os.MkdirAll(filepath.Dir(string(c.Outputs[name])), 0o777); err != nil {
			return err
		}
	}
	paths := placeholders(c.Inputs, c.Outputs, params)
	argv := make([]string, len(c.Command))
	for i, arg := range c.Command {
		argv[i] = paths.Replace(arg)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	for _, name := range inherited {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	for _, name := range sortedKeys(c.Env) {
		cmd.Env = append(cmd.Env, name+"="+paths.Replace(c.Env[name]))
	}
	tail, err := runLogged(cmd, r)
	if ctx.Err() != nil {
		return fmt.Errorf("%s: stopped: %w", argv[0], context.Cause(ctx))
	}
	var status *exec.ExitError
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("%w: install it, or write its path in command", err)
	case errors.As(err, &status) && !status.Exited():
		err = fmt.Errorf("%w: if nobody killed it, the machine was out of memory: give the stage more with resources { memory }, or run fewer at once", err)
	}
	if err != nil {
		if len(tail) > 0 {
			return fmt.Errorf("%s: %w; its last lines:\n  %s", argv[0], err, strings.Join(tail, "\n  "))
		}
		return fmt.Errorf("%s: %w", argv[0], err)
	}
	var missing []string
	for _, name := range sortedKeys(c.Outputs) {
		if _, err := os.Lstat(string(c.Outputs[name])); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s: ended well but did not make %s: the program must write each to its output.NAME", argv[0], strings.Join(missing, ", "))
	}
	return nil
}

func writeParams(path string, params map[string]any) error {
	if params == nil {
		params = map[string]any{}
	}
	text, err := json.MarshalIndent(params, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o666)
}

// runLogged runs cmd in its own process group with both output streams sent to the log, and returns the
// last lines. When the context ends, the group is told to stop and, after a grace, killed; whatever the
// program leaves running is killed with it.
func runLogged(cmd *exec.Cmd, r Reporter) ([]string, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	cmd.Stdout, cmd.Stderr = writer, writer
	ownGroup(cmd)
	cmd.WaitDelay = grace
	err = cmd.Start()
	writer.Close()
	if err != nil {
		return nil, err
	}
	var tail []string
	var reading sync.WaitGroup
	reading.Go(func() { tail = logLines(reader, r) })
	err = cmd.Wait()
	killGroup(cmd)
	// A process that left the group may hold the pipe open for ever; what it says later is not waited for.
	_ = reader.SetReadDeadline(time.Now().Add(time.Second))
	reading.Wait()
	return tail, err
}

// logLines sends each line to the log, cutting very long ones, and returns the last ten.
func logLines(reader io.Reader, r Reporter) []string {
	const keep, longest = 10, 4096
	var tail []string
	lines := bufio.NewReaderSize(reader, longest)
	for {
		start, more, err := lines.ReadLine()
		line := string(start) // what follows reuses the buffer
		for more && err == nil {
			_, more, err = lines.ReadLine()
		}
		if line != "" || err == nil {
			r.Log("%s", line)
			tail = append(tail, line)
			tail = tail[max(0, len(tail)-keep):]
		}
		if err != nil {
			return tail
		}
	}
}
