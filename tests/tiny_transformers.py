"""Tiny pipelines of the families that were trained by flow matching.

Their configurations have what the real ones have: 16 latent channels, a shift of the latents, no
quantising convolutions, encoders of different widths, normed queries and keys, blocks of each kind
that the real ones mix, and timesteps that depend on the picture's size where the real ones do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffusers import (
    AutoencoderKL,
    AutoencoderKLQwenImage,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    QwenImagePipeline,
    QwenImageTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from transformers import (
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3Config,
    Qwen3Model,
    T5Config,
    T5EncoderModel,
)

from benchmarks.measuring.random_tokenizers import chat_tokenizer
from tests.tiny_parts import LATENT_SIZE, clip_config, t5_tokenizer, tiny_tokenizer

_CHANNELS = 16

_T5_WIDTH = 24

_SD3_T5_WIDTH = 40


def _flux(is_guided: bool) -> Callable[[dict[str, Any]], Any]:
    def make(transformer_config: dict[str, Any]) -> Any:
        tokenizer = tiny_tokenizer()
        text_encoder: Any = CLIPTextModel(clip_config(tokenizer))
        config = {**_FLUX_CONFIG, "guidance_embeds": is_guided, **transformer_config}
        transformer: Any = FluxTransformer2DModel(**config)
        return FluxPipeline(
            scheduler=flow_scheduler(use_dynamic_shifting=is_guided),
            vae=_vae(scaling_factor=0.3611, shift_factor=0.1159),
            text_encoder=text_encoder.eval(),
            tokenizer=tokenizer,
            text_encoder_2=_t5(),
            tokenizer_2=t5_tokenizer(),
            transformer=transformer.eval(),
        )

    return make


def _sd3(dual_attention_layers: tuple[int, ...]) -> Callable[[dict[str, Any]], Any]:
    def make(transformer_config: dict[str, Any]) -> Any:
        tokenizer = tiny_tokenizer()
        clips: list[Any] = [CLIPTextModelWithProjection(clip_config(tokenizer)) for _ in range(2)]
        dual = {"dual_attention_layers": dual_attention_layers}
        config = {**_SD3_CONFIG, **dual, **transformer_config}
        transformer: Any = SD3Transformer2DModel(**config)
        return StableDiffusion3Pipeline(
            scheduler=flow_scheduler(),
            vae=_vae(scaling_factor=1.5305, shift_factor=0.0609),
            text_encoder=clips[0].eval(),
            tokenizer=tokenizer,
            text_encoder_2=clips[1].eval(),
            tokenizer_2=tiny_tokenizer(),
            text_encoder_3=_t5(_SD3_T5_WIDTH),
            tokenizer_3=t5_tokenizer(),
            transformer=transformer.eval(),
        )

    return make


def _qwen_image(transformer_config: dict[str, Any]) -> Any:
    vae: Any = AutoencoderKLQwenImage(
        base_dim=8, z_dim=_CHANNELS, dim_mult=[1, 1], num_res_blocks=1, temperal_downsample=[True]
    )
    text_encoder: Any = Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(text_config=_QWEN_CONFIG, vision_config=_QWEN_VISION_CONFIG)
    )
    transformer: Any = QwenImageTransformer2DModel(**{**_QWEN_IMAGE_CONFIG, **transformer_config})
    return QwenImagePipeline(
        scheduler=flow_scheduler(use_dynamic_shifting=True, shift_terminal=0.02),
        vae=vae.eval(),
        text_encoder=text_encoder.eval(),
        tokenizer=chat_tokenizer(),
        transformer=transformer.eval(),
    )


def _z_image(transformer_config: dict[str, Any]) -> Any:
    text_encoder: Any = Qwen3Model(
        Qwen3Config(
            vocab_size=260,
            hidden_size=_QWEN_WIDTH,
            intermediate_size=2 * _QWEN_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=12,
        )
    )
    transformer: Any = ZImageTransformer2DModel(**{**_Z_IMAGE_CONFIG, **transformer_config})
    return ZImagePipeline(
        scheduler=flow_scheduler(),
        vae=_vae(scaling_factor=0.3611, shift_factor=0.1159),
        text_encoder=text_encoder.eval(),
        tokenizer=chat_tokenizer(),
        transformer=transformer.eval(),
    )


FLOW_MAKERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "FLUX.1-dev": _flux(is_guided=True),
    "FLUX.1-schnell": _flux(is_guided=False),
    "SD3.5-medium": _sd3(dual_attention_layers=(0, 1)),
    "SD3.5-large": _sd3(dual_attention_layers=()),
    "Qwen-Image": _qwen_image,
    "Z-Image": _z_image,
}


def flow_scheduler(**config: Any) -> Any:
    """Make a scheduler as flow-matching models have theirs."""
    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=3.0, **config)


def _t5(width: int = _T5_WIDTH) -> Any:
    tokenizer = t5_tokenizer()
    encoder: Any = T5EncoderModel(
        T5Config(
            vocab_size=len(tokenizer),
            d_model=width,
            d_kv=width // 2,
            d_ff=2 * width,
            num_layers=1,
            num_heads=2,
        )
    )
    return encoder.eval()


def _vae(**config: Any) -> Any:
    vae: Any = AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1,
        latent_channels=_CHANNELS,
        norm_num_groups=4,
        sample_size=2 * LATENT_SIZE,
        use_quant_conv=False,
        use_post_quant_conv=False,
        **config,
    )
    return vae.eval()


_FLUX_CONFIG: dict[str, Any] = {
    "in_channels": 4 * _CHANNELS,
    "num_layers": 2,
    "num_single_layers": 2,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": _T5_WIDTH,
    "pooled_projection_dim": 16,
    "axes_dims_rope": (4, 6, 6),
}

_SD3_CONFIG: dict[str, Any] = {
    "sample_size": LATENT_SIZE,
    "patch_size": 2,
    "in_channels": _CHANNELS,
    "out_channels": _CHANNELS,
    "num_layers": 3,
    "attention_head_dim": 8,
    "num_attention_heads": 2,
    "caption_projection_dim": 16,
    # Both CLIPs side by side, filled up to the width of T5.
    "joint_attention_dim": _SD3_T5_WIDTH,
    "pooled_projection_dim": 32,
    "pos_embed_max_size": 12,
    "qk_norm": "rms_norm",
}

_QWEN_WIDTH = 24

_QWEN_CONFIG: dict[str, Any] = {
    "vocab_size": 260,
    "hidden_size": _QWEN_WIDTH,
    "intermediate_size": 2 * _QWEN_WIDTH,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "rope_parameters": {"rope_type": "default", "mrope_section": [2, 2, 2], "rope_theta": 1e6},
    "bos_token_id": None,
    "eos_token_id": 256,
}

_QWEN_VISION_CONFIG: dict[str, Any] = {
    "depth": 1,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_heads": 2,
    "out_hidden_size": _QWEN_WIDTH,
    "fullatt_block_indexes": [0],
}

_QWEN_IMAGE_CONFIG: dict[str, Any] = {
    "patch_size": 2,
    "in_channels": 4 * _CHANNELS,
    "out_channels": _CHANNELS,
    "num_layers": 3,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": _QWEN_WIDTH,
    "axes_dims_rope": (4, 6, 6),
}

_Z_IMAGE_CONFIG: dict[str, Any] = {
    "in_channels": _CHANNELS,
    "dim": 32,
    "n_layers": 3,
    "n_refiner_layers": 1,
    "n_heads": 2,
    "n_kv_heads": 2,
    "cap_feat_dim": _QWEN_WIDTH,
    "axes_dims": [4, 6, 6],
    "axes_lens": [1024, 32, 32],
}
