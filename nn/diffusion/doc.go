// Package diffusion trains and samples text-conditional denoising diffusion models.
//
// A [Schedule] says how much noise a timestep carries: x_t = sqrt(abar_t) x_0 + sqrt(1-abar_t) eps, with
// abar the running product of 1-beta (Ho et al. 2020, arXiv:2006.11239), configured by diffusers'
// scheduler_config.json. The network predicts eps, or the velocity that mixes eps and x_0; training minimises
// its mean squared error at random timesteps. The sampler is DDIM with eta 0 (Song et al. 2021,
// arXiv:2010.02502): deterministic given the first noise. Classifier-free guidance (Ho and Salimans 2022,
// arXiv:2207.12598) drops captions at random while training, and while sampling extrapolates from the
// unconditional prediction to the conditional one.
//
// A [Codec] maps pixels to the latents in which the network works: Stable Diffusion's [Autoencoder], or the
// [HaarCodec], orthonormal Haar wavelet bands, each scaled to unit variance, which has no weights beyond
// those scales and is exactly invertible.
package diffusion
