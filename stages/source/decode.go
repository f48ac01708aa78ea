package source

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"os"
	"path"
	"strings"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"
)

// largest is the most pixels an image may have: twice the largest mammogram.
const largest = 100 << 20

// isImage tells by the name whether a file holds an image that decodeFile reads.
func isImage(file string) bool {
	switch strings.ToLower(path.Ext(file)) {
	case ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp":
		return true
	}
	return false
}

// decodeFile reads an image whatever its name says it is, as *image.Gray or *image.RGBA.
func decodeFile(name string) (image.Image, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	img, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return img, nil
}

func decode(data []byte) (image.Image, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("empty file")
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("cannot be read as an image: %w", err)
	}
	if c.Width < 1 || c.Height < 1 || c.Width > largest/c.Height {
		return nil, fmt.Errorf("cannot be read as an image: %d x %d pixels", c.Width, c.Height)
	}
	img, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("cannot be read as an image: %w", err)
	}
	return Canonical(img), nil
}

// Canonical brings an image to *image.Gray or, if its channels differ anywhere, *image.RGBA with full alpha,
// with its origin at 0, 0. 16-bit values keep their upper byte; transparent pixels lie on black.
func Canonical(img image.Image) image.Image {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	grey := image.NewGray(image.Rect(0, 0, w, h))
	switch src := img.(type) {
	case *image.Gray:
		for y := range h {
			at := src.PixOffset(b.Min.X, b.Min.Y+y)
			copy(grey.Pix[y*w:(y+1)*w], src.Pix[at:at+w])
		}
		return grey
	case *image.Gray16:
		for y := range h {
			at := src.PixOffset(b.Min.X, b.Min.Y+y)
			for x := range w {
				grey.Pix[y*w+x] = src.Pix[at+2*x]
			}
		}
		return grey
	}
	rgb := image.NewRGBA(grey.Rect)
	isGrey := true
	for y := range h {
		for x := range w {
			c := rgba(img, b.Min.X+x, b.Min.Y+y)
			at := (y*w + x) * 4
			rgb.Pix[at], rgb.Pix[at+1], rgb.Pix[at+2], rgb.Pix[at+3] = c.R, c.G, c.B, 255
			isGrey = isGrey && c.R == c.G && c.G == c.B
			grey.Pix[y*w+x] = c.R
		}
	}
	if isGrey {
		return grey
	}
	return rgb
}

// rgba is the colour of a pixel on black, without the interface call for JPEG's YCbCr.
func rgba(img image.Image, x, y int) color.RGBA {
	if src, ok := img.(*image.YCbCr); ok {
		c := src.YCbCrAt(x, y)
		r, g, b := color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
		return color.RGBA{R: r, G: g, B: b, A: 255}
	}
	r, g, b, a := img.At(x, y).RGBA()
	return color.RGBA{R: uint8(r >> 8), G: uint8(g >> 8), B: uint8(b >> 8), A: uint8(a >> 8)}
}
