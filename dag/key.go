package dag

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// probePatience bounds a node's probe: it prints a version, it does no work.
const probePatience = 10 * time.Second

// resolver turns nodes into manifests, given the artifacts of what they read. It is safe for several
// goroutines; files are hashed and probes are run once.
type resolver struct {
	root     string
	files    *statCache
	patience time.Duration // with one probe
	probes   sync.Map      // folder and command line -> func() (string, error)
	paths    sync.Map      // path -> func() (Digest, error)
}

// resolved is a node with its manifest and key.
type resolved struct {
	manifest *Manifest
	raw      []byte
	key      string
}

// known are the outputs of producers and the lists of groups whose results are there.
type known interface {
	artifact(Ref) (Artifact, bool)
	group(address string) (Digest, bool)
}

// resolve makes the manifest of n. Inputs that are not known yet are left without a digest and the key is
// empty: what is there still tells whether anything else changed.
func (r *resolver) resolve(ctx context.Context, n *Node, have known) (*resolved, error) {
	m := &Manifest{
		Schema: manifestSchema, Type: n.Type, Version: n.Version, Config: n.Config, Salt: n.Salt,
		Outputs: make(map[string]string, len(n.Outputs)), Code: map[string]string{}, Environment: map[string]string{},
	}
	if m.Config == nil {
		m.Config = map[string]any{}
	}
	for _, o := range n.Outputs {
		m.Outputs[o.Name] = o.Path
	}
	var errs []error
	complete := true
	for _, in := range n.Inputs {
		mi, err := r.input(in, have)
		if err != nil {
			errs = append(errs, fmt.Errorf("input %s%s: %w", in.Name, cmp.Or(n.at("inputs."+in.Name), n.at(in.Name), n.Pos[""]).note(), err))
		}
		complete = complete && mi.Digest != ""
		m.Inputs = append(m.Inputs, mi)
	}
	root := cmp.Or(n.Root, r.root)
	for _, file := range n.Code {
		d, err := r.path(filepath.Join(root, filepath.FromSlash(file)))
		if err != nil {
			errs = append(errs, fmt.Errorf("code %s%s: %w", file, cmp.Or(n.at("code"), n.Pos[""]).note(), err))
		}
		m.Code[file] = string(d)
	}
	if len(n.Probe) > 0 {
		out, err := r.probe(ctx, root, n.Probe)
		if err != nil {
			errs = append(errs, fmt.Errorf("probe %q%s: %w", strings.Join(n.Probe, " "), cmp.Or(n.at("probe"), n.Pos[""]).note(), err))
		}
		m.Environment[strings.Join(n.Probe, " ")] = out
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("%s: %w", n.Address, err)
	}
	res := &resolved{manifest: m}
	if complete {
		var err error
		if res.raw, res.key, err = m.canonical(); err != nil {
			return nil, fmt.Errorf("%s: %w", n.Address, err)
		}
	}
	return res, nil
}

func (r *resolver) input(in Input, have known) (ManifestInput, error) {
	mi := ManifestInput{Name: in.Name, As: in.Name}
	switch {
	case in.From != nil:
		if a, ok := have.artifact(*in.From); ok {
			mi.Digest, mi.As = a.Digest, in.Name+a.ext()
		}
	case in.Group != "":
		mi.Group = true
		mi.Digest, _ = have.group(in.Group)
	default:
		var err error
		mi.As = filepath.Base(in.Path)
		if mi.Digest, err = r.path(in.Path); err != nil {
			return mi, err
		}
	}
	return mi, nil
}

// path is the digest of a file or folder outside the store, as it was when it was first asked for.
func (r *resolver) path(path string) (Digest, error) {
	read, _ := r.paths.LoadOrStore(path, sync.OnceValues(func() (Digest, error) {
		d, err := r.files.digest(path)
		if errors.Is(err, fs.ErrNotExist) {
			if to, no := os.Readlink(path); no == nil {
				err = fmt.Errorf("%s is a link to %s, which is not there: mend the link, or name what it should lead to", path, to)
			} else {
				err = fmt.Errorf("%w: make it, or mend the path", err)
			}
		}
		return d, err
	}))
	return read.(func() (Digest, error))()
}

// members is the list of a group, if all that it gathers is known.
func (r *resolver) members(n *Node, have known) (list []ManifestMember, ok bool) {
	for i, m := range n.Group {
		a, ok := have.artifact(m.Ref)
		if !ok {
			return nil, false
		}
		list = append(list, ManifestMember{Axes: m.Axes, Digest: a.Digest, As: fmt.Sprintf("%04d%s", i, a.ext())})
	}
	return list, true
}

// probe runs a program in root, once per engine call, and gives what it printed.
func (r *resolver) probe(ctx context.Context, root string, argv []string) (string, error) {
	run, _ := r.probes.LoadOrStore(root+"\x00"+strings.Join(argv, "\x00"), sync.OnceValues(func() (string, error) {
		limited, cancel := context.WithTimeout(ctx, r.patience)
		defer cancel()
		cmd := exec.CommandContext(limited, argv[0], argv[1:]...)
		cmd.Dir, cmd.Env = root, append(os.Environ(), "LC_ALL=C")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what it starts ends with it
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		cmd.WaitDelay = time.Second
		out, err := cmd.CombinedOutput()
		out = bytes.TrimSpace(out)
		switch {
		case err == nil:
			return string(bytes.ToValidUTF8(out, []byte("?"))), nil
		case ctx.Err() != nil:
			return "", ctx.Err()
		case limited.Err() != nil:
			return "", fmt.Errorf("it did not end in %v and was killed: a probe prints a version and ends", r.patience)
		case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("%w: install it, or write its path", err)
		case len(out) > 0:
			return "", fmt.Errorf("%w; it printed:\n%s", err, out)
		}
		return "", fmt.Errorf("%w, and it printed nothing: run it by hand to see why", err)
	}))
	return run.(func() (string, error))()
}
