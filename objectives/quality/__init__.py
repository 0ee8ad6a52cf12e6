"""Quality: what is measured of pictures, and the pictures that a person looks at.

A metric is a file in `metrics/` and an entry of `METRICS`.
"""

from objectives.quality.metric import Metric
from objectives.quality.metrics.attributes import Attributes
from objectives.quality.metrics.clip_loss import ClipLoss
from objectives.quality.metrics.dino import Dino
from objectives.quality.metrics.hpsv2 import HpsV2
from objectives.quality.metrics.image_reward import ImageReward
from objectives.quality.metrics.image_similarity import ImageSimilarity
from objectives.quality.metrics.lpips import Lpips
from objectives.quality.metrics.ms_ssim import MsSsim
from objectives.quality.metrics.pickscore import PickScore
from objectives.quality.metrics.psnr import Psnr
from objectives.quality.metrics.ssim import Ssim

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        *(ClipLoss(), ImageSimilarity(), Psnr(), Ssim(), MsSsim(), Attributes()),
        *(Lpips(), Dino(), PickScore(), HpsV2(), ImageReward()),
    )
}
"""Every metric by its name."""
