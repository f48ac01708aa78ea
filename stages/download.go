package stages

import (
	"context"
	"encoding/json"
	"os"
	"path"
	"slices"

	"github.com/pipe-ml/pipe/stages/fetch"
)

// DownloadType is the stage type that fetches what an input names by an hf:// address.
const DownloadType = "download"

func init() {
	Register(Type{
		Name:    DownloadType,
		Version: 1,
		Doc: "Fetches published files, such as the weights of a network, from the Hugging Face Hub or over HTTPS.\n\n" +
			"An input of any stage takes the address itself, model = \"hf://OWNER/NAME@REVISION\", and stands for a stage of this type, " +
			"download.hf[source=ADDRESS], which all that name the same address share. What reads the files is keyed by their content.\n\n" +
			"A revision is a commit, a branch or a tag; without one it is main. What a branch or tag means is looked up once, when the stage " +
			"first runs, and kept with the result (output record): apply -replace asks again. Write the commit to say it in the pipeline. " +
			"Of a repository, what makes a network is fetched: configurations, vocabularies, and of the weights one form, in safetensors. " +
			"PyTorch's pickles are refused with the command that converts them.\n\n" +
			"Every file is checked: by its SHA-256, or git's name of it, as the Hub lists it. A download that breaks off goes on where it ended, " +
			"also in a later run; files lie in pipe/downloads in the user's cache folder (XDG_CACHE_HOME, or .cache), for all pipelines, " +
			"and may be removed at any time. " +
			"HF_TOKEN is for private and gated repositories, HF_ENDPOINT names a mirror of the Hub.",
		CPUs:   1,
		Memory: 256 << 20,
		New:    func() Stage { return &download{} },
	})
}

type download struct {
	Source string   `pipe:"source" doc:"hf://OWNER/NAME@REVISION, with /PATH for a file or folder of it, or https://HOST/PATH with its sha256."`
	Only   []string `pipe:"only,optional" doc:"Patterns of the files of a repository to fetch instead, such as \"*.json\" or \"unet/*\"."`
	SHA256 string   `pipe:"sha256,optional" doc:"What the file must hash to, where source is one file. An https:// address needs it."`

	Out    Output `pipe:"files" doc:"The files; those of a folder of the repository without its path."`
	Record Output `pipe:"record" path:"record.json" doc:"The address with its commit, and the digests of the files."`
}

// fileEndings are those by which an address is known to be of one file before the Hub is asked.
var fileEndings = []string{".safetensors", ".json", ".txt"}

// Validate implements Validator.
func (s *download) Validate() error {
	a, err := fetch.Parse(s.Source)
	switch {
	case s.Source == "":
		return nil // told already
	case err != nil:
		return wrong("source", "%v", err)
	case s.SHA256 != "":
		if err := fetch.CheckSHA256(s.SHA256); err != nil {
			return wrong("sha256", "%v", err)
		}
	case a.URL != "":
		return wrong("source", "an https:// address needs sha256, so that it means the same file for ever: write it (sha256sum tells it of a file)")
	}
	if (a.URL != "" || slices.Contains(fileEndings, path.Ext(a.Path))) && len(s.Only) > 0 {
		return wrong("only", "chooses among the files of a repository, and source is one file: leave it out")
	}
	return nil
}

func (s *download) Run(ctx context.Context, r Reporter) error {
	a, err := fetch.Parse(s.Source)
	if err != nil {
		return err
	}
	c, err := fetch.New()
	if err != nil {
		return err
	}
	c.Log = r.Log
	const unit = 1 << 20
	shown := int64(-1)
	c.Progress = func(done, total int64) {
		if at := done / unit; at != shown {
			shown = at
			r.Progress(int(at), int((total+unit-1)/unit), nil) // in MiB
		}
	}
	if err := os.MkdirAll(string(s.Out), 0o777); err != nil {
		return err
	}
	rec, err := c.Fetch(ctx, a, fetch.Options{Files: s.Only, SHA256: s.SHA256}, string(s.Out))
	if err != nil {
		return err
	}
	bytes := int64(0)
	for _, f := range rec.Files {
		r.Log("%s: %d bytes, %s", f.Path, f.Size, f.Digest)
		bytes += f.Size
	}
	r.Metric("files", float64(len(rec.Files)))
	r.Metric("bytes", float64(bytes))
	text, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(string(s.Record), append(text, '\n'), 0o666)
}
