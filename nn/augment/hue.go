package augment

import "math"

// Hue turns the colours by factor of the circle, -0.5 to 0.5.
func (m Image) Hue(factor float64) {
	if m.Channels == 1 {
		return
	}
	red, green, blue := m.plane(0), m.plane(1), m.plane(2)
	for i := range red {
		h, s, v := hsv(float32(red[i])/255, float32(green[i])/255, float32(blue[i])/255)
		h += float32(factor)
		h -= float32(math.Floor(float64(h)))
		r, g, b := rgb(h, s, v)
		red[i], green[i], blue[i] = scaled(r), scaled(g), scaled(b)
	}
}

// scaled is a value from 0 to 1 as a byte, as torchvision's convert_image_dtype.
func scaled(v float32) byte { return clamped(v * (256 - 1e-3)) }

// hsv is hue, saturation and value, all from 0 to 1, of a colour.
func hsv(r, g, b float32) (h, s, v float32) {
	high, low := max(r, g, b), min(r, g, b)
	if high == low {
		return 0, 0, high
	}
	span := high - low
	rc, gc, bc := (high-r)/span, (high-g)/span, (high-b)/span
	switch high {
	case r:
		h = bc - gc
	case g:
		h = 2 + rc - bc
	default:
		h = 4 + gc - rc
	}
	h = h/6 + 1
	if h >= 1 {
		h--
	}
	return h, span / high, high
}

// rgb is the colour of a hue, saturation and value.
func rgb(h, s, v float32) (r, g, b float32) {
	sixth := float32(math.Floor(float64(h * 6)))
	f := float32(h*6) - sixth
	p, q, t := v*(1-s), v*(1-float32(s*f)), v*(1-float32(s*(1-f)))
	switch int(sixth) % 6 {
	case 0:
		return v, t, p
	case 1:
		return q, v, p
	case 2:
		return p, v, t
	case 3:
		return p, q, v
	case 4:
		return t, p, v
	}
	return v, p, q
}
