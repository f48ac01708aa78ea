package checkpoint

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// PickleError refuses weights in PyTorch's pickle format, which runs code when it is read, with the command that converts them.
type PickleError struct {
	Files []string // of one network
	Given string   // the safetensors file that they were converted to, where it is there
}

// pickleEndings are those of torch.save.
var pickleEndings = []string{".bin", ".pth", ".pt", ".ckpt"}

// IsPickle tells whether a file is one of PyTorch's pickles by its name.
func IsPickle(name string) bool {
	return slices.Contains(pickleEndings, strings.ToLower(filepath.Ext(name)))
}

func (e *PickleError) Error() string {
	if e.Given != "" {
		return fmt.Sprintf("%s: a pickle of PyTorch is a program that runs when it is read, so it is refused: its conversion lies beside it, give %s", e.Files[0], e.Given)
	}
	names := make([]string, len(e.Files))
	for i, f := range e.Files {
		names[i] = filepath.Base(f)
	}
	return fmt.Sprintf("%s: a pickle of PyTorch is a program that runs when it is read, so it is refused: convert it once by the line below\n%s",
		strings.Join(names, ", "), e.Command())
}

// Command is a line for the shell that writes the tensors of the files as one safetensors file beside the first. A
// training checkpoint's weights may lie under "state_dict" or "model". Tensors that share memory are written one by one.
func (e *PickleError) Command() string {
	const program = `import sys, torch, safetensors.torch as s; d = {}; ` +
		`[d.update(x.get("state_dict", x.get("model", x))) for p in sys.argv[1:-1] for x in [torch.load(p, map_location="cpu", weights_only=True)]]; ` +
		`s.save_file({k: v.clone().contiguous() for k, v in d.items() if torch.is_tensor(v)}, sys.argv[-1], {"format": "pt"})`
	words := []string{"python3", "-c", program}
	words = append(words, e.Files...)
	words = append(words, e.converted())
	for i, w := range words {
		words[i] = quote(w)
	}
	return strings.Join(words, " ")
}

// converted is where the command writes to.
func (e *PickleError) converted() string {
	dir, base := filepath.Split(e.Files[0])
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	if strings.HasPrefix(stem, "pytorch_model") || len(e.Files) > 1 {
		stem = "model"
	}
	return dir + stem + fileEnding
}

// quote makes a word of the shell.
func quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./+=:,@%", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
