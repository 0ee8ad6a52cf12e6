"""Quality: what of pictures is measured, and the pictures that a person looks at.

A metric is a file here and an entry of `METRICS`.
"""

from objectives.quality.attributes import Attributes
from objectives.quality.clip_loss import ClipLoss
from objectives.quality.image_similarity import ImageSimilarity
from objectives.quality.metric import Metric
from objectives.quality.ms_ssim import MsSsim
from objectives.quality.psnr import Psnr
from objectives.quality.ssim import Ssim

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (ClipLoss(), ImageSimilarity(), Psnr(), Ssim(), MsSsim(), Attributes())
}
"""Every metric by its name."""
