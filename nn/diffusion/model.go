package diffusion

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/pipe-ml/pipe/nn/layer"
	"github.com/pipe-ml/pipe/nn/model"
)

// Model is a text-to-image model: the parts of diffusers' StableDiffusionPipeline.
type Model struct {
	Size     int // pixels a side of the images
	UNet     *model.UNet
	Text     *model.CLIPText
	Schedule *Schedule
	Codec    Codec
	Weights  *layer.Weights // of U-Net and text encoder
	Plan     *layer.Plan    // edits of a fine-tuned model; nil: none
	Empty    []int32        // the tokens of the empty caption, as long as every caption
}

// Validate refuses parts that do not fit each other.
func (m *Model) Validate() error {
	if err := m.UNet.Validate(); err != nil {
		return err
	}
	if err := m.Text.Validate(); err != nil {
		return err
	}
	if err := m.Codec.Validate(m.Size); err != nil {
		return err
	}
	channels, side := m.Codec.Latent(m.Size)
	switch {
	case m.UNet.InChannels != channels || m.UNet.OutChannels != channels || m.UNet.SampleSize != side:
		return fmt.Errorf("diffusion: latents are %d x %d x %d, the u-net's %d x %d x %d",
			channels, side, side, m.UNet.InChannels, m.UNet.SampleSize, m.UNet.SampleSize)
	case m.UNet.CrossAttention != m.Text.HiddenSize:
		return fmt.Errorf("diffusion: the text is %d wide, the u-net attends to %d", m.Text.HiddenSize, m.UNet.CrossAttention)
	case len(m.Empty) == 0 || len(m.Empty) > m.Text.MaxPositionEmbeddings:
		return fmt.Errorf("diffusion: captions of %d tokens with %d positions", len(m.Empty), m.Text.MaxPositionEmbeddings)
	}
	return nil
}

// inputs are the leaves of the prediction.
type inputs struct {
	x, time *layer.Node
	ids     *layer.Node // of captions, or
	text    *layer.Node // their embeddings [B, L, D]
}

// predict declares the inputs of a batch and builds the prediction from token ids: the network as it is trained.
func (m *Model) predict(b *layer.Builder, batch int) (in inputs, out *layer.Node) {
	in.ids = b.Input("input_ids", tensor.Int32, batch, len(m.Empty))
	in.x, in.time = m.latents(b, batch)
	return in, m.UNet.Build(b, in.x, in.time, m.Text.Build(b, in.ids))
}

// predictFrom does the same from the captions' embeddings.
func (m *Model) predictFrom(b *layer.Builder, batch int) (in inputs, out *layer.Node) {
	in.x, in.time = m.latents(b, batch)
	in.text = b.Input("encoder_hidden_states", tensor.Float32, batch, len(m.Empty), m.Text.HiddenSize)
	return in, m.UNet.Build(b, in.x, in.time, in.text)
}

// latents declares the U-Net's own inputs.
func (m *Model) latents(b *layer.Builder, batch int) (x, time *layer.Node) {
	x = b.Input("sample", tensor.Float32, batch, m.UNet.InChannels, m.UNet.SampleSize, m.UNet.SampleSize)
	return x, b.Input("time", tensor.Float32, batch, m.UNet.BlockOutChannels[0])
}

// Network builds the whole network for one caption: all that the model's weights hold.
func (m *Model) Network(b *layer.Builder) { m.predict(b, 1) }

// TextEncoder builds the text encoder alone for one caption: what a fine-tuning method is prepared on that changes it.
func (m *Model) TextEncoder(b *layer.Builder) {
	m.Text.Build(b, b.Input("input_ids", tensor.Int32, 1, len(m.Empty)))
}

// Denoiser builds the U-Net alone for one image: what fine-tuning methods are prepared on. By itself it leaves the text encoder
// frozen, as in Stable Diffusion's fine-tuning.
func (m *Model) Denoiser(b *layer.Builder) {
	x, time := m.latents(b, 1)
	m.UNet.Build(b, x, time, b.Input("encoder_hidden_states", tensor.Float32, 1, len(m.Empty), m.Text.HiddenSize))
}

// IsText tells whether a parameter is the text encoder's.
func IsText(name string) bool { return model.Group{Prefixes: []string{"text_model"}}.Has(name) }

func isUNet(name string) bool { return !IsText(name) }

// decays tells which parameters weight decay applies to.
func (m *Model) decays(p layer.Param) bool {
	return model.Decays(m.UNet, p.Name, p.Shape) && !m.Text.NoDecay(p.Name)
}
