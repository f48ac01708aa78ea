"""Writes schedulers.json beside this file: where diffusers' schedulers go in ten steps from given noise, for schedule_test.go.

Predictions are half given and half the latents themselves, so that a mistake in one step shows in all later ones. diffusers keeps its
noise levels in float32; here they are float64, for it is the formulas that are compared.
"""

import json
import pathlib
from unittest import mock

import diffusers
import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, PNDMScheduler
from diffusers.schedulers import scheduling_ddpm

SIZE = 6
CLASSES = {"ddim": DDIMScheduler, "ddpm": DDPMScheduler, "dpmsolver++": DPMSolverMultistepScheduler, "pndm": PNDMScheduler}
LATENT = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False)
CASES = [  # scheduler, its config beside LATENT, eta, steps
    ("ddim", {}, 0, 10),
    ("ddim", {"set_alpha_to_one": False, "steps_offset": 1, "prediction_type": "v_prediction"}, 0.7, 10),
    ("ddim", {"timestep_spacing": "trailing", "rescale_betas_zero_snr": True, "prediction_type": "v_prediction"}, 0, 10),
    ("ddim", {"timestep_spacing": "linspace", "clip_sample": True, "clip_sample_range": 0.8, "prediction_type": "sample"}, 1, 10),
    ("ddim", {"timestep_spacing": "trailing", "beta_schedule": "linear", "beta_start": 0.0001, "beta_end": 0.02}, 0, 7),
    ("ddim", {"beta_schedule": "squaredcos_cap_v2", "clip_sample": True}, 0, 10),
    ("ddpm", {"clip_sample": True, "beta_schedule": "linear", "beta_start": 0.0001, "beta_end": 0.02}, 0, 10),
    ("ddpm", {"timestep_spacing": "linspace", "variance_type": "fixed_large", "prediction_type": "v_prediction"}, 0, 10),
    ("ddpm", {"timestep_spacing": "trailing", "prediction_type": "sample"}, 0, 7),
    ("ddpm", {"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 10, "clip_sample": True}, 0, 10),
    ("pndm", {"skip_prk_steps": True, "steps_offset": 1}, 0, 10),
    ("pndm", {"skip_prk_steps": True, "set_alpha_to_one": True, "prediction_type": "v_prediction", "timestep_spacing": "trailing"}, 0, 10),
    ("pndm", {"prediction_type": "v_prediction"}, 0, 10),
    ("pndm", {"timestep_spacing": "linspace"}, 0, 7),
    ("dpmsolver++", {}, 0, 10),
    ("dpmsolver++", {"timestep_spacing": "leading", "steps_offset": 1, "prediction_type": "v_prediction"}, 0, 20),
    ("dpmsolver++", {"timestep_spacing": "trailing", "solver_type": "heun", "lower_order_final": False}, 0, 10),
    ("dpmsolver++", {"final_sigmas_type": "sigma_min", "lower_order_final": False}, 0, 10),
    ("dpmsolver++", {"use_karras_sigmas": True, "euler_at_final": True, "prediction_type": "sample"}, 0, 16),
    ("dpmsolver++", {"beta_schedule": "squaredcos_cap_v2", "lambda_min_clipped": -5.1, "solver_order": 1}, 0, 10),
    ("dpmsolver++", {"beta_schedule": "squaredcos_cap_v2", "use_karras_sigmas": True, "prediction_type": "v_prediction"}, 0, 10),
    ("dpmsolver++", {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"}, 0, 10),
]


def run(name, config, eta, steps):
    random = np.random.default_rng(7)
    normal = lambda: random.standard_normal(SIZE).astype("f4").tolist()
    config = LATENT | config
    known = CLASSES[name]().config
    s = CLASSES[name](**{k: v for k, v in config.items() if k in known})
    s.set_timesteps(steps)
    s.timesteps = s.timesteps.clone()
    times = s.timesteps.tolist()
    out = {"scheduler": name, "config": config, "eta": eta, "steps": steps, "timesteps": times}
    out["start"], out["predictions"], out["noise"] = normal(), [normal() for _ in times], [normal() for _ in times]
    x, path = torch.tensor(out["start"], dtype=torch.double).reshape(1, 1, SIZE), []
    for t, given, z in zip(s.timesteps, out["predictions"], out["noise"]):
        prediction = (torch.tensor(given, dtype=torch.double) + x) / 2
        z = torch.tensor(z, dtype=torch.double).reshape(1, 1, SIZE)
        extra = {"eta": eta, "variance_noise": z} if name == "ddim" and eta else {}
        with mock.patch.object(scheduling_ddpm, "randn_tensor", lambda *a, **k: z):
            x = s.step(prediction, t, x, **extra).prev_sample
        path.append(x.flatten().tolist())
    return out | {"path": path}


def main():
    with mock.patch.object(torch, "float32", torch.float64), mock.patch.object(np, "float32", np.float64):
        torch.set_default_dtype(torch.float64)
        cases = [run(*c) for c in CASES]
    text = json.dumps({"diffusers": diffusers.__version__, "cases": cases}, separators=(",", ":")).replace('},{"scheduler"', '},\n{"scheduler"')
    pathlib.Path(__file__).with_name("schedulers.json").write_text(text + "\n")


main()
