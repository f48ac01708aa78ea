package stages

import (
	"context"
	"fmt"

	"github.com/pipe-ml/pipe/nn/token"
	"github.com/pipe-ml/pipe/stages/artifact"
)

func init() {
	Register(Type{
		Name:    "tokenize",
		Version: 1,
		Doc: "Turns the captions of a data set into token ids by CLIP's byte-level byte pair encoding.\n\n" +
			"The vocabulary comes from a file or folder, or else is made from the captions of the images that are not in a given test split.",
		CPUs:   1,
		Memory: 512 << 20,
		New:    func() Stage { return &tokenize{} },
	})
}

type tokenize struct {
	MaxLength int    `pipe:"max_length" default:"77" min:"3" max:"4096" doc:"Ids a caption, with both marks; longer captions are cut."`
	VocabSize int    `pipe:"vocab_size" default:"2048" min:"514" max:"100000" doc:"Most ids of a vocabulary made from the captions."`
	Data      Input  `pipe:"data" kind:"dataset" doc:"The data set whose captions to take."`
	Vocab     Input  `pipe:"vocab,optional" doc:"A folder with vocab.json and merges.txt or tokenizer.json, such as the tokenizer/ of a published model, or CLIP's bpe_simple_vocab_16e6.txt.gz."`
	Tokens    Output `pipe:"tokens" kind:"tokens" doc:"The ids of every image's caption, and the vocabulary."`
}

func (s *tokenize) Run(_ context.Context, r Reporter) error {
	d, err := artifact.ReadDataset(s.Data.Path)
	if err != nil {
		return err
	}
	if d.Info.Counts.Captions == 0 {
		return fmt.Errorf("the data set %s has no captions", d.Info.Name)
	}
	t, err := s.vocabulary(d)
	if err != nil {
		return err
	}
	out := &artifact.Tokens{MaxLength: s.MaxLength}
	cut, ids, captions := 0, 0, 0
	for _, rec := range d.Records {
		out.Records = append(out.Records, artifact.TokenRecord{ID: rec.ID, Caption: rec.Caption})
		out.IDs = append(out.IDs, t.Row(rec.Caption, s.MaxLength)...)
		if rec.Caption == "" {
			continue
		}
		n := len(t.Encode(rec.Caption)) + 2
		if n > s.MaxLength {
			cut++
		}
		ids += n
		captions++
	}
	r.Log("%d captions, %d ids in the vocabulary, %d captions cut to %d ids", captions, t.Len(), cut, s.MaxLength)
	r.Metric("vocabulary", float64(t.Len()))
	r.Metric("captions", float64(captions))
	r.Metric("captions_cut", float64(cut))
	r.Metric("ids_per_caption", float64(ids)/float64(captions))
	if err := t.Save(string(s.Tokens)); err != nil {
		return err
	}
	return out.Write(string(s.Tokens))
}

func (s *tokenize) vocabulary(d *artifact.Dataset) (*token.Tokenizer, error) {
	if s.Vocab.Path != "" {
		return token.Load(s.Vocab.Path)
	}
	var captions []string
	for _, rec := range d.Records {
		if rec.Split != artifact.Test {
			captions = append(captions, rec.Caption)
		}
	}
	return token.Train(captions, s.VocabSize)
}
