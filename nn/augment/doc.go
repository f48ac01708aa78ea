// Package augment changes training images at random, by the definitions of torchvision and timm on 8-bit images.
//
// Vocabulary. An [Image] is planes of bytes, grey or red, green, blue. An operation changes one in place by numbers that it is
// given. A [Policy] says which are applied how strongly; it draws those numbers from accel/rng by (seed, name, position of
// training), so an example is changed in the same way whenever it is asked for. A [Mix] joins the images of a batch.
//
// Operations round as torchvision's do on uint8 tensors; where images are moved, a pixel half way between two may fall to the
// other one. Grey images have no saturation and no hue: what changes these leaves them alone.
package augment
