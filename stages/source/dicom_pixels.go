package source

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"strings"

	"github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/frame"
	"github.com/suyashkumar/dicom/pkg/tag"

	"github.com/pipe-ml/pipe/accel/elementary"
)

// loadDICOM decodes the one image of a DICOM file and shows it as the standard's grayscale pipeline does
// (PS3.3 C.11): stored value, rescale, window, then inversion for MONOCHROME1. Without a window, values
// of more than 8 bits are spread from their least to their greatest.
func loadDICOM(name string) (img image.Image, err error) {
	d, err := parseDICOM(name, dicom.SkipProcessingPixelDataValue())
	if err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: pixels cannot be read: %v", name, p)
		}
	}()
	if img, err = render(d); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return img, nil
}

func render(d dicom.Dataset) (image.Image, error) {
	info, ok := value(d, tag.PixelData).(dicom.PixelDataInfo)
	if !ok {
		return nil, errors.New("holds no pixels")
	}
	if info.IntentionallyUnprocessed {
		return renderNative(d, info.UnprocessedValueData)
	}
	if len(info.Frames) != 1 || !info.Frames[0].IsEncapsulated() {
		return nil, fmt.Errorf("holds %d frames, want one", len(info.Frames))
	}
	return renderJPEG(d, info.Frames[0])
}

// renderNative shows uncompressed pixels.
func renderNative(d dicom.Dataset, data []byte) (image.Image, error) {
	rows, columns := int(numberOr(d, tag.Rows, 0)), int(numberOr(d, tag.Columns, 0))
	samples, bits := int(numberOr(d, tag.SamplesPerPixel, 1)), int(numberOr(d, tag.BitsAllocated, 8))
	frames := int(numberOr(d, tag.NumberOfFrames, 1))
	if rows < 1 || columns < 1 || rows > largest/columns || bits != 8 && bits != 16 || samples != 1 && samples != 3 {
		return nil, fmt.Errorf("%d rows, %d columns, %d samples of %d bits are not read", rows, columns, samples, bits)
	}
	if frames != 1 {
		return nil, fmt.Errorf("holds %d frames, want one", frames)
	}
	want := rows * columns * samples * bits / 8
	if len(data) != want && len(data) != want+want%2 {
		return nil, fmt.Errorf("%d bytes of pixels for %d rows, %d columns and %d samples of %d bits", len(data), rows, columns, samples, bits)
	}
	if samples == 3 {
		return renderColour(d, data, columns, rows, bits)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if text(d, tag.TransferSyntaxUID) == explicitBigEndian {
		order = binary.BigEndian
	}
	values := make([]float64, rows*columns)
	stored := storedBits(d, bits)
	for i := range values {
		raw := 0
		if bits == 8 {
			raw = int(data[i])
		} else {
			raw = int(order.Uint16(data[2*i:]))
		}
		values[i] = stored.value(raw)
	}
	return renderGrey(d, values, columns, rows, stored.bits)
}

// renderJPEG decodes JPEG baseline, the one compressed form that Go reads.
func renderJPEG(d dicom.Dataset, f *frame.Frame) (image.Image, error) {
	encapsulated, err := f.GetEncapsulatedFrame()
	if err != nil {
		return nil, err
	}
	img, err := jpeg.Decode(bytes.NewReader(encapsulated.Data))
	if err != nil {
		return nil, fmt.Errorf("transfer syntax %s: only JPEG baseline and uncompressed pixels are read: %w", text(d, tag.TransferSyntaxUID), err)
	}
	grey, ok := Canonical(img).(*image.Gray)
	if !ok {
		return Canonical(img), nil
	}
	values := make([]float64, len(grey.Pix))
	for i, v := range grey.Pix {
		values[i] = float64(v)
	}
	return renderGrey(d, values, grey.Rect.Dx(), grey.Rect.Dy(), 8)
}

// stored says which bits of an allocated sample hold its value.
type stored struct {
	bits, shift int
	signed      bool
}

func storedBits(d dicom.Dataset, allocated int) stored {
	s := stored{bits: int(numberOr(d, tag.BitsStored, float64(allocated)))}
	s.bits = min(max(s.bits, 1), allocated)
	s.shift = min(max(int(numberOr(d, tag.HighBit, float64(s.bits-1)))+1-s.bits, 0), allocated-s.bits)
	s.signed = numberOr(d, tag.PixelRepresentation, 0) == 1
	return s
}

func (s stored) value(raw int) float64 {
	v := raw >> s.shift & (1<<s.bits - 1)
	if s.signed && v >= 1<<(s.bits-1) {
		v -= 1 << s.bits
	}
	return float64(v)
}

// renderGrey applies rescale, window and photometric interpretation to stored values.
func renderGrey(d dicom.Dataset, values []float64, width, height, bits int) (image.Image, error) {
	slope, intercept := numberOr(d, tag.RescaleSlope, 1), numberOr(d, tag.RescaleIntercept, 0)
	padding, padded := number(d, tag.PixelPaddingValue)
	lo, hi := math.Inf(1), math.Inf(-1)
	for i, v := range values {
		values[i] = float64(v*slope) + intercept
		if !padded || v != padding {
			lo, hi = min(lo, values[i]), max(hi, values[i])
		}
	}
	show := func(v float64) float64 { return (v - lo) / (hi - lo) }
	centre, hasCentre := number(d, tag.WindowCenter)
	window, hasWidth := number(d, tag.WindowWidth)
	switch {
	case hasCentre && hasWidth && window >= 1:
		show = windowed(text(d, tag.VOILUTFunction), centre, window)
	case bits <= 8 && slope == 1 && intercept == 0:
		show = func(v float64) float64 { return v / float64(int(1)<<bits-1) }
	case !(hi > lo):
		return nil, errors.New("all pixels have one value")
	}
	inverted := false
	switch p := text(d, tag.PhotometricInterpretation); p {
	case "MONOCHROME1":
		inverted = true
	case "MONOCHROME2", "":
	default:
		return nil, fmt.Errorf("photometric interpretation %s with one sample a pixel is not read", p)
	}
	img := image.NewGray(image.Rect(0, 0, width, height))
	for i, v := range values {
		y := min(max(show(v), 0), 1)
		if inverted {
			y = 1 - y
		}
		img.Pix[i] = uint8(float64(y*255) + 0.5)
	}
	return img, nil
}

// windowed is the window of PS3.3 C.11.2.1.2 and C.11.2.1.3, onto 0 to 1.
func windowed(function string, centre, width float64) func(float64) float64 {
	switch strings.ToUpper(function) {
	case "SIGMOID":
		return func(v float64) float64 { return 1 / (1 + elementary.Exp2(-4*math.Log2E*(v-centre)/width)) }
	case "LINEAR_EXACT":
		return func(v float64) float64 { return (v-centre)/width + 0.5 }
	}
	return func(v float64) float64 { return (v-(centre-0.5))/max(width-1, 1e-9) + 0.5 }
}

// renderColour shows uncompressed RGB and YBR_FULL, in pixels or in planes.
func renderColour(d dicom.Dataset, data []byte, width, height, bits int) (image.Image, error) {
	interpretation := text(d, tag.PhotometricInterpretation)
	if bits != 8 || interpretation != "RGB" && interpretation != "YBR_FULL" {
		return nil, fmt.Errorf("photometric interpretation %s of %d bits is not read", interpretation, bits)
	}
	n := width * height
	pixel, channel := 3, 1 // steps
	if numberOr(d, tag.PlanarConfiguration, 0) == 1 {
		pixel, channel = 1, n
	}
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range n {
		a, b, c := data[i*pixel], data[i*pixel+channel], data[i*pixel+2*channel]
		if interpretation == "YBR_FULL" {
			a, b, c = color.YCbCrToRGB(a, b, c)
		}
		copy(img.Pix[4*i:], []uint8{a, b, c, 255})
	}
	return Canonical(img), nil
}
