"""Flow matching: a denoiser learns the straight path from noise to a picture.

Y. Lipman and others, Flow matching for generative modeling, ICLR 2023; noise levels are drawn as in
P. Esser and others, Scaling rectified flow transformers for high-resolution image synthesis,
ICML 2024: a logistic of a normal variable, so that the middle of the path is seen most.
"""

from collections.abc import Mapping
from typing import Any, Final

import diffusers
import torch
from torch import Tensor, nn
from torch.nn import functional

from objectives.embedded.training.denoiser import Pool, Predict, Setup
from objectives.embedded.training.loop import TrainingResult, fit
from objectives.embedded.training.tokenizer import Tokens

TRAINING_STEPS: Final = 1000
"""A timestep is the share of noise times this, as in the schedulers of flow matching."""


def build_flow_scheduler(**settings: Any) -> Any:
    """Build a `FlowMatchEulerDiscreteScheduler` with the settings of a family."""
    scheduler: Any = diffusers.FlowMatchEulerDiscreteScheduler
    return scheduler(num_train_timesteps=TRAINING_STEPS, **settings)


def noised(batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Noisy latents of a batch, and the direction from the picture to the noise.

    Args:
        batch: `clean` and `noise` (N, 4, 16, 16), and `sigmas` (N,), the share of noise.
    """
    sigmas = batch["sigmas"][:, None, None, None]
    noisy = (1 - sigmas) * batch["clean"] + sigmas * batch["noise"]
    return noisy, batch["noise"] - batch["clean"]


def draw_flow(pool: Pool) -> dict[str, Tensor]:
    """Draw a batch of a pool, each picture with a share of noise."""
    batch = pool.draw()
    levels = torch.randn(len(batch["clean"]), generator=pool.generator, device=pool.device)
    return {**batch, "sigmas": levels.sigmoid()}


def train_flow(
    setup: Setup, name: str, modules: nn.ModuleDict, predict: Predict, tokens_of: Tokens
) -> tuple[nn.ModuleDict, TrainingResult]:
    """Train a denoiser and its text encoders on the pool.

    Args:
        setup: How to train.
        name: The name in the progress messages.
        modules: Everything that is trained, on the device.
        predict: Runs the modules; it must not look at the values of tensors.
        tokens_of: Turns scenes into tokens.

    Returns:
        The averaged copy of the modules, and how the training went.
    """
    pool = Pool(setup, tokens_of)

    def loss_of(batch: Mapping[str, Tensor]) -> Tensor:
        noisy, direction = noised(batch)
        predicted = predict(noisy, TRAINING_STEPS * batch["sigmas"], batch["tokens"])
        return functional.mse_loss(predicted.float(), direction)

    return fit(modules.train(), loss_of, lambda _: draw_flow(pool), setup.budget, name)
