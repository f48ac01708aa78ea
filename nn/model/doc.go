// Package model holds the architectures, one file a family, in the structure and with the parameter names of
// their reference implementations: timm (ViT), torchvision (ResNet, DenseNet), pytorch-fid (Inception), Keras Applications (MobileNet),
// diffusers (U-Net, AutoencoderKL) and transformers (CLIP text). A published checkpoint's keys are this package's paths.
//
// Vocabulary. A variant is a row of data: a name, the hyperparameters, the input it expects and the
// parameter count of its body (everything but the head). A [Classifier] is a variant with its input and
// number of classes chosen: it maps images to features, and features to logits by its head. Its
// groups name the parts from the input to the head; weight decay spares the names that NoDecay tells.
//
// Models are pure structure: they declare parameters and sites on a layer.Builder and hold no values.
package model
