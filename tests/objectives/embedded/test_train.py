"""A few steps of every training at the smallest sizes: what comes out loads and runs."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import diffusers
import open_clip
import pytest
import torch
from torch import Tensor, nn
from transformers import CLIPTextModelWithProjection

from objectives.embedded import train, world
from objectives.embedded.training.denoiser import (
    Setup,
    build_scheduler,
    make_latents,
    train_denoiser,
)
from objectives.embedded.training.dit import build_t5, encode_captions
from objectives.embedded.training.flux import forward_of, packed, picture_places, unpacked
from objectives.embedded.training.loop import Budget, GraphedStep, fit
from objectives.embedded.training.sd3 import predict_of
from objectives.embedded.training.text_encoder import build_text_encoder
from objectives.embedded.training.tokenizer import (
    LENGTH,
    CaptionTokens,
    build_t5_tokenizer,
    build_tokenizer,
    clip_and_t5_tokens,
)
from tests.tiers.covering import covering

WEIGHTS = "diffusion_pytorch_model.safetensors"
TOY = Budget(steps=2, batch=4, warmup=1)
PIXART = {"use_resolution_binning": False, "clean_caption": False, "max_sequence_length": LENGTH}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained")
    before = torch.random.get_rng_state()
    budgets = dict.fromkeys(train.STAGES, TOY)
    train.train(out, train.STAGES, torch.device("cpu"), 0, budgets, pool=8, compiled=False)
    assert torch.equal(torch.random.get_rng_state(), before)
    return out


def test_scorer_and_autoencoder_load(trained: Path) -> None:
    scorer = open_clip.create_model(f"local-dir:{trained / 'scorer'}")
    tokens = open_clip.get_tokenizer(f"local-dir:{trained / 'scorer'}")(["a small blue star"])
    assert scorer.encode_text(tokens).shape == (1, 128)
    vae = diffusers.AutoencoderKL.from_pretrained(trained / "tiny-shapes" / "vae")
    assert vae.config["scaling_factor"] != 1.0


KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "tiny-shapes": ("StableDiffusionPipeline", {}),
    "tiny-shapes-v": ("StableDiffusionPipeline", {}),
    "tiny-shapes-xl": ("StableDiffusionXLPipeline", {}),
    "tiny-shapes-dit": ("PixArtAlphaPipeline", PIXART),
}


@pytest.mark.parametrize(
    ("name", "scheduler"),
    covering(
        product(KINDS, ["DDIM", "DPMSolverMultistep", "UniPCMultistep"]), lambda *values: values
    ),
)
def test_every_pipeline_draws_with_every_scheduler(
    trained: Path, name: str, scheduler: str
) -> None:
    kind, arguments = KINDS[name]
    pipe = getattr(diffusers, kind).from_pretrained(trained / name, use_safetensors=True)
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = getattr(diffusers, f"{scheduler}Scheduler").from_config(pipe.scheduler.config)
    caption = "a large red circle on a plain teal background"
    picture = pipe(caption, num_inference_steps=2, output_type="pt", **arguments).images
    assert picture.shape == (1, 3, 64, 64)
    assert bool(picture.isfinite().all())
    # Latents have unit spread: a scheduler that clips them cannot be used.
    assert not pipe.scheduler.config.get("clip_sample", False)


def test_twins_share_the_autoencoder(trained: Path) -> None:
    shared = trained / "tiny-shapes" / "vae"
    assert not shared.is_symlink()
    for name in ("tiny-shapes-v", "tiny-shapes-xl", "tiny-shapes-dit"):
        assert (trained / name / "vae").readlink() == Path("../tiny-shapes/vae")
        assert (trained / name / "vae").resolve() == shared.resolve()
    # The pipelines of flow matching want a setting of theirs in its configuration.
    for name in ("tiny-shapes-sd3", "tiny-shapes-flux"):
        own = trained / name / "vae"
        assert (own / WEIGHTS).resolve() == (shared / WEIGHTS).resolve()
        assert json.loads((own / "config.json").read_text("utf-8"))["shift_factor"] == 0.0


def test_flux_packs_latents_and_numbers_their_places_as_its_pipeline_does() -> None:
    latents = torch.randn(2, 4, 16, 16)
    right = diffusers.FluxPipeline._pack_latents(latents, 2, 4, 16, 16)
    assert torch.equal(packed(latents), right)
    assert torch.equal(unpacked(right), latents)
    cpu = torch.device("cpu")
    places = diffusers.FluxPipeline._prepare_latent_image_ids(1, 8, 8, cpu, torch.float32)
    assert torch.equal(picture_places(cpu), places)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("tiny-shapes-sd3", "StableDiffusion3Pipeline"), ("tiny-shapes-flux", "FluxPipeline")],
)
def test_a_pipeline_of_flow_matching_reads_captions_as_in_training(
    trained: Path, name: str, kind: str
) -> None:
    """The pipeline's first call of its denoiser gives what the training makes of the same."""
    pipe = getattr(diffusers, kind).from_pretrained(trained / name, use_safetensors=True)
    pipe.set_progress_bar_config(disable=True)
    nn.init.normal_(pipe.transformer.proj_out.weight)
    calls: list[tuple[dict[str, Any], Tensor]] = []
    pipe.transformer.register_forward_hook(
        lambda _, __, given, out: calls.append((given, out[0])), with_kwargs=True
    )
    scenes = world.sample(1, "train", torch.Generator().manual_seed(0))
    [scene] = world.scenes_of(scenes)
    pipe(
        world.caption(scene),
        num_inference_steps=2,
        guidance_scale=1.0,
        height=64,
        width=64,
        max_sequence_length=LENGTH,
        output_type="latent",
    )
    given, expected = calls[0]
    cpu = torch.device("cpu")
    tokens = clip_and_t5_tokens(cpu)(scenes)
    with torch.no_grad():
        if kind == "FluxPipeline":
            pipe.text_encoder_2.set_attn_implementation("eager")
            forward = forward_of(pipe.transformer, pipe.text_encoder, pipe.text_encoder_2, cpu)
            noisy, times = unpacked(given["hidden_states"]), 1000 * given["timestep"]
            drawn = packed(forward(noisy, times, tokens, given["guidance"]))
        else:
            pipe.text_encoder_3.set_attn_implementation("eager")
            encoders = pipe.text_encoder, pipe.text_encoder_2, pipe.text_encoder_3
            predict = predict_of(pipe.transformer, *encoders)
            drawn = predict(given["hidden_states"], given["timestep"], tokens)
    torch.testing.assert_close(drawn, expected)


def test_notes_tell_how_every_stage_went(trained: Path) -> None:
    notes = json.loads((trained / "training.json").read_text(encoding="utf-8"))
    steps = {stage: note["outcome"]["steps"] for stage, note in notes.items()}
    assert steps == dict.fromkeys(train.STAGES, 2)


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_a_denoiser_that_knows_the_picture_has_no_loss(trained: Path, prediction_type: str) -> None:
    cpu = torch.device("cpu")
    setup = Setup(trained, cpu, 0, replace(TOY, steps=1), pool=1, compiled=False)
    _, clean = make_latents(setup.load_vae(), 1, torch.Generator().manual_seed(0))
    scheduler = build_scheduler(prediction_type)
    layer = nn.Linear(1, 1, bias=False)
    modules = nn.ModuleDict({"scale": layer})
    nn.init.ones_(layer.weight)

    def predict(noisy: Tensor, times: Tensor, _: Tensor) -> Tensor:
        kept = scheduler.alphas_cumprod[times][:, None, None, None]
        noise = (noisy - kept.sqrt() * clean.float()) / (1 - kept).sqrt()
        right: Tensor = noise
        if prediction_type == "v_prediction":
            right = scheduler.get_velocity(clean.float().expand_as(noise), noise, times)
        return right * layer.weight

    tokens_of = CaptionTokens(build_tokenizer(), cpu)
    _, outcome = train_denoiser(setup, "toy", modules, predict, tokens_of, scheduler)
    assert outcome.loss < 1e-6


def test_text_encoder_starts_as_the_scorer(trained: Path) -> None:
    tokenizer = build_tokenizer()
    scorer: Any = open_clip.create_model(f"local-dir:{trained / 'scorer'}")
    encoder = build_text_encoder(CLIPTextModelWithProjection, tokenizer, scorer)
    tokens_of = CaptionTokens(tokenizer, torch.device("cpu"))
    tokens = tokens_of(world.sample(4, "train", torch.Generator().manual_seed(0)))
    with torch.no_grad():
        torch.testing.assert_close(encoder(tokens).text_embeds, scorer.encode_text(tokens))


def test_t5_reads_captions_in_training_as_in_the_pipeline() -> None:
    tokenizer = build_t5_tokenizer()
    tokens_of = CaptionTokens(tokenizer, torch.device("cpu"))
    tokens = tokens_of(world.sample(4, "train", torch.Generator().manual_seed(0)))
    t5 = build_t5(tokenizer)
    mask = (tokens != tokenizer.pad_token_id).long()
    with torch.no_grad():
        expected = t5(tokens, attention_mask=mask).last_hidden_state
        t5.set_attn_implementation("eager")
        states, seen = encode_captions(t5, tokens)
    torch.testing.assert_close(states, expected)
    assert torch.equal(seen.long(), mask)


def test_same_seed_trains_the_same_weights() -> None:
    def run() -> Tensor:
        layer = nn.Linear(2, 1)
        nn.init.ones_(layer.weight)
        nn.init.zeros_(layer.bias)
        generator = torch.Generator().manual_seed(0)
        average, _ = fit(
            nn.ModuleDict({"layer": layer}),
            lambda batch: layer(batch["x"]).square().mean(),
            lambda _: {"x": torch.randn(8, 2, generator=generator)},
            replace(TOY, steps=30, peak_lr=0.1),
            "toy",
        )
        [weight, _] = average.parameters()
        return weight

    first = run()
    assert torch.equal(first, run())
    assert float(first.abs().max()) < 0.5
    assert not first.requires_grad


def test_time_limit_ends_a_training() -> None:
    layer = nn.Linear(2, 1)
    budget = replace(TOY, steps=10**9, seconds=0.2)
    _, outcome = fit(
        nn.ModuleDict({"layer": layer}),
        lambda batch: layer(batch["x"]).square().mean(),
        lambda _: {"x": torch.ones(8, 2)},
        budget,
        "toy",
    )
    assert outcome.seconds < 5
    assert 0 < outcome.steps < 10**9


def test_learning_rate_warms_up_and_ends_low() -> None:
    budget = Budget(steps=1000, batch=1, warmup=100, peak_lr=1.0, seconds=10.0)
    assert budget.learning_rate(0, 0.0) == pytest.approx(0.01)
    assert budget.learning_rate(100, 0.0) > 0.9
    assert budget.learning_rate(1000, 0.0) == pytest.approx(0.01)
    assert budget.learning_rate(500, 10.0) == pytest.approx(0.01)


@pytest.mark.gpu
def test_graph_gives_what_the_function_gives() -> None:
    step = GraphedStep(lambda inputs: inputs["x"].square().sum())
    for value in range(1, 7):
        result = step({"x": torch.full((4,), float(value), device="cuda")})
        assert float(result) == 4.0 * value**2
